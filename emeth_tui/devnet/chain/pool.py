"""Pending transactions: checked on arrival, mined in nonce order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from emeth_tui.devnet.chain.clock import ChainClock
from emeth_tui.devnet.chain.errors import RpcCode, RpcError, invalid_params, rejected
from emeth_tui.devnet.chain.evm import BLOCK_GAS_LIMIT, Evm

_MAX_TRANSACTION_BYTES = 128 * 1024  # what Ethereum nodes accept
_MAX_CREATION_BYTES = 49_152  # EIP-3860
_REPLACEMENT_PERCENT = 110  # a replacement pays 10 % more, as on Ethereum nodes
_TRANSACTION_TYPES = frozenset({0, 1, 2})  # legacy, access list, EIP-1559


class TransactionPool:
    """Signed transactions by sender and nonce. One after a gap waits for those before it."""

    def __init__(self, evm: Evm) -> None:
        self._evm = evm
        self._waiting: dict[bytes, dict[int, Any]] = {}

    def add(self, raw: bytes) -> Any:
        """Check a signed transaction against the chain's last block and add it.

        Raise RpcError in Ethereum nodes' own words, by which clients distinguish refusals.
        """
        transaction = self.decode(raw)
        self._check_fields(transaction)
        nonce = self._evm.nonce(self._evm.head, transaction.sender)
        if transaction.nonce < nonce:
            raise rejected(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        self._check_replacement(transaction)
        self._check_funds(transaction)
        self._waiting.setdefault(transaction.sender, {})[transaction.nonce] = transaction
        return transaction

    def find(self, transaction_hash: bytes) -> Any | None:
        for by_nonce in self._waiting.values():
            for transaction in by_nonce.values():
                if transaction.hash == transaction_hash:
                    return transaction
        return None

    def next_nonce(self, sender: bytes) -> int:
        """Return the next nonce after the chain's and the pool's, up to the first gap."""
        nonce = self._evm.nonce(self._evm.head, sender)
        waiting = self._waiting.get(sender, {})
        while nonce in waiting:
            nonce += 1
        return nonce

    def counts(self) -> tuple[int, int]:
        """Return how many transactions can go into the next block, and how many are behind a gap."""
        ready = len(self.ready())
        return ready, sum(len(by_nonce) for by_nonce in self._waiting.values()) - ready

    def ready(self) -> list[Any]:
        """Return what can be mined now, best-paying sender first, up to one block's gas."""
        runs = [list(self._run(sender)) for sender in self._waiting]
        base_fee_wei = self._evm.next_base_fee_wei()
        runs.sort(key=lambda run: run[0].max_fee_per_gas if run else 0, reverse=True)
        chosen = []
        gas_left = BLOCK_GAS_LIMIT
        for run in runs:
            for transaction in run:
                if transaction.gas > gas_left or transaction.max_fee_per_gas < base_fee_wei:
                    break
                gas_left -= transaction.gas
                chosen.append(transaction)
        return chosen

    def next_of(self, sender: bytes) -> Any | None:
        """Return this sender's next transaction, if it is here."""
        return next(self._run(sender), None)

    def remove(self, transaction: Any) -> None:
        by_nonce = self._waiting.get(transaction.sender, {})
        by_nonce.pop(transaction.nonce, None)
        if not by_nonce:
            self._waiting.pop(transaction.sender, None)

    def put_back(self, transaction: Any) -> None:
        """Take back a transaction whose block is gone; nothing that came since is replaced."""
        self._waiting.setdefault(transaction.sender, {}).setdefault(transaction.nonce, transaction)

    def prune(self) -> None:
        """Forget transactions whose nonce the chain has used."""
        for sender in list(self._waiting):
            nonce = self._evm.nonce(self._evm.head, sender)
            for transaction in list(self._waiting[sender].values()):
                if transaction.nonce < nonce:
                    self.remove(transaction)

    def clear(self) -> None:
        """Forget everything that is pending."""
        self._waiting.clear()

    def clear_sender(self, sender: bytes) -> None:
        """Forget what this sender has pending."""
        self._waiting.pop(sender, None)

    def decode(self, raw: bytes) -> Any:
        """Decode a signed transaction, whether or not it can be mined. Raise RpcError."""
        if not 0 < len(raw) <= _MAX_TRANSACTION_BYTES:
            raise invalid_params("failed to decode transaction: wrong size")
        try:
            transaction = self._evm.decode(raw)
            _ = transaction.sender
        # py-evm, rlp and eth-keys raise a dozen unrelated errors on bytes that are not a transaction.
        except Exception as error:
            raise invalid_params("failed to decode transaction") from error
        return transaction

    def _run(self, sender: bytes) -> Iterator[Any]:
        by_nonce = self._waiting.get(sender, {})
        nonce = self._evm.nonce(self._evm.head, sender)
        while nonce in by_nonce:
            yield by_nonce[nonce]
            nonce += 1

    def _check_fields(self, transaction: Any) -> None:
        if (transaction.type_id or 0) not in _TRANSACTION_TYPES:
            raise rejected("transaction type not supported")
        if transaction.chain_id not in (None, self._evm.chain_id):
            raise rejected("invalid chain id for signer")
        if transaction.gas > BLOCK_GAS_LIMIT:
            raise RpcError(RpcCode.INVALID_INPUT, "exceeds block gas limit")
        if not transaction.to and len(transaction.data) > _MAX_CREATION_BYTES:
            raise RpcError(RpcCode.INVALID_INPUT, "max initcode size exceeded")
        if transaction.gas < transaction.get_intrinsic_gas():
            raise RpcError(RpcCode.INVALID_INPUT, "intrinsic gas too low")
        if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
            raise rejected("max priority fee per gas higher than max fee per gas")
        if transaction.max_fee_per_gas < self._evm.next_base_fee_wei():
            raise rejected("max fee per gas less than block base fee")

    def _check_replacement(self, transaction: Any) -> None:
        waiting = self._waiting.get(transaction.sender, {}).get(transaction.nonce)
        if waiting is None:
            return
        if waiting.hash == transaction.hash:
            raise rejected("already known")
        for fee in ("max_fee_per_gas", "max_priority_fee_per_gas"):
            if getattr(transaction, fee) * 100 < getattr(waiting, fee) * _REPLACEMENT_PERCENT:
                raise rejected("replacement transaction underpriced")

    def _check_funds(self, transaction: Any) -> None:
        cost_wei = transaction.gas * transaction.max_fee_per_gas + transaction.value
        if self._evm.balance_wei(self._evm.head, transaction.sender) < cost_wei:
            raise rejected("insufficient funds for gas * price + value")


