"""Admitting an account to a network: its verification key, encrypted to that account's public key."""

from __future__ import annotations

import ecies
import msgspec
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from emeth_tui.clients.admission import Admission, introduction_digest, written
from emeth_tui.errors import ServiceError
from emeth_tui.notices.reasons.local.serving import NotItsSignature
from emeth_tui.settings import Network

_RECOVERY_OFFSET = 27  # of v in a signature (protocol.md §5)


def admission_line(network: Network, address: str, signature: str, verification_key: str) -> str:
    """Return a line with the key that only the account opens that has introduced itself by a signature.

    Raise ServiceError where the signature is not that account's for this network.
    """
    public_key = _public_key(introduction_digest(network, address), signature)
    if public_key is None or public_key.to_checksum_address() != address:
        raise ServiceError(NotItsSignature(address))
    admission = Admission(network.chain_id, network.core_address, verification_key)
    return written(ecies.encrypt(public_key.to_bytes(), msgspec.json.encode(admission)))


def _public_key(digest: bytes, signature: str):  # type: ignore[no-untyped-def]
    try:
        raw = bytearray.fromhex(signature.strip().removeprefix("0x"))
        raw[-1] -= _RECOVERY_OFFSET if raw[-1] >= _RECOVERY_OFFSET else 0
        return Signature(bytes(raw)).recover_public_key_from_msg_hash(digest)
    except (ValueError, IndexError, BadSignature, ValidationError):
        return None
