"""The JSON-RPC methods of the devnet's chain, on top of its EVM, pool and clock."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from eth_utils.crypto import keccak

from emeth_tui.devnet.chain import input as read
from emeth_tui.devnet.chain import output as write
from emeth_tui.devnet.chain.call import estimate_gas, execute
from emeth_tui.devnet.chain.clock import ChainClock
from emeth_tui.devnet.chain.errors import RpcCode, RpcError, invalid_params, rejected
from emeth_tui.devnet.chain.evm import Evm
from emeth_tui.devnet.chain.fees import PRIORITY_FEE_WEI, fee_history
from emeth_tui.devnet.chain.logs import find_logs
from emeth_tui.devnet.chain.pool import Miner, TransactionPool
from emeth_tui.devnet.chain.reorganisation import Reorganisation

CLIENT_VERSION = "emeth-tui-devnet/py-evm"
_REMEMBERED_CALLS = 1_024
_MAX_SHIFT_S = 100 * 365 * 86_400  # the furthest that the clock may jump at once
_TAG_DEPTHS = {"latest": 0, "safe": 32, "finalized": 64}  # blocks behind the head, as with anvil


class ChainMethods:
    """Answers one request at a time; `call` raises RpcError when the answer is an error.

    Blocks can be rewritten with `can_reorganise` alone: a network that others use must not offer that.
    """

    def __init__(self, evm: Evm, clock: ChainClock, *, can_reorganise: bool = False) -> None:
        self._evm = evm
        self._clock = clock
        self._pool = TransactionPool(evm)
        self._miner = Miner(evm, clock, self._pool)
        self._automine = True
        self._snapshots: list[bytes] = []
        self._recent_output = lru_cache(_REMEMBERED_CALLS)(self._output)  # nodes ask the same every second
        self._methods: dict[str, Callable[..., Any]] = {
            "web3_clientVersion": lambda: CLIENT_VERSION,
            "web3_sha3": lambda data: write.hex_data(keccak(read.data(data))),
            "net_version": lambda: str(evm.chain_id),
            "net_listening": lambda: True,
            "eth_chainId": lambda: hex(evm.chain_id),
            "eth_accounts": lambda: [],
            "eth_syncing": lambda: False,
            "eth_blockNumber": lambda: hex(evm.head.block_number),
            "eth_gasPrice": lambda: hex(evm.next_base_fee_wei() + PRIORITY_FEE_WEI),
            "eth_maxPriorityFeePerGas": lambda: hex(PRIORITY_FEE_WEI),
            "eth_feeHistory": self.fee_history,
            "eth_getBalance": self.get_balance,
            "eth_getCode": self.get_code,
            "eth_getStorageAt": self.get_storage_at,
            "eth_getTransactionCount": self.get_transaction_count,
            "eth_getBlockByNumber": self.get_block_by_number,
            "eth_getBlockByHash": self.get_block_by_hash,
            "eth_getTransactionByHash": self.get_transaction_by_hash,
            "eth_getTransactionReceipt": self.get_transaction_receipt,
            "eth_getLogs": lambda wanted: find_logs(evm, read.log_filter(wanted), self._header),
            "eth_call": self.eth_call,
            "eth_estimateGas": self.estimate_gas,
            "eth_sendRawTransaction": self.send_raw_transaction,
            "txpool_status": self.txpool_status,
            "evm_mine": self.mine,
            "evm_increaseTime": self.increase_time,
            "evm_setNextBlockTimestamp": self.set_next_block_timestamp,
            "evm_setAutomine": self.set_automine,
            "evm_snapshot": self.snapshot,
            "evm_revert": self.revert,
        }
        if can_reorganise:
            self._methods.update(Reorganisation(evm, self._pool, self._miner).methods())

    def call(self, method: str, params: list[Any]) -> Any:
        """Answer a request. Raise RpcError."""
        try:
            handler = self._methods[method]
        except KeyError:
            raise RpcError(RpcCode.METHOD_NOT_FOUND, f"the method {method[:80]} does not exist") from None
        try:
            inspect.signature(handler).bind(*params)
        except TypeError:
            raise invalid_params(f"{method} does not take {len(params)} parameters") from None
        try:
            return handler(*params)
        except RecursionError as error:  # Python 3.12 limits nested C code, whatever py-evm asks for
            raise RpcError(RpcCode.INVALID_INPUT, "calls nest deeper than this Python follows") from error

    # ---- state

    def get_balance(self, address: Any, block: Any = None) -> str:
        return hex(self._evm.balance_wei(self._header(read.block_ref(block)), read.address(address)))

    def get_code(self, address: Any, block: Any = None) -> str:
        return write.hex_data(self._evm.code(self._header(read.block_ref(block)), read.address(address)))

    def get_storage_at(self, address: Any, slot: Any, block: Any = None) -> str:
        header = self._header(read.block_ref(block))
        return f"0x{self._evm.storage(header, read.address(address), read.quantity(slot)):064x}"

    def get_transaction_count(self, address: Any, block: Any = None) -> str:
        ref = read.block_ref(block)
        if ref.tag == "pending":
            return hex(self._pool.next_nonce(read.address(address)))
        return hex(self._evm.nonce(self._header(ref), read.address(address)))

    # ---- blocks and transactions

    def get_block_by_number(self, number: Any, full: Any = False) -> write.Json | None:
        try:
            header = self._header(read.block_ref(number))
        except _BlockMissing:
            return None
        return self._block(header, full)

    def get_block_by_hash(self, block_hash: Any, full: Any = False) -> write.Json | None:
        header = self._evm.header_by_hash(read.hash32(block_hash))
        return None if header is None else self._block(header, full)

    def get_transaction_by_hash(self, transaction_hash: Any) -> write.Json | None:
        wanted = read.hash32(transaction_hash)
        found = self._evm.find_transaction(wanted)
        if found is None:
            waiting = self._pool.find(wanted)
            return None if waiting is None else write.transaction(waiting, None, None)
        header, index = found
        return write.transaction(self._evm.transactions(header)[index], header, index)

    def get_transaction_receipt(self, transaction_hash: Any) -> write.Json | None:
        found = self._evm.find_transaction(read.hash32(transaction_hash))
        if found is None:
            return None
        header, index = found
        signed = self._evm.transactions(header)[index]
        return write.receipt(signed, header, index, self._evm.receipts(header))

    def fee_history(self, count: Any, newest: Any, percentiles: Any = None) -> write.Json:
        newest_header = self._header(read.block_ref(newest))
        return fee_history(self._evm, read.quantity(count), newest_header, percentiles or [])

    def _block(self, header: Any, full: Any) -> write.Json:
        if not isinstance(full, bool):
            raise invalid_params("the flag for whole transactions is true or false")
        signed = self._evm.transactions(header)
        shown: list[Any] = [write.hex_data(each.hash) for each in signed]
        if full:
            shown = [write.transaction(each, header, index) for index, each in enumerate(signed)]
        return write.block(header, self._evm.block_bytes(header), shown)

    def _header(self, ref: read.BlockRef) -> Any:
        """Return a block's header. "pending" is the block that would be mined now on the last state."""
        if ref.tag == "pending":
            return self._evm.pending_header(self._clock.next_block_unix_s(self._evm.head.timestamp))
        if ref.block_hash is not None:
            header = self._evm.header_by_hash(ref.block_hash)
        elif ref.number is not None:
            header = self._evm.header_by_number(ref.number)
        else:
            header = self._evm.header_by_number(_tagged_number(ref.tag, self._evm.head.block_number))
        if header is None:
            raise _BlockMissing(ref)
        return header

    # ---- execution

    def eth_call(self, call: Any, block: Any = None) -> str:
        fields, ref = read.call_fields(call), read.block_ref(block)
        header = self._header(ref)
        if ref.tag == "pending":
            return write.hex_data(execute(self._evm, header, fields))
        return self._recent_output(header.hash, frozenset(fields.items()))

    def _output(self, block_hash: bytes, fields: frozenset[tuple[str, Any]]) -> str:
        return write.hex_data(execute(self._evm, self._evm.header_by_hash(block_hash), dict(fields)))

    def estimate_gas(self, call: Any, block: Any = None) -> str:
        fields = read.call_fields(call)
        return hex(estimate_gas(self._evm, self._header(read.block_ref(block)), fields))

    def send_raw_transaction(self, raw: Any) -> str:
        transaction = self._pool.add(read.data(raw))
        if self._automine and transaction in self._miner.mine_from(transaction.sender):
            raise rejected("the EVM refused the transaction")
        return write.hex_data(transaction.hash)

    def txpool_status(self) -> write.Json:
        pending, queued = self._pool.counts()
        return {"pending": hex(pending), "queued": hex(queued)}

    # ---- control, as in anvil

    def mine(self, timestamp: Any = None) -> str:
        """Mine a block of what is pending, or an empty one, at `timestamp` if given."""
        if timestamp is not None:
            self.set_next_block_timestamp(timestamp)
        self._miner.mine_pool()
        return "0x0"

    def increase_time(self, seconds: Any) -> int:
        """Move the clock forward and return the total offset in seconds."""
        shift_s = read.quantity(seconds)
        if shift_s > _MAX_SHIFT_S:
            raise invalid_params("the clock does not jump further than 100 years")
        offset_s = self._clock.increase(shift_s)
        self._evm.clock_offset_s = offset_s
        self._evm.commit()
        return offset_s

    def set_next_block_timestamp(self, timestamp: Any) -> None:
        unix_s = read.quantity(timestamp)
        head_unix_s = self._evm.head.timestamp
        if not head_unix_s <= unix_s <= head_unix_s + _MAX_SHIFT_S:
            raise invalid_params(f"timestamp {unix_s} is lower than the previous block's, or absurd")
        self._clock.set_next_block(unix_s)

    def set_automine(self, automine: Any) -> None:
        """Switch mining on each transaction on or off. Switching it on mines what is pending."""
        if not isinstance(automine, bool):
            raise invalid_params("automine is true or false")
        self._automine = automine
        while automine and self._pool.ready():
            self.mine()

    def snapshot(self) -> str:
        self._snapshots.append(self._evm.head.hash)
        return hex(len(self._snapshots) - 1)

    def revert(self, snapshot: Any) -> bool:
        """Go back to a snapshot; it and later ones become invalid. The clock keeps its offset."""
        number = read.quantity(snapshot)
        if number >= len(self._snapshots):
            return False
        header = self._evm.header_by_hash(self._snapshots[number])
        del self._snapshots[number:]
        if header is None:
            return False
        self._evm.revert_to(header)
        self._evm.commit()
        return True


def _tagged_number(tag: str | None, head_number: int) -> int:
    return 0 if tag == "earliest" else max(0, head_number - _TAG_DEPTHS[tag or "latest"])


class _BlockMissing(RpcError):
    def __init__(self, ref: read.BlockRef) -> None:
        if ref.number is None:
            super().__init__(RpcCode.NOT_FOUND, "block not found")
        else:
            super().__init__(RpcCode.INVALID_PARAMS, f"block {ref.number} is beyond the chain's head")
