"""The sentences of notices/events/metrics.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import metrics
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    metrics.MetricsServed: "metrics are served at {address}",
    metrics.MetricsExposed: (
        "metrics are served at {address}, also to other machines: account, balances and jobs are there for "
        "all to read"
    ),
    metrics.MetricsFailed: "metrics are not served at {address}: {reason}",
}

REMEDIES: Mapping[type[Notice], str] = {
    metrics.MetricsExposed: (
        "if others are not meant to read it, set metrics.listen to 127.0.0.1 and a port, and start the node "
        "again"
    ),
    metrics.MetricsFailed: (
        "free the port or set metrics.listen to another, and start the node again; it trains on without "
        "metrics"
    ),
}
