"""The sentences of notices/reasons/store.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import store

SENTENCES: Mapping[type[Notice], str] = {
    store.DatabaseUnusable: (
        "{path}: cannot be used: {detail}; restore a copy of it, or move it away to start afresh "
        "(this node then knows nothing of jobs under way, and they time out)"
    ),
    store.DatabaseFailed: "the node's database: {detail}",
    store.DatabaseNewer: "{path}: was written by a newer emeth-tui (schema {schema}); use that version",
}
