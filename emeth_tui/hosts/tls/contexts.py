"""TLS as node and hosts speak it, and where the node keeps its certificates."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

_AUTHORITY_FILE, _NODE_FILE, _TRUST_FILE = "authority.pem", "node.pem", "ca.pem"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where a node keeps its authority (which signs), its own certificate and what it trusts."""

    directory: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate and key; only `hosts add` and `rotate` read it."""
        return self.directory / _AUTHORITY_FILE

    @property
    def node(self) -> Path:
        """The node's certificate and key, for its link."""
        return self.directory / _NODE_FILE

    @property
    def trusted(self) -> Path:
        """The authority's certificate."""
        return self.directory / _TRUST_FILE


def context_of(certificate: Path, trusted: str, *, server: bool) -> ssl.SSLContext:
    """Return a context that trusts one authority alone, and asks the other side for its certificate.

    `certificate` holds ours and its key. Raise OSError, of which SSLError is one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = not server
    context.load_verify_locations(cadata=trusted)
    context.load_cert_chain(certificate)
    return context