class Miner:
    """Mines blocks of what is pending, on the clock's time, and commits them to the chain's file."""

    def __init__(self, evm: Evm, clock: ChainClock, pool: TransactionPool) -> None:
        self._evm = evm
        self._clock = clock
        self._pool = pool

    def mine(self, transactions: list[Any]) -> list[Any]:
        """Mine one block, if any of the transactions goes in, and return those that do not."""
        timestamp_unix_s = self._clock.next_block_unix_s(self._evm.head.timestamp)
        header, left_out = self._evm.mine(transactions, timestamp_unix_s)
        if header is not None:
            self._clock.block_mined(header.timestamp)
            self._evm.clock_offset_s = self._clock.offset_s
            self._evm.commit()
        return left_out

    def mine_always(self, transactions: list[Any]) -> None:
        """Mine one block of those transactions that can go in: an empty one if there are none."""
        if len(self.mine(transactions)) == len(transactions) > 0:
            self.mine([])

    def mine_pool(self) -> None:
        """Mine one block of what is pending, or an empty one."""
        transactions = self._pool.ready()
        for transaction in transactions:
            self._pool.remove(transaction)
        self.mine_always(transactions)

    def mine_from(self, sender: bytes) -> list[Any]:
        """Mine what a sender has pending, one block for each; return what the EVM refused."""
        refused: list[Any] = []
        while (transaction := self._pool.next_of(sender)) is not None:
            self._pool.remove(transaction)
            refused += self.mine([transaction])
        return refused
