"""Signed transactions read back from their bytes: the journal keeps nothing else of what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import rlp  # type: ignore[import-untyped]

from emeth_tui.clients.transactions.gas_price import GasPrice
from emeth_tui.errors import StoreError
from emeth_tui.notices.reasons.network.transactions import JournalDamaged

_DYNAMIC_FEE_TYPE = 2  # EIP-1559
_SELECTOR_BYTES = 4  # before the arguments of a call


@dataclass(frozen=True, slots=True)
class SignedCall:
    """What a signed transaction does and offers."""

    nonce: int
    to: bytes
    data: bytes
    gas: int
    price: GasPrice

    @property
    def target(self) -> tuple[bytes, bytes]:
        """What makes two transactions the same act: contract and call."""
        return self.to, self.data


def read_signed(raw: bytes) -> SignedCall:
    """Read a legacy or EIP-1559 transaction. Raise StoreError for anything else: the journal is damaged."""
    try:
        if raw[:1] == bytes([_DYNAMIC_FEE_TYPE]):
            _, nonce, tip, max_fee, gas, to, _, data, *_ = _fields(raw[1:])
            price = GasPrice(_number(max_fee), _number(tip))
        else:
            nonce, gas_price, gas, to, _, data, *_ = _fields(raw)
            price = GasPrice(_number(gas_price))
    except (rlp.exceptions.RLPException, ValueError, TypeError) as error:
        raise StoreError(JournalDamaged()) from error
    return SignedCall(_number(nonce), to, data, _number(gas), price)


def withdrawn_slot(raw: bytes) -> int:
    """Return the slot that a withdrawal asks for: the only argument of `withdrawSlotReward`.

    Raise StoreError when the journal is damaged.
    """
    return int.from_bytes(read_signed(raw).data[_SELECTOR_BYTES:], "big")


def _fields(raw: bytes) -> list[bytes]:
    fields: Any = rlp.decode(raw)
    return cast("list[bytes]", fields)


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
