"""Take blocks back and mine others in their place, as a chain does that changes its mind. For tests only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from emeth_tui.devnet.chain import input as read
from emeth_tui.devnet.chain.errors import invalid_params
from emeth_tui.devnet.chain.evm import Evm
from emeth_tui.devnet.chain.output import hex_data
from emeth_tui.devnet.chain.pool import Miner, TransactionPool

Dropped = Literal["mine", "pool", "forget"]
_MAX_BLOCKS = 1_000  # in one reorganisation


class Reorganisation:
    """The JSON-RPC methods that rewrite a chain's newest blocks.

    - `anvil_reorg(depth, pairs)`: replace the newest blocks by as many others. Each pair is a signed
      transaction and the number, from 0, of the new block that it goes into. What the old blocks held is
      forgotten.
    - `anvil_rollback(depth)`: take the newest blocks away.
    - `anvil_dropTransaction(hash)`, `anvil_dropAllTransactions()`, `anvil_removePoolTransactions(address)`:
      forget what is pending.
    - `devnet_reorg({depth, blocks, dropped})`: replace the newest `depth` blocks by `blocks` others (as many,
      if not given). What the old blocks held goes into the last new one ("mine"), waits for the next block
      ("pool", the default) or is forgotten ("forget"). Returns these transactions' hashes, oldest first.
    """

    def __init__(self, evm: Evm, pool: TransactionPool, miner: Miner) -> None:
        self._evm = evm
        self._pool = pool
        self._miner = miner

    def methods(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "anvil_reorg": self.reorg,
            "anvil_rollback": self.rollback,
            "anvil_dropTransaction": self.drop_transaction,
            "anvil_dropAllTransactions": self._pool.clear,
            "anvil_removePoolTransactions": lambda sender: self._pool.clear_sender(read.address(sender)),
            "devnet_reorg": self.reorg_with,
        }

    def reorg(self, depth: Any, pairs: Any) -> None:
        blocks = self._depth(depth)
        contents = self._contents(pairs, blocks)
        self._take_back(blocks)
        for transactions in contents:
            self._miner.mine_always(transactions)
        self._pool.prune()

    def rollback(self, depth: Any) -> None:
        self._take_back(self._depth(depth))

    def drop_transaction(self, transaction_hash: Any) -> str | None:
        waiting = self._pool.find(read.hash32(transaction_hash))
        if waiting is None:
            return None
        self._pool.remove(waiting)
        return hex_data(waiting.hash)

    def reorg_with(self, options: Any) -> list[str]:
        if not isinstance(options, dict) or not options.keys() <= {"depth", "blocks", "dropped"}:
            raise invalid_params("expected an object with depth, blocks and dropped")
        depth = self._depth(options.get("depth"))
        blocks = read.quantity(options.get("blocks", depth))
        if not depth <= blocks <= _MAX_BLOCKS:
            raise invalid_params(f"{depth} blocks are replaced by as many or more, up to {_MAX_BLOCKS}")
        dropped = options.get("dropped", "pool")
        if dropped not in get_args(Dropped):
            raise invalid_params('dropped is "mine", "pool" or "forget"')
        return [hex_data(each.hash) for each in self._reorganise(depth, blocks, dropped)]

    def _reorganise(self, depth: int, blocks: int, dropped: Dropped) -> list[Any]:
        transactions = self._take_back(depth)
        last_is_full = dropped == "mine" and blocks > 0
        for _ in range(blocks - 1 if last_is_full else blocks):
            self._miner.mine([])
        if dropped != "forget":
            for transaction in transactions:
                self._pool.put_back(transaction)
        if last_is_full:
            self._miner.mine_pool()
        return transactions

    def _take_back(self, depth: int) -> list[Any]:
        """Remove the newest blocks and return their transactions, oldest first."""
        head_number = self._evm.head.block_number
        removed = [
            self._evm.header_by_number(number + 1) for number in range(head_number - depth, head_number)
        ]
        transactions = [each for header in removed for each in self._evm.transactions(header)]
        if depth:
            self._evm.fork_from(self._evm.header_by_number(head_number - depth))
            self._evm.commit()
        return transactions

    def _depth(self, depth: Any) -> int:
        head_number = self._evm.head.block_number
        read_depth = read.quantity(depth)
        if read_depth > min(head_number, _MAX_BLOCKS):
            raise invalid_params(
                f"depth {read_depth} is more than the chain's height {head_number}, or absurd"
            )
        return read_depth

    def _contents(self, pairs: Any, blocks: int) -> list[list[Any]]:
        """Return each new block's transactions."""
        if not isinstance(pairs, list):
            raise invalid_params("expected a list of transactions, each with the number of its block")
        contents: list[list[Any]] = [[] for _ in range(blocks)]
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                raise invalid_params("expected a signed transaction and the number of its block")
            number = read.quantity(pair[1])
            if number >= blocks:
                raise invalid_params(f"block {number} is not among the {blocks} new ones")
            contents[number].append(self._pool.decode(read.data(pair[0])))
        return contents
