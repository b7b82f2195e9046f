"""The verification key in a line that one account opens."""

from __future__ import annotations

import ecies
import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given, settings
from hypothesis import strategies as st

from emeth_tui.clients.admission import (
    PREFIX,
    Admission,
    introduction,
    introduction_digest,
    opened,
    written,
)
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import ServiceError, WalletError
from emeth_tui.network.admission import admission_line
from emeth_tui.notices.reasons.wallet import AdmissionOfOtherNetwork, NoAdmission, NotOurAdmission
from emeth_tui.settings import Network

KEY = "ab" * 32
ONE, OTHER = Wallet((1).to_bytes(32, "big")), Wallet((2).to_bytes(32, "big"))


def network(**changes: object) -> Network:
    values = {"name": "lab", "chain_id": 31_337, "core_address": "0x" + "11" * 20, "models": {}}
    return Network.model_validate({**values, **changes})


def line_for(wallet: Wallet) -> str:
    return admission_line(network(), wallet.address, introduction(wallet, network()), KEY)


def test_only_the_account_that_introduced_itself_opens_its_line() -> None:
    line = line_for(ONE)

    assert opened(f" {line}\n", ONE, network()) == KEY
    with pytest.raises(WalletError) as refused:
        opened(line, OTHER, network())
    assert refused.value.reason == NotOurAdmission(OTHER.address)
    assert KEY not in line
    assert line_for(ONE) != line


def test_any_wallet_can_introduce_itself() -> None:
    core = "0x" + "ab" * 20
    message = f"emeth-tui: {ONE.address} asks for the key of EmethCore {core} on chain 31337"
    signed = Account.sign_message(encode_defunct(text=message), (1).to_bytes(32, "big"))

    mixed = network(core_address="0x" + "Ab" * 20)
    assert bytes(signed.message_hash) == introduction_digest(mixed, ONE.address)
    line = admission_line(mixed, ONE.address, "0x" + bytes(signed.signature).hex(), KEY)
    assert opened(line, ONE, network(core_address=core)) == KEY


@pytest.mark.parametrize(
    "signature",
    [
        introduction(OTHER, network()),
        introduction(ONE, network(chain_id=1)),
        introduction(ONE, network(core_address="0x" + "22" * 20)),
        "",
        "0x",
        "zz",
        "0x" + "ff" * 65,
        "0x" + "00" * 65,
    ],
)
def test_a_signature_that_is_not_the_accounts_admits_nobody(signature: str) -> None:
    with pytest.raises(ServiceError):
        admission_line(network(), ONE.address, signature, KEY)


def test_a_line_for_another_network_is_refused() -> None:
    for other in (network(chain_id=1), network(core_address="0x" + "22" * 20)):
        with pytest.raises(WalletError) as refused:
            opened(line_for(ONE), ONE, other)
        assert refused.value.reason == AdmissionOfOtherNetwork("lab")


def test_what_is_no_line_is_told_so() -> None:
    with pytest.raises(WalletError) as refused:
        opened(KEY, ONE, network())
    assert refused.value.reason == NoAdmission(PREFIX)


@given(st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_damaged_lines_show_nothing(sealed: bytes) -> None:
    with pytest.raises(WalletError) as refused:
        opened(written(sealed), ONE, network())
    assert refused.value.reason == NotOurAdmission(ONE.address)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 1_000,
        b'{"chain_id":31337}',
        msgspec.json.encode(Admission(31_337, "0x" + "11" * 20, "")),
        msgspec.json.encode(Admission(31_337, "0x" + "11" * 20, "a\nb = 1")),
    ],
)
def test_what_a_stranger_has_sealed_is_checked(content: bytes) -> None:
    public_key = Account.from_key((1).to_bytes(32, "big"))._key_obj.public_key.to_bytes()

    with pytest.raises(WalletError) as refused:
        opened(written(ecies.encrypt(public_key, content)), ONE, network())
    assert refused.value.reason == NotOurAdmission(ONE.address)


def test_an_admission_shows_no_key() -> None:
    assert KEY not in repr(Admission(1, "0x", KEY))
