"""Whether a host may be given a job: it has the job's model, and room for its files beside those of others.

A host says every few seconds what its disk has, and how far the models are. What jobs that train there may
still fill, or were promised, is taken off that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from emeth_tui.engine.disk import FILE_SYSTEM_RESERVE_BYTES
from emeth_tui.hosts.messages import FarModel, Stock
from emeth_tui.hosts.reasons import read_reason
from emeth_tui.model import JobId
from emeth_tui.notices.events import host as events
from emeth_tui.notices.notice import EventBody, Reason, alike
from emeth_tui.notices.reasons.disk import CacheFull
from emeth_tui.notices.reasons.market import ModelOnItsWay
from emeth_tui.notices.reasons.network.host import HostDiskFull, HostLacks, NotAskedYet
from emeth_tui.training.files.models import model_spec

REPORT_EVERY_S = 60.0  # that one model is ready, or why not: a host tries again as often


class Readiness:
    """One host's. `reserved` returns what the jobs at its devices may take there, by job."""

    def __init__(
        self, host: str, stock: Callable[[], Stock | None], reserved: Callable[[], Mapping[JobId, int]]
    ) -> None:
        """`stock` returns what the host said last, None before it has said anything."""
        self._host = host
        self._stock = stock
        self._reserved = reserved
        self._read: _Read | None = None
        self.lacked: Reason | None = None  # for the last job that was to be claimed
        self._lacking: dict[str, Reason] = {}  # models, as last reported
        self._reported: dict[str, Reason] = {}  # the same, with an event where it is trouble
        self._silent_until: dict[tuple[str, bool], float] = {}

    def refusal(self, model: str, needed_bytes: int, job_id: JobId | None = None) -> Reason | None:
        """Return why a job cannot be trained there now, None when it can. `job_id` may have files there."""
        stock = self._stock()
        if stock is None:
            return HostLacks(self._host, NotAskedYet())
        read = self._reading(stock)
        cause = read.why_not_ready(model) or self._lacks_room(read, needed_bytes, job_id)
        return None if cause is None else HostLacks(self._host, cause)

    def is_full(self, needed_bytes: int, job_id: JobId) -> bool:
        """Whether the host is known to lack the room for what a job of its own may still fill."""
        stock = self._stock()
        return stock is not None and self._lacks_room(self._reading(stock), needed_bytes, job_id) is not None

    @property
    def lack(self) -> Reason | None:
        """What the host lacks for jobs: a model, or what the last that was to be claimed did not find."""
        return next(iter(self._lacking.values()), self.lacked)

    def model_reports(self, stock: Stock, wanted: Iterable[str]) -> Iterator[EventBody]:
        """Return what is new about the models that jobs may need; a host may change its mind at any time."""
        read, self._lacking = self._reading(stock), {}
        for model in wanted:
            reason, before = read.why_not_ready(model), self._reported.get(model)
            if reason is not None:
                self._lacking[model] = reason
            if alike(reason, before):
                continue
            report = self._report(model, reason)
            if report is not None and not self._is_due(model, reason is None):
                continue
            self._reported.pop(model, None)
            if reason is not None:
                self._reported[model] = reason
            if report is not None:
                yield report

    def _report(self, model: str, reason: Reason | None) -> EventBody | None:
        if reason is None:
            return events.HostModelReady(self._host, model)
        return (
            None if isinstance(reason, ModelOnItsWay) else events.HostModelTrouble(self._host, model, reason)
        )

    def _is_due(self, model: str, ready: bool) -> bool:
        now_s = time.monotonic()
        if now_s < self._silent_until.get((model, ready), now_s):
            return False
        self._silent_until[model, ready] = now_s + REPORT_EVERY_S
        return True

    def _reading(self, stock: Stock) -> _Read:
        if self._read is None or self._read.stock is not stock:
            self._read = _Read(stock)
        return self._read

    def _lacks_room(self, read: _Read, needed_bytes: int, job_id: JobId | None) -> Reason | None:
        stock, used = read.stock, read.used
        own_bytes = used.get(job_id, 0) if job_id is not None else 0
        still_to_fill = sum(
            max(0, reserved_bytes - used.get(other, 0))
            for other, reserved_bytes in self._reserved().items()
            if other != job_id
        )
        room_bytes = stock.limit_bytes - (read.used_bytes - own_bytes + still_to_fill)
        if needed_bytes > room_bytes:
            return CacheFull(max(0, room_bytes), stock.limit_bytes, needed_bytes)
        free_bytes = stock.free_bytes - still_to_fill - FILE_SYSTEM_RESERVE_BYTES
        more_bytes = max(0, needed_bytes - own_bytes)
        return HostDiskFull(max(0, free_bytes), more_bytes) if more_bytes > free_bytes else None


class _Read:
    """What a host said, read once: every listed job is held against it, and a host may say much."""

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self.used = {JobId(use.job): use.used_bytes for use in stock.jobs}
        self.used_bytes = sum(self.used.values())
        self._models = {model.name: model for model in stock.models}
        self._causes: dict[str, Reason | None] = {}

    def why_not_ready(self, model: str) -> Reason | None:
        """Return why a host cannot train with a model yet, None when it can."""
        if model not in self._causes:
            self._causes[model] = self._cause(model)
        return self._causes[model]

    def _cause(self, model: str) -> Reason | None:
        if not model_spec(model).pretrained:
            return None
        known = self._models.get(model, FarModel(model, False))
        if known.ready:
            return None
        if known.trouble is None:
            return ModelOnItsWay(model, known.arrived)
        return read_reason(known.trouble)
