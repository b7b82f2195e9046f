"""The sentences of notices/reasons/start.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import start

SENTENCES: Mapping[type[Notice], str] = {
    start.NoVerificationKey: (
        "network {network} has no verification key, so every result would be rejected: ask the "
        "network's operator for it and set {variable}"
    ),
    start.OtherAccount: (
        "{directory} holds the jobs and transactions of {account}; use that wallet, or set another "
        "state.directory"
    ),
    start.NoGasToken: ("{address} holds no {symbol} to pay for transactions; send it some, then start again"),
    start.NoEmt: (
        "{address} holds {balance_wei}; the smallest deposit is {smallest_wei}: send it some, or "
        "lower claims.min_fee_emt"
    ),
    start.NodeRuns: (
        "{directory}: a node is already running here (process {pid}); at a terminal, `emeth-tui` "
        "with the same options shows it; to start another one stop it first, or give the new one "
        "its own state.directory"
    ),
    start.PythonLacks: (
        "this Python {version} was built without its module {module}: install the library's headers and "
        "build it again, or use the system's own Python"
    ),
    start.TerminalCannotShow: (
        "the screen needs a terminal that can move its cursor, and TERM={term} is none: use --no-ui, or "
        "set TERM to what the terminal really is"
    ),
}
