"""Logs, their filters and the history of fees on DevChain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emeth_tui.devnet.chain.errors import RpcError
from emeth_tui.devnet.chain.server import DevChain
from tests.devnet.chain.raw_rpc import BOB, CHAIN_ID, GENESIS_ACCOUNTS, GWEI, signed

TOPICS = [f"0x{number:064x}" for number in range(5)]


@pytest.fixture
def chain() -> Iterator[DevChain]:
    made = DevChain(chain_id=CHAIN_ID, state_file=None, genesis_accounts=GENESIS_ACCOUNTS)
    yield made
    made.close()


def logging_code(*logs: list[int]) -> str:
    """Write creation code that logs, each time with these topics."""
    code = ""
    for topics in logs:
        pushed = "".join(f"7f{TOPICS[number][2:]}" for number in reversed(topics))
        code += f"{pushed}5f5f{0xA0 + len(topics):x}"
    return f"0x{code}00"


def send_logs(chain: DevChain, nonce: int, *logs: list[int], **changes: Any) -> Any:
    """Send a transaction that logs; returns its hash."""
    fields = {"to": None, "value": 0, "gas": 99_000, "data": logging_code(*logs), **changes}
    return chain.request("eth_sendRawTransaction", signed(nonce, **fields))


def found(chain: DevChain, **wanted: Any) -> list[tuple[int, list[int]]]:
    """Find logs; returns for each its block and its topics."""
    logs = chain.request("eth_getLogs", {"fromBlock": "0x0", **wanted})
    return [(int(log["blockNumber"], 16), [int(topic, 16) for topic in log["topics"]]) for log in logs]


@pytest.fixture
def logged(chain: DevChain) -> DevChain:
    """Three blocks of logs."""
    send_logs(chain, 0, [1, 2])
    send_logs(chain, 1, [1, 3], [2])
    send_logs(chain, 2, [3, 2, 1])
    return chain


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        (None, [(1, [1, 2]), (2, [1, 3]), (2, [2]), (3, [3, 2, 1])]),
        ([], [(1, [1, 2]), (2, [1, 3]), (2, [2]), (3, [3, 2, 1])]),
        ([1], [(1, [1, 2]), (2, [1, 3])]),
        ([None, 2], [(1, [1, 2]), (3, [3, 2, 1])]),
        ([[1, 3]], [(1, [1, 2]), (2, [1, 3]), (3, [3, 2, 1])]),
        ([[1, 3], [2]], [(1, [1, 2]), (3, [3, 2, 1])]),
        ([None, None, None], [(3, [3, 2, 1])]),
        ([[], None], [(1, [1, 2]), (2, [1, 3]), (3, [3, 2, 1])]),
        ([4], []),
        ([2, 1], []),
    ],
)
def test_topics_match_at_their_place(logged: DevChain, topics: Any, expected: Any) -> None:
    def written(value: Any) -> Any:
        if isinstance(value, list):
            return [written(item) for item in value]
        return value if value is None else TOPICS[value]

    assert found(logged, topics=written(topics)) == expected


def test_ranges_hold_both_ends(logged: DevChain) -> None:
    assert [block for block, _ in found(logged, fromBlock="0x2", toBlock="0x2")] == [2, 2]
    assert [block for block, _ in found(logged, fromBlock="0x2", toBlock="0xffff")] == [2, 2, 3]
    assert [block for block, _ in found(logged, toBlock="earliest")] == []
    assert found(logged, fromBlock="0x3", toBlock="0x2") == []
    assert [block for block, _ in found(logged, fromBlock=None)] == [3]
    latest = logged.request("eth_getLogs", {})
    assert [log["blockNumber"] for log in latest] == ["0x3"]


def test_addresses_are_any_of_those_named(logged: DevChain) -> None:
    contracts = [log["address"] for log in logged.request("eth_getLogs", {"fromBlock": "0x0"})]
    assert [block for block, _ in found(logged, address=contracts[0])] == [1]
    assert [block for block, _ in found(logged, address=[contracts[0], contracts[3].lower()])] == [1, 3]
    assert found(logged, address=BOB.address) == []
    assert found(logged, address=contracts[0], topics=[TOPICS[3]]) == []


def test_one_block_may_be_asked_for_by_its_hash(logged: DevChain) -> None:
    block = logged.request("eth_getBlockByNumber", "0x2")
    logs = logged.request("eth_getLogs", {"blockHash": block["hash"]})
    assert [log["blockHash"] for log in logs] == [block["hash"]] * 2
    with pytest.raises(RpcError, match="unknown block"):
        logged.request("eth_getLogs", {"blockHash": TOPICS[1]})


def test_logs_are_counted_through_the_block(chain: DevChain) -> None:
    chain.request("evm_setAutomine", False)
    hashes = [send_logs(chain, 0, [1], [2]), send_logs(chain, 1, [3]), send_logs(chain, 2)]
    hashes.append(send_logs(chain, 3, [4]))
    chain.request("evm_mine")

    logs = chain.request("eth_getLogs", {})
    places = [(log["logIndex"], log["transactionIndex"], log["transactionHash"]) for log in logs]
    assert places == [
        ("0x0", "0x0", hashes[0]),
        ("0x1", "0x0", hashes[0]),
        ("0x2", "0x1", hashes[1]),
        ("0x3", "0x3", hashes[3]),
    ]
    in_receipts = [log for sent in hashes for log in chain.request("eth_getTransactionReceipt", sent)["logs"]]
    assert in_receipts == logs


def test_logs_of_reverted_blocks_are_gone(logged: DevChain) -> None:
    snapshot = logged.request("evm_snapshot")
    send_logs(logged, 3, [4])
    gone = logged.request("eth_getBlockByNumber", "latest")["hash"]
    assert [block for block, _ in found(logged, topics=[TOPICS[4]])] == [4]

    assert logged.request("evm_revert", snapshot) is True
    logged.request("evm_mine")

    assert found(logged, topics=[TOPICS[4]]) == []
    assert logged.request("eth_getBlockByHash", gone) is None
    with pytest.raises(RpcError, match="unknown block"):
        logged.request("eth_getLogs", {"blockHash": gone})
    with pytest.raises(RpcError, match="block not found"):
        logged.request("eth_getBalance", BOB.address, {"blockHash": gone})


def test_the_fee_history_tells_tips_by_gas(chain: DevChain) -> None:
    chain.request("evm_setAutomine", False)
    tips = [3 * GWEI, 1 * GWEI, 4 * GWEI, 2 * GWEI]
    for nonce, tip in enumerate(tips):
        raw = signed(nonce, maxPriorityFeePerGas=tip)
        chain.request("eth_sendRawTransaction", raw)
    chain.request("evm_mine")
    chain.request("evm_mine")

    history = chain.request("eth_feeHistory", "0x3", "latest", [0, 25, 50, 76, 100])

    assert history["oldestBlock"] == "0x0"
    assert history["gasUsedRatio"] == [0, 84_000 / 30_000_000, 0]
    expected = [1 * GWEI, 1 * GWEI, 2 * GWEI, 4 * GWEI, 4 * GWEI]
    assert history["reward"] == [["0x0"] * 5, [hex(tip) for tip in expected], ["0x0"] * 5]
    blocks = [chain.request("eth_getBlockByNumber", hex(number)) for number in range(3)]
    assert history["baseFeePerGas"][:3] == [block["baseFeePerGas"] for block in blocks]
    chain.request("evm_mine")
    assert history["baseFeePerGas"][3] == chain.request("eth_getBlockByNumber", "0x3")["baseFeePerGas"]


def test_the_fee_history_starts_at_the_block_asked_for(chain: DevChain) -> None:
    for _ in range(5):
        chain.request("evm_mine")
    history = chain.request("eth_feeHistory", "0x2", "0x3", [])
    assert history["oldestBlock"] == "0x2"
    assert len(history["baseFeePerGas"]) == 3
    assert history["reward"] == []
    assert len(chain.request("eth_feeHistory", hex(5_000), "latest")["gasUsedRatio"]) == 6


def test_suggested_fees_are_enough(chain: DevChain) -> None:
    price_wei = int(chain.request("eth_gasPrice"), 16)
    chain.request("eth_sendRawTransaction", signed(0, gasPrice=price_wei))
    tip_wei = int(chain.request("eth_maxPriorityFeePerGas"), 16)
    base_fee_wei = int(chain.request("eth_feeHistory", "0x1", "latest")["baseFeePerGas"][-1], 16)
    raw = signed(1, maxFeePerGas=base_fee_wei + tip_wei, maxPriorityFeePerGas=tip_wei)
    assert chain.request("eth_getTransactionReceipt", chain.request("eth_sendRawTransaction", raw))
