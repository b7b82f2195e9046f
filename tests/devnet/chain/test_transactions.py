"""Transactions on DevChain: what is mined, what waits, what is refused and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account

from emeth_tui.devnet.chain.errors import RpcError
from emeth_tui.devnet.chain.server import DevChain
from tests.devnet.chain.raw_rpc import ALICE, BOB, CHAIN_ID, GENESIS_ACCOUNTS, GWEI, PAUPER, creation, signed

STARTED_UNIX_S = 1_800_000_000


@pytest.fixture
def chain() -> Iterator[DevChain]:
    made = DevChain(
        chain_id=CHAIN_ID, state_file=None, genesis_accounts=GENESIS_ACCOUNTS, now=lambda: STARTED_UNIX_S
    )
    yield made
    made.close()


def nonce(chain: DevChain, block: str = "latest", account: Any = ALICE) -> int:
    return int(chain.request("eth_getTransactionCount", account.address, block), 16)


def head_number(chain: DevChain) -> int:
    return int(chain.request("eth_blockNumber"), 16)


def refusal(chain: DevChain, raw: Any) -> tuple[int, str]:
    with pytest.raises(RpcError) as caught:
        chain.request("eth_sendRawTransaction", raw)
    return int(caught.value.code), caught.value.message


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gasPrice": 3 * GWEI},
        {"gasPrice": 3 * GWEI, "accessList": [], "gas": 30_000},
    ],
    ids=["EIP-1559", "legacy", "access list"],
)
def test_each_transaction_makes_a_block(chain: DevChain, changes: dict[str, Any]) -> None:
    before = int(chain.request("eth_getBalance", BOB.address), 16)
    for number in (1, 2):
        sent = chain.request("eth_sendRawTransaction", signed(number - 1, value=5, **changes))
        receipt = chain.request("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1"
        assert receipt["blockNumber"] == hex(number)
        assert chain.request("eth_getBlockByNumber", hex(number))["transactions"] == [sent]
    assert int(chain.request("eth_getBalance", BOB.address), 16) == before + 10
    assert nonce(chain) == 2


def test_the_sender_pays_gas_at_the_effective_price(chain: DevChain) -> None:
    before = int(chain.request("eth_getBalance", ALICE.address), 16)
    sent = chain.request("eth_sendRawTransaction", signed(0, value=7))
    receipt = chain.request("eth_getTransactionReceipt", sent)
    base_fee_wei = int(chain.request("eth_getBlockByNumber", "latest")["baseFeePerGas"], 16)
    assert int(receipt["effectiveGasPrice"], 16) == base_fee_wei + GWEI
    paid_wei = before - int(chain.request("eth_getBalance", ALICE.address), 16)
    assert paid_wei == 21_000 * (base_fee_wei + GWEI) + 7


def test_a_transaction_is_told_as_it_was_sent(chain: DevChain) -> None:
    sent = chain.request("eth_sendRawTransaction", signed(0, data="0x1234", gas=30_000))
    told = chain.request("eth_getTransactionByHash", sent)
    assert told["from"] == ALICE.address
    assert told["to"] == BOB.address
    assert (told["nonce"], told["value"], told["input"], told["type"]) == ("0x0", "0x1", "0x1234", "0x2")
    assert told["chainId"] == hex(CHAIN_ID)


def test_the_same_bytes_again_are_refused(chain: DevChain) -> None:
    raw = signed(0)
    chain.request("eth_sendRawTransaction", raw)
    assert refusal(chain, raw) == (-32003, "nonce too low: next nonce 1, tx nonce 0")
    assert head_number(chain) == 1


def test_a_transaction_ahead_waits_for_those_before_it(chain: DevChain) -> None:
    ahead = [chain.request("eth_sendRawTransaction", signed(number)) for number in (2, 1)]
    assert head_number(chain) == 0
    assert nonce(chain, "pending") == 0
    assert chain.request("txpool_status") == {"pending": "0x0", "queued": "0x2"}
    for sent in ahead:
        assert chain.request("eth_getTransactionByHash", sent)["blockHash"] is None
        assert chain.request("eth_getTransactionReceipt", sent) is None
    assert refusal(chain, signed(2)) == (-32003, "already known")

    chain.request("eth_sendRawTransaction", signed(0))

    assert head_number(chain) == 3
    assert nonce(chain, "pending") == nonce(chain) == 3
    receipts = [chain.request("eth_getTransactionReceipt", sent) for sent in ahead]
    assert [receipt["blockNumber"] for receipt in receipts] == ["0x3", "0x2"]


def test_a_replacement_pays_a_tenth_more_of_both_fees(chain: DevChain) -> None:
    chain.request("evm_setAutomine", False)
    first = chain.request("eth_sendRawTransaction", signed(0, maxFeePerGas=10 * GWEI))
    for fees in (
        {"maxFeePerGas": 11 * GWEI - 1, "maxPriorityFeePerGas": 2 * GWEI},
        {"maxFeePerGas": 20 * GWEI, "maxPriorityFeePerGas": 11 * GWEI // 10 - 1},
    ):
        assert refusal(chain, signed(0, **fees)) == (-32003, "replacement transaction underpriced")
    better = signed(0, maxFeePerGas=11 * GWEI, maxPriorityFeePerGas=11 * GWEI // 10)
    second = chain.request("eth_sendRawTransaction", better)

    chain.request("evm_mine")

    assert chain.request("eth_getTransactionReceipt", second)["status"] == "0x1"
    assert chain.request("eth_getTransactionByHash", first) is None


def test_without_automine_one_block_takes_all_that_wait(chain: DevChain) -> None:
    chain.request("evm_setAutomine", False)
    bobs = signed(0, BOB, to=ALICE.address, maxFeePerGas=30 * GWEI)
    sent = [chain.request("eth_sendRawTransaction", raw) for raw in (signed(0), signed(1), bobs, signed(3))]
    assert nonce(chain, "pending") == 2
    assert nonce(chain) == head_number(chain) == 0

    chain.request("evm_mine")

    block = chain.request("eth_getBlockByNumber", "latest", True)
    # Who pays more goes first; the nonces of one sender keep their order; a gap keeps waiting.
    assert [transaction["hash"] for transaction in block["transactions"]] == [sent[2], sent[0], sent[1]]
    receipts = [chain.request("eth_getTransactionReceipt", each) for each in (sent[2], sent[0], sent[1])]
    assert [int(receipt["cumulativeGasUsed"], 16) for receipt in receipts] == [21_000, 42_000, 63_000]
    assert [receipt["gasUsed"] for receipt in receipts] == [hex(21_000)] * 3
    assert chain.request("txpool_status") == {"pending": "0x0", "queued": "0x1"}


def test_automine_switched_on_mines_what_waited(chain: DevChain) -> None:
    chain.request("evm_setAutomine", False)
    chain.request("eth_sendRawTransaction", signed(0))
    chain.request("evm_setAutomine", True)
    assert nonce(chain) == 1


def test_a_block_takes_no_more_than_its_gas(chain: DevChain) -> None:
    chain.request("evm_setAutomine", False)
    for number in range(3):
        chain.request("eth_sendRawTransaction", signed(number, gas=14_000_000))
    chain.request("evm_mine")
    assert nonce(chain) == 2
    chain.request("evm_mine")
    assert nonce(chain) == 3


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"value": 10**30}, -32003, "insufficient funds for gas * price + value"),
        ({"gas": 20_999}, -32000, "intrinsic gas too low"),
        ({"gas": 30_000_001}, -32000, "exceeds block gas limit"),
        ({"chainId": 1}, -32003, "invalid chain id for signer"),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}, -32003, "max fee per gas less than block base fee"),
        ({"gasPrice": 1}, -32003, "max fee per gas less than block base fee"),
        (
            {"maxFeePerGas": GWEI, "maxPriorityFeePerGas": GWEI + 1},
            -32003,
            "max priority fee per gas higher than max fee per gas",
        ),
    ],
)
def test_what_cannot_be_mined_is_refused(
    chain: DevChain, changes: dict[str, Any], code: int, words: str
) -> None:
    assert refusal(chain, signed(0, **changes)) == (code, words)
    assert nonce(chain, "pending") == head_number(chain) == 0


def test_who_owns_nothing_pays_for_nothing(chain: DevChain) -> None:
    words = "insufficient funds for gas * price + value"
    assert refusal(chain, signed(0, PAUPER, value=0)) == (-32003, words)


@pytest.mark.parametrize("raw", ["0x", "0x00", "0x1234", "0x02", "0x02c0", "0xc0", "0x" + "ff" * 200])
def test_bytes_that_are_no_transaction_are_refused(chain: DevChain, raw: str) -> None:
    code, words = refusal(chain, raw)
    assert code == -32602
    assert words.startswith("failed to decode transaction")


def test_a_forged_signature_pays_from_nobodys_account(chain: DevChain) -> None:
    """Other bytes yield another signer, who owns nothing, or none at all."""
    raw = bytearray.fromhex(signed(0)[2:])
    raw[-5] ^= 1
    _, words = refusal(chain, "0x" + raw.hex())
    assert "insufficient funds" in words or "failed to decode" in words
    assert nonce(chain) == 0


def test_blobs_are_not_for_this_chain(chain: DevChain) -> None:
    blob_transaction = "0x03" + signed(0)[4:]
    assert refusal(chain, blob_transaction)[0] == -32602


def test_a_transaction_without_a_chain_id_is_taken(chain: DevChain) -> None:
    """As other nodes of old chains do, which know no EIP-155."""
    fields = {"nonce": 0, "gas": 21_000, "to": BOB.address, "value": 1, "gasPrice": 3 * GWEI}
    sent = chain.request("eth_sendRawTransaction", ALICE.sign_transaction(fields).raw_transaction.to_0x_hex())
    assert "chainId" not in chain.request("eth_getTransactionByHash", sent)


def test_a_transaction_that_reverts_is_mined_and_charged(chain: DevChain) -> None:
    created = chain.request(
        "eth_sendRawTransaction", signed(0, to=None, value=0, gas=60_000, data="0x60006000fd")
    )
    receipt = chain.request("eth_getTransactionReceipt", created)
    assert receipt["status"] == "0x0"
    assert 53_000 < int(receipt["gasUsed"], 16) < 60_000
    assert nonce(chain) == 1


def test_a_contract_creation_names_its_contract(chain: DevChain) -> None:
    raw = signed(0, to=None, value=0, gas=2_000_000, data=creation("EmethToken", 5))
    sent = chain.request("eth_sendRawTransaction", raw)
    receipt = chain.request("eth_getTransactionReceipt", sent)
    assert receipt["to"] is None
    assert len(chain.request("eth_getCode", receipt["contractAddress"])) > 1_000
    assert [log["address"] for log in receipt["logs"]] == [receipt["contractAddress"]]


def test_too_much_code_is_refused_and_leaves_the_chain_alive(chain: DevChain) -> None:
    raw = signed(0, to=None, value=0, gas=20_000_000, data="0x" + "00" * 50_000)
    assert refusal(chain, raw) == (-32000, "max initcode size exceeded")
    chain.request("eth_sendRawTransaction", signed(0))
    assert nonce(chain) == 1


def test_what_can_no_longer_be_paid_is_dropped(chain: DevChain) -> None:
    poor = Account.from_key("0x" + "77" * 32)
    chain.request("eth_sendRawTransaction", signed(0, to=poor.address, value=GWEI * 21_000 * 30))
    waiting = chain.request("eth_sendRawTransaction", signed(1, poor, value=GWEI * 21_000 * 9))
    mined = chain.request("eth_sendRawTransaction", signed(0, poor, value=GWEI * 21_000 * 9))

    assert chain.request("eth_getTransactionReceipt", mined)["blockNumber"] == "0x2"
    assert chain.request("eth_getTransactionByHash", waiting) is None
    assert nonce(chain, account=poor) == nonce(chain, "pending", poor) == 1
    assert head_number(chain) == 2


def test_a_block_of_what_can_no_longer_be_paid_is_empty(chain: DevChain) -> None:
    poor = Account.from_key("0x" + "77" * 32)
    chain.request("eth_sendRawTransaction", signed(0, to=poor.address, value=GWEI * 21_000 * 30))
    chain.request("evm_setAutomine", False)
    chain.request("eth_sendRawTransaction", signed(0, poor, value=GWEI * 21_000 * 9))
    chain.request("eth_sendRawTransaction", signed(1, poor, value=GWEI * 21_000 * 9))
    chain.request("evm_mine")
    assert nonce(chain, account=poor) == 1
    assert len(chain.request("eth_getBlockByNumber", "latest")["transactions"]) == 1
    assert chain.request("txpool_status") == {"pending": "0x0", "queued": "0x0"}
