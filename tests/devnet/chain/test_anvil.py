"""anvil as the devnet's chain: found or missed, started, kept, stopped."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from emeth_tui.devnet.chain.anvil import BINARY_VARIABLE, AnvilChain, find_anvil
from emeth_tui.errors import DevnetError
from tests.devnet.chain.raw_rpc import ALICE, CHAIN_ID, GENESIS_ACCOUNTS, RawRpc, signed

needs_anvil = pytest.mark.skipif(
    find_anvil() is None, reason=f"needs an anvil binary, on the PATH or named by {BINARY_VARIABLE}"
)


def make_anvil(state_file: Path | None = None) -> AnvilChain:
    return AnvilChain(chain_id=CHAIN_ID, state_file=state_file, genesis_accounts=GENESIS_ACCOUNTS)


def make_binary(tmp_path: Path, script: str) -> Path:
    binary = tmp_path / "anvil"
    binary.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    binary.chmod(0o755)
    return binary


@needs_anvil
async def test_it_runs_the_devnets_chain() -> None:
    chain = make_anvil()
    await chain.start()
    rpc = RawRpc(chain.rpc_url)
    try:
        assert await rpc.result("eth_chainId") == hex(CHAIN_ID)
        assert await rpc.result("eth_accounts") == []
        balance = await rpc.result("eth_getBalance", ALICE.address, "latest")
        assert int(balance, 16) == GENESIS_ACCOUNTS[ALICE.address]
        assert chain.rpc_url.startswith("http://127.0.0.1:")
    finally:
        await rpc.close()
        await chain.stop()
    with pytest.raises(httpx.ConnectError):
        await RawRpc(chain.rpc_url).result("eth_chainId")


@needs_anvil
async def test_a_kept_chain_goes_on_and_is_funded_once(tmp_path: Path) -> None:
    state_file = tmp_path / "net" / "anvil.json"
    hashes, balances = [], []
    for nonce in range(2):
        chain = make_anvil(state_file)
        await chain.start()
        rpc = RawRpc(chain.rpc_url)
        sent = await rpc.result("eth_sendRawTransaction", signed(nonce))
        while await rpc.result("eth_getTransactionReceipt", sent) is None:
            pass
        hashes.append((await rpc.result("eth_getBlockByNumber", "0x1", False))["hash"])
        balances.append(int(await rpc.result("eth_getBalance", ALICE.address, "latest"), 16))
        await rpc.close()
        await chain.stop()
    assert hashes[0] == hashes[1]
    assert GENESIS_ACCOUNTS[ALICE.address] > balances[0] > balances[1]


@needs_anvil
async def test_a_stopped_chain_may_be_stopped_again() -> None:
    chain = make_anvil()
    await chain.start()
    await chain.stop()
    await chain.stop()


async def test_without_a_binary_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(BINARY_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_anvil() is None
    with pytest.raises(DevnetError, match=rf"no anvil found: install Foundry .* {BINARY_VARIABLE}"):
        await make_anvil().start()


def test_the_variable_goes_before_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_path, named = tmp_path / "bin", tmp_path / "named"
    for folder in (on_path, named):
        folder.mkdir()
        make_binary(folder, "true")
    monkeypatch.setenv("PATH", str(on_path) + os.pathsep + os.environ["PATH"])
    monkeypatch.delenv(BINARY_VARIABLE, raising=False)
    assert find_anvil() == str(on_path / "anvil")
    monkeypatch.setenv(BINARY_VARIABLE, str(named / "anvil"))
    assert find_anvil() == str(named / "anvil")


async def test_a_binary_that_ends_at_once_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    binary = make_binary(tmp_path, "echo unknown option --hardfork >&2; exit 2")
    monkeypatch.setenv(BINARY_VARIABLE, str(binary))
    with pytest.raises(DevnetError, match="anvil ended at once; it said: unknown option --hardfork"):
        await make_anvil().start()


async def test_a_binary_that_never_listens_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spawn = AnvilChain._spawn

    async def spawn_and_hear(chain: AnvilChain) -> None:
        await spawn(chain)
        said: Any = chain._process and chain._process.stdout
        while not said._buffer:  # noqa: ASYNC110 - the time begins when it has said something
            await asyncio.sleep(0.01)

    monkeypatch.setattr(AnvilChain, "_spawn", spawn_and_hear)
    monkeypatch.setattr("emeth_tui.devnet.chain.anvil._START_TIMEOUT_S", 0.2)
    monkeypatch.setenv(BINARY_VARIABLE, str(make_binary(tmp_path, "echo thinking; exec sleep 60")))
    with pytest.raises(DevnetError, match="anvil did not start; it said: thinking"):
        await make_anvil().start()


async def test_a_binary_that_does_not_run_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    binary = tmp_path / "anvil"
    binary.write_bytes(b"\x7fELF rubbish")
    binary.chmod(0o755)
    monkeypatch.setenv(BINARY_VARIABLE, str(binary))
    with pytest.raises(DevnetError, match=r"cannot run .*anvil: Exec format error"):
        await make_anvil().start()


async def test_one_that_does_not_want_to_stop_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("emeth_tui.devnet.chain.anvil._STOP_TIMEOUT_S", 0.2)
    script = "trap '' TERM; echo Listening on 127.0.0.1:1; while :; do sleep 0.1; done"
    monkeypatch.setenv(BINARY_VARIABLE, str(make_binary(tmp_path, script)))
    chain = AnvilChain(chain_id=CHAIN_ID, state_file=None, genesis_accounts={})
    await chain.start()
    await chain.stop()
