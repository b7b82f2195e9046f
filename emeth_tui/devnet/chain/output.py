"""Format py-evm's headers, transactions, receipts and logs for Ethereum's JSON-RPC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from eth_utils.address import to_checksum_address

from emeth_tui.devnet.chain.evm import created_address

Json = dict[str, Any]


def hex_data(value: bytes) -> str:
    return "0x" + value.hex()


def hex_address(value: bytes) -> str | None:
    """Format an address; the empty one, of a contract creation, is null."""
    return to_checksum_address(value) if value else None


def block(header: Any, size_bytes: int, transactions: Sequence[Any]) -> Json:
    """Format a block; `transactions` are hashes or whole transactions, already formatted."""
    return {
        "number": hex(header.block_number),
        "hash": hex_data(header.hash),
        "parentHash": hex_data(header.parent_hash),
        "nonce": hex_data(header.nonce),
        "sha3Uncles": hex_data(header.uncles_hash),
        "logsBloom": f"0x{header.bloom:0512x}",
        "transactionsRoot": hex_data(header.transaction_root),
        "stateRoot": hex_data(header.state_root),
        "receiptsRoot": hex_data(header.receipt_root),
        "miner": hex_address(header.coinbase),
        "difficulty": hex(header.difficulty),
        "totalDifficulty": hex(header.difficulty),
        "extraData": hex_data(header.extra_data),
        "size": hex(size_bytes),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "mixHash": hex_data(header.mix_hash),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": hex_data(header.withdrawals_root),
        "withdrawals": [],
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": hex_data(header.parent_beacon_block_root),
        "uncles": [],
        "transactions": list(transactions),
    }


def transaction(signed: Any, header: Any | None, index: int | None) -> Json:
    """Format a transaction; header and index are None while it is in the pool."""
    type_id = _type_id(signed)
    fields: Json = {
        "type": hex(type_id),
        "hash": hex_data(signed.hash),
        "nonce": hex(signed.nonce),
        "blockHash": None if header is None else hex_data(header.hash),
        "blockNumber": None if header is None else hex(header.block_number),
        "transactionIndex": None if index is None else hex(index),
        "from": hex_address(signed.sender),
        "to": hex_address(signed.to),
        "value": hex(signed.value),
        "gas": hex(signed.gas),
        "gasPrice": hex(gas_price(signed, header)),
        "input": hex_data(signed.data),
        "r": hex(signed.r),
        "s": hex(signed.s),
    }
    if type_id == 0:
        fields["v"] = hex(signed.v)
        return fields if signed.chain_id is None else {**fields, "chainId": hex(signed.chain_id)}
    fields["v"] = fields["yParity"] = hex(signed.y_parity)
    fields["chainId"] = hex(signed.chain_id)
    fields["accessList"] = [
        {"address": hex_address(account), "storageKeys": [f"0x{key:064x}" for key in keys]}
        for account, keys in signed.access_list
    ]
    if type_id == 2:
        fields["maxFeePerGas"] = hex(signed.max_fee_per_gas)
        fields["maxPriorityFeePerGas"] = hex(signed.max_priority_fee_per_gas)
    return fields


def receipt(signed: Any, header: Any, index: int, receipts: Sequence[Any]) -> Json:
    """Format the receipt of the transaction at `index`; `receipts` are all those of its block."""
    own = receipts[index]
    before = receipts[index - 1].gas_used if index else 0
    created = b"" if signed.to else created_address(signed.sender, signed.nonce)
    first_log = sum(len(earlier.logs) for earlier in receipts[:index])
    return {
        "type": hex(_type_id(signed)),
        "status": "0x1" if own.state_root == b"\x01" else "0x0",
        "transactionHash": hex_data(signed.hash),
        "transactionIndex": hex(index),
        "blockHash": hex_data(header.hash),
        "blockNumber": hex(header.block_number),
        "from": hex_address(signed.sender),
        "to": hex_address(signed.to),
        "contractAddress": hex_address(created),
        "cumulativeGasUsed": hex(own.gas_used),
        "gasUsed": hex(own.gas_used - before),
        "effectiveGasPrice": hex(gas_price(signed, header)),
        "logsBloom": f"0x{own.bloom:0512x}",
        "logs": [log(entry, signed, header, index, first_log + i) for i, entry in enumerate(own.logs)],
    }


def log(entry: Any, signed: Any, header: Any, transaction_index: int, log_index: int) -> Json:
    return {
        "address": hex_address(entry.address),
        "topics": [f"0x{topic:064x}" for topic in entry.topics],
        "data": hex_data(entry.data),
        "blockHash": hex_data(header.hash),
        "blockNumber": hex(header.block_number),
        "blockTimestamp": hex(header.timestamp),
        "transactionHash": hex_data(signed.hash),
        "transactionIndex": hex(transaction_index),
        "logIndex": hex(log_index),
        "removed": False,
    }


def block_logs(header: Any, signed: Sequence[Any], receipts: Sequence[Any]) -> Iterator[tuple[Any, Json]]:
    """Yield a block's logs in order: each one from py-evm, and formatted."""
    log_index = 0
    for index, own in enumerate(receipts):
        for entry in own.logs:
            yield entry, log(entry, signed[index], header, index, log_index)
            log_index += 1


def gas_price(signed: Any, header: Any | None) -> int:
    """Return the price of a unit of gas; for a pending EIP-1559 transaction the most that it may be."""
    if header is None:
        return int(signed.max_fee_per_gas)
    return int(min(signed.max_fee_per_gas, signed.max_priority_fee_per_gas + header.base_fee_per_gas))


def _type_id(signed: Any) -> int:
    return int(signed.type_id or 0)
