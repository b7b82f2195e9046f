"""What the node asks of the link for hosts over TLS, as the first line of a connection."""

from __future__ import annotations

import msgspec

from emeth_tui.hosts.messages import HostName, Sha256
from emeth_tui.hosts.tls.names import Place

MAX_REQUEST_BYTES = 4_096


class Serve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A host: its name, where its relay listens, and the digest of its certificate."""

    name: HostName
    place: Place
    certificate: Sha256
