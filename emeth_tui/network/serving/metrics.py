"""What a network's services count, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.info_api import JOBS_PATH

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT"})


class Metrics:
    """The figures of one running service; what strangers choose never becomes a label."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "emeth_network_requests",
            "Requests answered; 499 is a connection that broke first",
            ("what", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "emeth_network_request_seconds",
            "Time until answered",
            ("what",),
            registry=self._registry,
        )
        self._limited = Counter(
            "emeth_network_limited", "Requests refused because of a limit", ("by",), registry=self._registry
        )
        self._jobs = Gauge("emeth_network_jobs", "Jobs on the chain", ("status",), registry=self._registry)
        self._block = Gauge("emeth_network_block", "Newest block seen", registry=self._registry)
        self._age = Gauge(
            "emeth_network_mirror_age_seconds", "Time since the chain last answered", registry=self._registry
        )

    def answered(self, method: str, path: str, status: int, took_s: float) -> None:
        """Count a request."""
        what = _what(path)
        self._requests.labels(what, method if method in _METHODS else "other", str(status)).inc()
        self._seconds.labels(what).observe(took_s)

    def limited(self, by: str) -> None:
        """Count a refusal, by `address` or by `account`."""
        self._limited.labels(by).inc()

    def text(self, mirror: JobMirror) -> bytes:
        """Return all figures in Prometheus' text format."""
        counts = dict.fromkeys(JobStatus, 0)
        for job in mirror.jobs.values():
            counts[job.status] += 1
        for status, count in counts.items():
            self._jobs.labels(status.name.lower()).set(count)
        self._block.set(mirror.head.number if mirror.head else 0)
        self._age.set(mirror.age_s)
        return generate_latest(self._registry)


def _what(path: str) -> str:
    if path.startswith(JOBS_PATH):
        return "jobs"
    if path.startswith(("/objects/", "/uploads/")):
        return path.split("/", 2)[1]
    return "calls" if path.startswith("/api/") else "other"
