"""Pure parts: quantities, revert reasons, gas prices, signed bytes, foreign text."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.clients.chain.contracts import revert_reason
from emeth_tui.clients.chain.values import MAX_NUMBER, BadAnswer, hex_bytes, number, quantity
from emeth_tui.clients.transactions.gas_price import GasPrice
from emeth_tui.clients.transactions.signed_bytes import SignedCall, read_signed
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import StoreError
from emeth_tui.foreign_text import endpoint, one_line

WALLET = Wallet(b"\x05" * 32)
TO = bytes(range(20))
_WEI = st.integers(0, 10**15)


@given(st.integers(0, 2**256 - 1))
def test_quantities_are_read(value: int) -> None:
    assert quantity(hex(value)) == value


@pytest.mark.parametrize("value", [None, 7, "7", "", "0x", "0xzz", "0x" + "1" * 65, [], {}, True, "-0x1"])
def test_what_is_no_quantity_is_a_bad_answer(value: object) -> None:
    with pytest.raises(BadAnswer):
        quantity(value)


def test_a_number_is_what_the_store_holds() -> None:
    assert number(hex(MAX_NUMBER)) == MAX_NUMBER
    with pytest.raises(BadAnswer):
        number(hex(MAX_NUMBER + 1))


@pytest.mark.parametrize("value", [None, 7, "", "00", "0x0", "0xzz", [], True])
def test_what_is_no_data_is_a_bad_answer(value: object) -> None:
    with pytest.raises(BadAnswer):
        hex_bytes(value)


@given(st.text(max_size=500))
def test_a_contracts_reason_is_told_on_one_line(text: str) -> None:
    reason = revert_reason(bytes.fromhex("08c379a0") + encode(["string"], [text]))
    assert reason == one_line(text)
    assert reason.isprintable()


@given(st.binary(max_size=200), st.text(max_size=50))
def test_any_revert_has_a_printable_reason(data: bytes, said: str) -> None:
    assert revert_reason(data, said).isprintable()


@given(st.text(), st.integers(1, 50))
def test_one_line_is_short_and_printable(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@rpc.example:8545/v3/secret?key=secret", "https://rpc.example:8545"),
        ("http://[::1]:8545/secret", "http://[::1]:8545"),
        ("http://[::1", "…"),
        ("http://x:99999999/secret", "…"),
        ("file:///secret", "file://"),
    ],
)
def test_an_endpoint_is_named_without_its_secrets(url: str, shown: str) -> None:
    assert endpoint(url) == shown


_PRICES = st.one_of(
    st.builds(GasPrice, _WEI),
    st.tuples(_WEI, _WEI).map(lambda wei: GasPrice(max(wei), min(wei))),
)


@given(_PRICES, _PRICES)
def test_a_bumped_price_is_always_taken_as_a_replacement(price: GasPrice, market: GasPrice) -> None:
    bumped = price.bumped(market)
    assert bumped.max_wei * 1000 >= price.max_wei * 1125
    assert bumped.max_wei >= market.max_wei
    assert (bumped.tip_wei is None) == (price.tip_wei is None)
    if bumped.tip_wei is not None and price.tip_wei is not None:
        assert bumped.tip_wei <= bumped.max_wei
        assert bumped.tip_wei * 1000 >= price.tip_wei * 1125


@given(st.integers(0, 2**64 - 2), st.binary(max_size=300), st.integers(21_000, 10**7), _PRICES)
def test_signed_bytes_are_read_back(nonce: int, data: bytes, gas: int, price: GasPrice) -> None:
    fields: dict[str, Any] = {
        "chainId": 60001,
        "nonce": nonce,
        "to": TO,
        "value": 0,
        "data": data,
        "gas": gas,
    }
    raw, _ = WALLET.sign_transaction({**fields, **price.fields()})
    assert read_signed(raw) == SignedCall(nonce, TO, data, gas, price)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_transaction_are_a_damaged_journal(raw: bytes) -> None:
    with contextlib.suppress(StoreError):
        assert isinstance(read_signed(raw), SignedCall)


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\xc0", b"\xc0", b"\xff" * 40, b"\x01\xc0"])
def test_no_transaction_is_made_of_nothing(raw: bytes) -> None:
    with pytest.raises(StoreError, match="not a transaction"):
        read_signed(raw)
