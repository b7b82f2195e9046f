"""The sentences of notices/reasons/store.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import store

SENTENCES: Mapping[type[Notice], str] = {
    store.DatabaseUnusable: "{path}: is damaged: {detail}; {remedy}",
    store.DatabaseMissing: "{path}: is missing, though a node has worked here before; {remedy}",
    store.DatabaseEmpty: "{path}: is empty, though a node has worked here before; {remedy}",
    store.DatabaseForeign: "{path}: was not written by emeth-tui; {remedy}",
    store.GoBackToACopy: "`emeth-tui store restore` goes back to the newest of its copies ({names})",
    store.StartAfresh: (
        "there is no copy of it; move {directory} away to start afresh (this node then knows only of "
        "those jobs under way that it finds on the chain)"
    ),
    store.NotCopied: "{path}: is damaged, and not copied: {detail}",
    store.CopyDamaged: "{path}: is no good copy: {detail}",
    store.RowWithoutParent: "a row of {table} belongs to a row of {parent} that is missing",
    store.NothingInIt: "it is empty",
    store.NotANodes: "it is not a node's",
    store.Overwritten: "it was overwritten",
    store.SenselessValue: "a value in it makes no sense: {detail}",
    store.Malformed: "it is malformed",
    store.NoCopies: "{directory}: holds no copies of the database",
    store.NoSuchCopy: "there is no copy {name}; there are {names}",
    store.DatabaseFailed: "the node's database: {detail}",
    store.DatabaseNewer: ("{path}: was written by a newer emeth-tui ({version}, schema {schema}); {remedy}"),
    store.InstallItAgain: "install that version again; there is no copy from before the upgrade",
    store.InstallItAgainOrGoBack: (
        "install that version again, or go back to the copy from before the upgrade: "
        "`emeth-tui store restore {name}`"
    ),
    store.DatabaseOlder: (
        "{path}: was written by an older emeth-tui (schema {schema}); start the node once with this version"
    ),
    store.NoDatabase: (
        "no node has worked on {directory} yet; --config, --network or --state-dir before the command "
        "name another"
    ),
}

STATE_DAMAGED = (
    "stop the node (`emeth-tui stop`), then `emeth-tui store restore` and start it again; `emeth-tui store "
    "backups` lists the copies"
)
REMEDIES: Mapping[type[Notice], str] = {store.NotCopied: STATE_DAMAGED}
