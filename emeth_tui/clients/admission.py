"""The verification key on its way to one node: in a line that only that node's account opens.

A node introduces itself by a signature, from which its public key follows. The operator encrypts the key to
that public key (ECIES on secp256k1, by eciespy), with the network that it belongs to.
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from eth_utils.crypto import keccak

from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import WalletError
from emeth_tui.notices.reasons.wallet import AdmissionOfOtherNetwork, NoAdmission, NotOurAdmission
from emeth_tui.settings import Network

PREFIX = "emeth-key-1:"
MAX_LINE_CHARS = 8_192  # ours have some 450
_EIP_191 = "\x19Ethereum Signed Message:\n"


class Admission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a line holds: the network's chain and contract, and its verification key."""

    chain_id: int
    core_address: str
    key: str

    def __repr__(self) -> str:
        return f"Admission(chain {self.chain_id}, {self.core_address})"


def introduction_digest(network: Network, address: str) -> bytes:
    """Return what an account signs to introduce itself: a personal message (EIP-191), as any wallet signs."""
    core = network.core_address.lower()  # profiles write it as they like
    message = f"emeth-tui: {address} asks for the key of EmethCore {core} on chain {network.chain_id}"
    return keccak(text=f"{_EIP_191}{len(message.encode())}{message}")


def introduction(wallet: Wallet, network: Network) -> str:
    """Return the signature by which an account introduces itself to its network's operator."""
    return "0x" + wallet.sign_digest(introduction_digest(network, wallet.address)).hex()


def written(sealed: bytes) -> str:
    """Return a sealed admission as a line."""
    return PREFIX + base64.urlsafe_b64encode(sealed).decode("ascii")


def opened(line: str, wallet: Wallet, network: Network) -> str:
    """Return the verification key in a line that an operator has written for this account and network.

    Raise WalletError, which shows nothing of it.
    """
    text = line.strip()
    if not text.startswith(PREFIX) or len(text) > MAX_LINE_CHARS:
        raise WalletError(NoAdmission(PREFIX))
    try:
        sealed = base64.b64decode(text.removeprefix(PREFIX), altchars=b"-_", validate=True)
        admission = msgspec.json.decode(wallet.open_letter(sealed), type=Admission)
    except (binascii.Error, ValueError, RecursionError):
        raise WalletError(NotOurAdmission(wallet.address)) from None
    theirs = (admission.chain_id, admission.core_address.lower())
    if theirs != (network.chain_id, network.core_address.lower()):
        raise WalletError(AdmissionOfOtherNetwork(network.name))
    if not admission.key.strip() or not admission.key.isprintable():
        raise WalletError(NotOurAdmission(wallet.address))
    return admission.key
