"""The chain's clock: wall clock plus an offset that anvil's methods move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emeth_tui.devnet.chain.errors import RpcError
from emeth_tui.devnet.chain.evm import Evm
from emeth_tui.devnet.chain.server import DevChain
from tests.devnet.chain.raw_rpc import CHAIN_ID, GENESIS_ACCOUNTS, signed

STARTED_UNIX_S = 1_800_000_000
DAY_S = 86_400
READ_TIME = {"data": "0x4260005260206000f3"}  # a contract creation that returns block.timestamp


class Clocked:
    """A chain whose wall clock is stopped until it is moved."""

    def __init__(self) -> None:
        self.now_unix_s = float(STARTED_UNIX_S)
        self.chain = DevChain(
            chain_id=CHAIN_ID,
            state_file=None,
            genesis_accounts=GENESIS_ACCOUNTS,
            now=lambda: self.now_unix_s,
        )

    def request(self, method: str, *params: Any) -> Any:
        return self.chain.request(method, *params)

    def mine(self) -> int:
        """Mine a block; returns its time."""
        self.request("evm_mine")
        return int(self.request("eth_getBlockByNumber", "latest")["timestamp"], 16)


@pytest.fixture
def clocked() -> Iterator[Clocked]:
    made = Clocked()
    yield made
    made.chain.close()


def test_blocks_follow_the_wall_clock(clocked: Clocked) -> None:
    assert clocked.mine() == STARTED_UNIX_S
    clocked.now_unix_s += 12.9
    assert clocked.mine() == STARTED_UNIX_S + 12


def test_blocks_may_share_a_second(clocked: Clocked) -> None:
    assert clocked.mine() == clocked.mine() == STARTED_UNIX_S


def test_increased_time_adds_up_and_goes_on(clocked: Clocked) -> None:
    assert clocked.request("evm_increaseTime", DAY_S) == DAY_S
    assert clocked.request("evm_increaseTime", "0xa") == DAY_S + 10
    clocked.now_unix_s += 5
    assert clocked.mine() == STARTED_UNIX_S + DAY_S + 15
    clocked.now_unix_s += 5
    assert clocked.mine() == STARTED_UNIX_S + DAY_S + 20


def test_a_set_time_is_the_next_blocks_and_goes_on_from_there(clocked: Clocked) -> None:
    midnight_unix_s = (STARTED_UNIX_S // DAY_S + 1) * DAY_S
    clocked.request("evm_setNextBlockTimestamp", midnight_unix_s - 1)
    sent = clocked.request("eth_sendRawTransaction", signed(0))
    block = clocked.request("eth_getTransactionReceipt", sent)["blockNumber"]
    told = int(clocked.request("eth_getBlockByNumber", block)["timestamp"], 16)
    assert told == midnight_unix_s - 1
    clocked.now_unix_s += 1
    assert clocked.mine() == midnight_unix_s


def test_a_block_is_mined_at_a_given_time(clocked: Clocked) -> None:
    clocked.request("evm_mine", STARTED_UNIX_S + 77)
    assert int(clocked.request("eth_getBlockByNumber", "latest")["timestamp"], 16) == STARTED_UNIX_S + 77


def test_calls_see_the_latest_blocks_time_and_pending_ones_the_clocks(clocked: Clocked) -> None:
    clocked.mine()
    clocked.now_unix_s += 50
    assert int(clocked.request("eth_call", READ_TIME, "latest"), 16) == STARTED_UNIX_S
    assert int(clocked.request("eth_call", READ_TIME, "pending"), 16) == STARTED_UNIX_S + 50
    clocked.request("evm_setNextBlockTimestamp", STARTED_UNIX_S + 500)
    assert int(clocked.request("eth_call", READ_TIME, "pending"), 16) == STARTED_UNIX_S + 500


def test_the_same_call_on_the_same_block_is_executed_once(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = []
    execute = Evm.call
    monkeypatch.setattr(Evm, "call", lambda *call: executed.append(call) or execute(*call))
    first = clocked.mine()
    for block in ("latest", "latest", "0x1"):
        assert int(clocked.request("eth_call", READ_TIME, block), 16) == first
    assert len(executed) == 1
    clocked.now_unix_s += 50
    assert clocked.mine() == first + 50
    assert int(clocked.request("eth_call", READ_TIME, "latest"), 16) == first + 50
    assert int(clocked.request("eth_call", READ_TIME, "0x1"), 16) == first
    assert len(executed) == 2


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("evm_setNextBlockTimestamp", STARTED_UNIX_S - 1),
        ("evm_setNextBlockTimestamp", 2**63),
        ("evm_setNextBlockTimestamp", "tomorrow"),
        ("evm_mine", STARTED_UNIX_S - 1),
        ("evm_increaseTime", -1),
        ("evm_increaseTime", 2**64),
        ("evm_increaseTime", 1.5),
        ("evm_increaseTime", True),
        ("evm_increaseTime", None),
    ],
)
def test_time_never_runs_backwards_nor_wild(clocked: Clocked, method: str, value: Any) -> None:
    with pytest.raises(RpcError):
        clocked.request(method, value)
    assert clocked.mine() == STARTED_UNIX_S


def test_a_wall_clock_set_back_stops_time(clocked: Clocked) -> None:
    clocked.now_unix_s -= 1_000
    assert clocked.mine() == STARTED_UNIX_S
