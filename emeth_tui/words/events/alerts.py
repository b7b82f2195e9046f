"""The sentences of notices/events/alerts.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import alerts
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    alerts.AlertsNotDelivered: "alerts do not reach {channel}: {reason}",
    alerts.AlertsDelivered: "alerts reach {channel} again",
}

REMEDIES: Mapping[type[Notice], str] = {
    alerts.AlertsNotDelivered: (
        "`emeth-tui notify test` shows what fails; correct `[alerts]` and start the node again. "
        "`emeth-tui events` shows what the desktop missed; every other way is sent it by itself"
    ),
}
