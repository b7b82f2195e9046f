"""The sentences of notices/reasons/network/updates.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import updates

SENTENCES: Mapping[type[Notice], str] = {
    updates.IndexDown: "whether there is a newer version is not known: {cause}; check the connection",
    updates.NotReleasedThere: (
        "whether there is a newer version is not known: {where} does not list emeth-tui"
    ),
    updates.IndexNotUnderstood: (
        "whether there is a newer version is not known: {where} answers with something else than a release"
    ),
}
