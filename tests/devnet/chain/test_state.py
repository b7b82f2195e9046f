"""A saved chain: it continues to the same blocks, whatever stopped it."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from emeth_tui.devnet.chain.server import DevChain
from emeth_tui.errors import DevnetError
from tests.devnet.chain.raw_rpc import ALICE, BOB, CHAIN_ID, GENESIS_ACCOUNTS, signed

STARTED_UNIX_S = 1_800_000_000
DAY_S = 86_400


def open_chain(state_file: Path, *, now_unix_s: int = STARTED_UNIX_S, chain_id: int = CHAIN_ID) -> DevChain:
    return DevChain(
        chain_id=chain_id, state_file=state_file, genesis_accounts=GENESIS_ACCOUNTS, now=lambda: now_unix_s
    )


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """A kept chain of three blocks."""
    state_file = tmp_path / "net" / "chain.state"
    chain = open_chain(state_file)
    for number in range(3):
        chain.request("eth_sendRawTransaction", signed(number))
    chain.close()
    return state_file


def blocks(chain: DevChain) -> list[str]:
    """List the hashes of all blocks."""
    head = int(chain.request("eth_blockNumber"), 16)
    return [chain.request("eth_getBlockByNumber", hex(number))["hash"] for number in range(head + 1)]


def test_a_chain_goes_on_where_it_stopped(tmp_path: Path) -> None:
    state_file = tmp_path / "chain.state"
    first = open_chain(state_file)
    sent = first.request("eth_sendRawTransaction", signed(0))
    receipt = first.request("eth_getTransactionReceipt", sent)
    kept = blocks(first)
    first.close()

    second = open_chain(state_file, now_unix_s=STARTED_UNIX_S + DAY_S)

    assert blocks(second) == kept
    assert second.request("eth_getTransactionReceipt", sent) == receipt
    assert second.request("eth_getTransactionCount", ALICE.address) == "0x1"
    second.request("eth_sendRawTransaction", signed(1))
    assert blocks(second)[:2] == kept
    latest = second.request("eth_getBlockByNumber", "latest")
    assert (latest["number"], latest["parentHash"]) == ("0x2", kept[-1])
    assert int(latest["timestamp"], 16) == STARTED_UNIX_S + DAY_S
    second.close()


def test_blocks_do_not_depend_on_when_the_chain_was_opened(tmp_path: Path) -> None:
    chains = [open_chain(tmp_path / name) for name in ("one", "two")]
    for chain in chains:
        for number in range(2):
            chain.request("eth_sendRawTransaction", signed(number))
    assert blocks(chains[0]) == blocks(chains[1])
    for chain in chains:
        chain.close()


def test_the_clock_keeps_its_offset(state_file: Path) -> None:
    chain = open_chain(state_file)
    assert chain.request("evm_increaseTime", 5 * DAY_S) == 5 * DAY_S
    chain.close()

    again = open_chain(state_file, now_unix_s=STARTED_UNIX_S + 100)
    again.request("evm_mine")
    mined_unix_s = int(again.request("eth_getBlockByNumber", "latest")["timestamp"], 16)
    again.close()

    assert mined_unix_s == STARTED_UNIX_S + 100 + 5 * DAY_S


def test_a_wall_clock_set_back_does_not_turn_time_back(state_file: Path) -> None:
    chain = open_chain(state_file, now_unix_s=STARTED_UNIX_S - DAY_S)
    chain.request("evm_mine")
    assert int(chain.request("eth_getBlockByNumber", "latest")["timestamp"], 16) == STARTED_UNIX_S
    chain.close()


def test_a_killed_chain_loses_nothing_it_mined(tmp_path: Path) -> None:
    state_file = tmp_path / "chain.state"
    chain = open_chain(state_file)
    chain.request("eth_sendRawTransaction", signed(0))
    kept = blocks(chain)
    copied = tmp_path / "copy.state"
    copied.write_bytes(state_file.read_bytes())  # what a kill at this moment would leave
    chain.close()

    survivor = open_chain(copied)
    assert blocks(survivor) == kept
    survivor.close()


@pytest.mark.parametrize("lost_bytes", [1, 7, 500])
def test_a_block_cut_short_by_a_crash_is_dropped(state_file: Path, lost_bytes: int) -> None:
    whole = open_chain(state_file)
    kept = blocks(whole)
    whole.close()
    content = state_file.read_bytes()
    state_file.write_bytes(content[:-lost_bytes])

    chain = open_chain(state_file)
    assert blocks(chain) == kept[:-1]
    assert chain.request("eth_getTransactionCount", ALICE.address) == "0x2"
    chain.request("eth_sendRawTransaction", signed(2))
    chain.close()
    again = open_chain(state_file)
    assert len(blocks(again)) == 4
    assert blocks(again) == kept
    again.close()


@pytest.mark.parametrize("room_bytes", [10, 9_000])
def test_a_block_that_a_full_disk_took_in_part_damages_nothing(state_file: Path, room_bytes: int) -> None:
    chain = open_chain(state_file)
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (state_file.stat().st_size + room_bytes, largest[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            chain.request("eth_sendRawTransaction", signed(3, data="0x" + "ab" * 15_000, gas=1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, largest)

    chain.request("eth_sendRawTransaction", signed(4))  # there is room again
    kept = blocks(chain)
    chain.close()

    again = open_chain(state_file)
    assert blocks(again) == kept
    again.close()


def test_damage_is_told_not_guessed_at(state_file: Path) -> None:
    content = bytearray(state_file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    state_file.write_bytes(bytes(content))
    with pytest.raises(DevnetError, match=r"chain\.state is damaged at byte [\d,]+; remove it"):
        open_chain(state_file)


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader", "utf-8")
    with pytest.raises(DevnetError, match="not a devnet's state file"):
        open_chain(file)
    assert file.read_text("utf-8") == "Dear reader"


def test_a_file_is_for_one_chain_at_a_time(state_file: Path) -> None:
    chain = open_chain(state_file)
    with pytest.raises(DevnetError, match="another devnet is running"):
        open_chain(state_file)
    chain.close()
    open_chain(state_file).close()


def test_a_chain_keeps_its_id(state_file: Path) -> None:
    with pytest.raises(DevnetError, match="the kept chain has id 60001, not 1"):
        open_chain(state_file, chain_id=1)
    open_chain(state_file).close()


def test_a_directory_is_no_state_file(tmp_path: Path) -> None:
    with pytest.raises(DevnetError, match="cannot open the chain's state file"):
        open_chain(tmp_path)


def test_reverted_blocks_stay_reverted(state_file: Path) -> None:
    chain = open_chain(state_file)
    snapshot = chain.request("evm_snapshot")
    sent = chain.request("eth_sendRawTransaction", signed(3, value=9))
    assert chain.request("evm_revert", snapshot) is True
    other = chain.request("eth_sendRawTransaction", signed(3, value=10))
    kept = blocks(chain)
    chain.close()

    again = open_chain(state_file)
    assert blocks(again) == kept
    assert again.request("eth_getTransactionByHash", sent) is None
    assert again.request("eth_getTransactionReceipt", other)["status"] == "0x1"
    again.close()


def test_a_chain_that_is_not_kept_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chain = DevChain(chain_id=CHAIN_ID, state_file=None, genesis_accounts=GENESIS_ACCOUNTS)
    chain.request("eth_sendRawTransaction", signed(0, BOB))
    chain.close()
    assert list(tmp_path.iterdir()) == []
