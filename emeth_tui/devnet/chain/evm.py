"""py-evm as used by the devnet: a chain of blocks mined on demand, and calls against any block's state.

Synchronous and not thread-safe: `DevChain` keeps it in one thread. py-evm's own types for headers, blocks and
transactions lack the fields of later forks, so they are `Any` here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_typing import Address, BlockNumber, HexAddress, HexStr
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from emeth_tui.clients.chain.web3 import Nonce, get_create_address
from emeth_tui.clients.loaded_later import PRAGUES_CURVES, loaded_later
from emeth_tui.devnet.chain.store import ChainStore
from emeth_tui.errors import DevnetError
from emeth_tui.notices.reasons.local.devnet import KeptOtherChain

with loaded_later(PRAGUES_CURVES):
    from eth.chains.base import MiningChain
    from eth.constants import CREATE_CONTRACT_ADDRESS, POST_MERGE_DIFFICULTY, POST_MERGE_NONCE
    from eth.db.atomic import AtomicDB
    from eth.exceptions import HeaderNotFound, OutOfGas, Revert, TransactionNotFound, VMError
    from eth.vm.forks.cancun import CancunVM
    from eth.vm.forks.cancun.computation import CancunComputation
    from eth.vm.forks.cancun.state import CancunState
    from eth.vm.message import Message
    from eth.vm.spoof import SpoofTransaction

BLOCK_GAS_LIMIT = 30_000_000
_GENESIS_PARENT_HASH = bytes(32)
_CHAIN_ID_KEY = b"emeth-tui:chain-id"  # among py-evm's own keys, which are hashes or start with "v1:"
_OFFSET_KEY = b"emeth-tui:clock-offset"
_FORKS_KEY = b"emeth-tui:forks"
_REMEMBERED_BLOCKS = 1_024
_REMEMBERED_CODES = 256


@lru_cache(_REMEMBERED_CODES)
def _jumps(_code: bytes) -> tuple[set[int], set[int]]:
    """Return where this code may be jumped to and where not, as py-evm finds out: once, not in each call."""
    return set(), set()


class _DevnetComputation(CancunComputation):
    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        super().__init__(state, message, transaction_context)
        code: Any = self.code
        code.valid_positions, code.invalid_positions = _jumps(message.code)


class _DevnetState(CancunState):
    computation_class = _DevnetComputation


class _DevnetVM(CancunVM):
    """Ethereum's Cancun rules, but blocks may share a second, because each transaction makes a block."""

    _state_class = _DevnetState

    @classmethod
    def validate_header(cls, header: Any, parent_header: Any) -> None:
        if header.timestamp == parent_header.timestamp:
            header = header.copy(timestamp=header.timestamp + 1)
        super().validate_header(header, parent_header)


class _DevnetChain(MiningChain):
    vm_configuration = ((BlockNumber(0), _DevnetVM),)

    def create_header_from_parent(self, parent_header: Any, **header_params: Any) -> Any:
        """Keep the gas limit, on which miners would vote."""
        fields = {**header_params, "gas_limit": parent_header.gas_limit}
        return super().create_header_from_parent(parent_header, **fields)


@dataclass(frozen=True, slots=True)
class Call:
    """A message to execute without a transaction; `to` is empty for a contract creation."""

    sender: bytes
    to: bytes
    value: int
    data: bytes
    gas: int
    gas_price: int = 0


@dataclass(frozen=True, slots=True)
class CallResult:
    """The outcome of an execution: the output (revert data after a revert), and the error if any.

    `gas_spent` is before refunds: the most that the execution needed, unless it called others (`nests`), to
    which it may pass on 63 64ths of the gas that is left (EIP-150).
    """

    output: bytes
    gas_spent: int
    error: Exception | None
    nests: bool = False

    @property
    def reverted(self) -> bool:
        return isinstance(self.error, Revert)

    @property
    def out_of_gas(self) -> bool:
        return isinstance(self.error, OutOfGas)


