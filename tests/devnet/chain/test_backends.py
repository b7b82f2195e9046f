"""The chain as a service: started, kept and stopped, whichever kind it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.devnet.chain.anvil import BINARY_VARIABLE, find_anvil
from emeth_tui.devnet.chain.backends import ChainKind, make_chain
from emeth_tui.errors import DevnetError
from tests.devnet.chain.raw_rpc import ALICE, CHAIN_ID, GENESIS_ACCOUNTS, RawRpc, signed

KINDS = [
    "py-evm",
    pytest.param(
        "anvil",
        marks=pytest.mark.skipif(
            find_anvil() is None, reason=f"needs an anvil binary, on the PATH or named by {BINARY_VARIABLE}"
        ),
    ),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kept_chain_is_found_again(kind: ChainKind, tmp_path: Path) -> None:
    ports = []
    for nonce in range(2):
        chain = make_chain(
            kind,
            chain_id=CHAIN_ID,
            state_dir=tmp_path,
            genesis_accounts=GENESIS_ACCOUNTS,
            preferred_port=ports[0] if ports else 0,
        )
        await chain.start()
        ports.append(int(chain.rpc_url.rsplit(":", 1)[1]))
        rpc = RawRpc(chain.rpc_url)
        assert await rpc.result("eth_getTransactionCount", ALICE.address, "latest") == hex(nonce)
        sent = await rpc.result("eth_sendRawTransaction", signed(nonce))
        while await rpc.result("eth_getTransactionReceipt", sent) is None:
            pass
        await rpc.close()
        await chain.stop()
    assert ports[0] == ports[1]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_chain_that_is_not_kept_starts_anew(kind: ChainKind, tmp_path: Path) -> None:
    for _ in range(2):
        chain = make_chain(kind, chain_id=CHAIN_ID, state_dir=None, genesis_accounts=GENESIS_ACCOUNTS)
        await chain.start()
        rpc = RawRpc(chain.rpc_url)
        await rpc.result("eth_sendRawTransaction", signed(0))
        await rpc.close()
        await chain.stop()


async def test_a_kept_chain_serves_one_devnet_at_a_time(tmp_path: Path) -> None:
    chains = [
        make_chain("py-evm", chain_id=CHAIN_ID, state_dir=tmp_path, genesis_accounts=GENESIS_ACCOUNTS)
        for _ in range(2)
    ]
    await chains[0].start()
    with pytest.raises(DevnetError, match="another devnet is running"):
        await chains[1].start()
    await chains[1].stop()
    await chains[0].stop()
    await chains[1].start()
    await chains[1].stop()