class Evm:
    """The chain of one devnet. A store that already holds a chain continues where it stopped."""

    def __init__(
        self, store: ChainStore, *, chain_id: int, genesis_unix_s: int, genesis_accounts: Mapping[str, int]
    ) -> None:
        self.chain_id = chain_id
        self._store = store
        self._recent_transactions: dict[bytes, tuple[Any, ...]] = {}
        self._last_state: tuple[bytes, Any] | None = None  # a block's hash, and the state after it
        chain_class: Any = _DevnetChain.configure(f"Devnet{chain_id}", chain_id=chain_id)
        self._chain: Any
        if _CHAIN_ID_KEY in store:
            self._check_chain_id()
            self._chain = chain_class(AtomicDB(store))
        else:
            self._chain = _create_chain(chain_class, store, genesis_unix_s, genesis_accounts)
            store[_CHAIN_ID_KEY] = str(chain_id).encode()
            self.clock_offset_s = 0
            store.commit()

    @property
    def clock_offset_s(self) -> int:
        """The clock's offset, stored with the chain."""
        return int(self._store[_OFFSET_KEY])

    @clock_offset_s.setter
    def clock_offset_s(self, offset_s: int) -> None:
        self._store[_OFFSET_KEY] = str(offset_s).encode()

    def commit(self) -> None:
        self._store.commit()

    # ---- blocks

    @property
    def head(self) -> Any:
        """The last block's header."""
        return self._chain.get_canonical_head()

    def header_by_number(self, number: int) -> Any | None:
        if not 0 <= number <= self.head.block_number:
            return None
        return self._chain.get_canonical_block_header_by_number(number)

    def header_by_hash(self, block_hash: bytes) -> Any | None:
        """Return a block of the chain; one removed by a revert is not found."""
        try:
            header = self._chain.get_block_header_by_hash(block_hash)
        except HeaderNotFound:
            return None
        on_chain = self.header_by_number(header.block_number)
        return header if on_chain is not None and on_chain.hash == block_hash else None

    def pending_header(self, timestamp_unix_s: int) -> Any:
        """Return the header that a block mined now would start from."""
        return self._chain.create_header_from_parent(self.head).copy(timestamp=timestamp_unix_s)

    def next_base_fee_wei(self) -> int:
        """Return the next block's base fee."""
        return int(self.pending_header(self.head.timestamp).base_fee_per_gas)

    def transactions(self, header: Any) -> tuple[Any, ...]:
        """Return a block's transactions. Recent ones are cached, because recovering a sender is slow."""
        known = self._recent_transactions.get(header.hash)
        if known is None:
            builder = self._chain.get_vm(header).get_transaction_builder()
            known = tuple(self._chain.chaindb.get_block_transactions(header, builder))
            self._remember(header.hash, known)
        return known

    def receipts(self, header: Any) -> tuple[Any, ...]:
        builder = self._chain.get_vm(header).get_receipt_builder()
        return tuple(self._chain.chaindb.get_receipts(header, builder))

    def block_bytes(self, header: Any) -> int:
        return len(rlp.encode(self._chain.get_block_by_header(header)))

    def find_transaction(self, transaction_hash: bytes) -> tuple[Any, int] | None:
        """Return a mined transaction's block header and its index in the block."""
        try:
            number, index = self._chain.chaindb.get_transaction_index(transaction_hash)
        except TransactionNotFound:
            return None
        header = self.header_by_number(number)
        if header is None:
            return None
        # The index also holds transactions of reverted blocks.
        transactions = self.transactions(header)
        if index >= len(transactions) or transactions[index].hash != transaction_hash:
            return None
        return header, index

    def mine(self, transactions: Sequence[Any], timestamp_unix_s: int) -> tuple[Any | None, list[Any]]:
        """Mine one block; return its header and the transactions that did not go in.

        If none went in, there is no block and no header.
        """
        parent = self.head
        self._chain.header = self.pending_header(timestamp_unix_s)
        left_out = []
        for transaction in transactions:
            try:
                self._chain.apply_transaction(transaction)
            except (ValidationError, VMError):
                left_out.append(transaction)
        if transactions and len(left_out) == len(transactions):
            return None, left_out
        # Contracts see `mix_hash` as randomness: any value will do, the same one on every run. After a
        # fork it is another one, so that a block never has the hash of the one that it replaces.
        block = self._chain.mine_block(mix_hash=keccak(parent.hash + self._store.get(_FORKS_KEY, b"")))
        self._remember(block.hash, tuple(block.transactions))
        return block.header, left_out

    def revert_to(self, header: Any) -> None:
        """Remove every block after this one from the chain."""
        db = self._chain.chaindb.db
        self._chain.chaindb._set_as_canonical_chain_head(db, header, _GENESIS_PARENT_HASH)

    def fork_from(self, header: Any) -> None:
        """Remove every block after this one, for others that differ from them even with the same content."""
        self._store[_FORKS_KEY] = str(int(self._store.get(_FORKS_KEY, b"0")) + 1).encode()
        self.revert_to(header)

    # ---- state after a block

    def balance_wei(self, header: Any, address: bytes) -> int:
        return int(self._state(header).get_balance(address))

    def nonce(self, header: Any, address: bytes) -> int:
        return int(self._state(header).get_nonce(address))

    def code(self, header: Any, address: bytes) -> bytes:
        return bytes(self._state(header).get_code(address))

    def storage(self, header: Any, address: bytes, slot: int) -> int:
        return int(self._state(header).get_storage(address, slot))

    # ---- execution

    def decode(self, raw: bytes) -> Any:
        """Decode a signed transaction. py-evm raises many kinds of errors here."""
        return self._chain.get_vm().get_transaction_builder().decode(raw)

    def intrinsic_gas(self, call: Call) -> int:
        return int(self._unsigned(call).intrinsic_gas)

    def call(self, header: Any, call: Call) -> CallResult:
        """Execute a message on the state after a block, as part of that block, and discard its effects.

        Gas is metered but not paid for; the caller makes sure that there is enough to start with, and that
        the sender owns `value`.
        """
        state = self._state(header)
        self._last_state = None  # in case of an exception in the middle of a change
        before = state.snapshot()
        result = self._call(state, call)
        state.revert(before)
        self._last_state = header.hash, state
        return result

    def _call(self, state: Any, call: Call) -> CallResult:
        transaction = SpoofTransaction(self._unsigned(call), from_=call.sender)
        executor = state.get_transaction_executor()
        message = self._message(state, call, gas=call.gas - transaction.intrinsic_gas)
        try:
            computation = executor.build_computation(message, transaction)
        except VMError as refusal:  # before the first instruction: creation code of absurd length
            return CallResult(b"", call.gas, refusal)
        error = computation.error if computation.is_error else None
        gas_spent = call.gas - int(computation.get_gas_remaining())
        return CallResult(bytes(computation.output), gas_spent, error, nests=bool(computation.children))

    def _state(self, header: Any) -> Any:
        """Return the state after a block: the last one that was asked for knows what it has read."""
        if self._last_state is None or self._last_state[0] != header.hash:
            self._last_state = header.hash, self._chain.get_vm(header).state
        return self._last_state[1]

    def _message(self, state: Any, call: Call, gas: int) -> Any:
        state.increment_nonce(call.sender)
        fields: dict[str, Any] = {"gas": gas, "to": call.to, "sender": call.sender, "value": call.value}
        if call.to != CREATE_CONTRACT_ADDRESS:
            return Message(**fields, data=call.data, code=state.get_code(call.to))
        created = created_address(call.sender, state.get_nonce(call.sender) - 1)
        return Message(**fields, data=b"", code=call.data, create_address=Address(created))

    def _unsigned(self, call: Call) -> Any:
        builder = self._chain.get_vm(self.head).get_transaction_builder()
        return builder.new_unsigned_dynamic_fee_transaction(
            chain_id=self.chain_id,
            nonce=0,
            max_priority_fee_per_gas=call.gas_price,
            max_fee_per_gas=call.gas_price,
            gas=call.gas,
            to=call.to,
            value=call.value,
            data=call.data,
            access_list=(),
        )

    def _remember(self, block_hash: bytes, transactions: tuple[Any, ...]) -> None:
        self._recent_transactions[block_hash] = transactions
        while len(self._recent_transactions) > _REMEMBERED_BLOCKS:
            del self._recent_transactions[next(iter(self._recent_transactions))]

    def _check_chain_id(self) -> None:
        kept = int(self._store[_CHAIN_ID_KEY])
        if kept != self.chain_id:
            raise DevnetError(KeptOtherChain(kept, self.chain_id))


def created_address(sender: bytes, nonce: int) -> bytes:
    """Return the address of the contract that this transaction creates."""
    return to_canonical_address(get_create_address(HexAddress(HexStr("0x" + sender.hex())), Nonce(nonce)))


def _create_chain(
    chain_class: Any, store: ChainStore, genesis_unix_s: int, accounts: Mapping[str, int]
) -> Any:
    params = {
        "difficulty": POST_MERGE_DIFFICULTY,
        "nonce": POST_MERGE_NONCE,
        "gas_limit": BLOCK_GAS_LIMIT,
        "timestamp": genesis_unix_s,
        "extra_data": b"",
    }
    state = {
        to_canonical_address(address): {"balance": balance_wei, "nonce": 0, "code": b"", "storage": {}}
        for address, balance_wei in accounts.items()
    }
    return chain_class.from_genesis(AtomicDB(store), params, state)
