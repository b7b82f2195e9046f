"""Whether a host may be given a job: it has the job's model, and room for its files beside those of others.

A host says every few seconds what its disk has, and how far the models are. What jobs that train there may
still fill, or were promised, is taken off that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from emeth_tui.engine.disk import FILE_SYSTEM_RESERVE_BYTES
from emeth_tui.hosts.messages import FarModel, Stock
from emeth_tui.model import JobId
from emeth_tui.notices.events import host as events
from emeth_tui.notices.notice import EventBody, Reason, from_data
from emeth_tui.notices.reasons.disk import CacheFull
from emeth_tui.notices.reasons.market import ModelOnItsWay
from emeth_tui.notices.reasons.network.host import HostDiskFull, HostLacks, NotAskedYet
from emeth_tui.training.files.models import model_spec


class Readiness:
    """One host's. `reserved` returns what the jobs at its devices may take there, by job."""

    def __init__(
        self, host: str, stock: Callable[[], Stock | None], reserved: Callable[[], Mapping[JobId, int]]
    ) -> None:
        """`stock` returns what the host said last, None before it has said anything."""
        self._host = host
        self._stock = stock
        self._reserved = reserved
        self.lacked: Reason | None = None  # for the last job that was to be claimed
        self._lacking: dict[str, Reason] = {}  # models, as last reported

    def refusal(self, model: str, needed_bytes: int, job_id: JobId | None = None) -> Reason | None:
        """Return why a job cannot be trained there now, None when it can. `job_id` may have files there."""
        stock = self._stock()
        if stock is None:
            return HostLacks(self._host, NotAskedYet())
        cause = why_not_ready(stock, model) or self._lacks_room(stock, needed_bytes, job_id)
        return None if cause is None else HostLacks(self._host, cause)

    def is_full(self, needed_bytes: int, job_id: JobId) -> bool:
        """Whether the host is known to lack the room for what a job of its own may still fill."""
        stock = self._stock()
        return stock is not None and self._lacks_room(stock, needed_bytes, job_id) is not None

    @property
    def lack(self) -> Reason | None:
        """What the host lacks for jobs: a model, or what the last that was to be claimed did not find."""
        return next(iter(self._lacking.values()), self.lacked)

    def model_reports(self, stock: Stock, wanted: Iterable[str]) -> Iterator[EventBody]:
        """Return what is new about the models that jobs may need."""
        before, self._lacking = self._lacking, {}
        for model in wanted:
            reason = why_not_ready(stock, model)
            if reason is not None:
                self._lacking[model] = reason
            if reason is None and model in before:
                yield events.HostModelReady(self._host, model)
            elif reason not in (None, before.get(model)) and not isinstance(reason, ModelOnItsWay):
                yield events.HostModelTrouble(self._host, model, reason)

    def _lacks_room(self, stock: Stock, needed_bytes: int, job_id: JobId | None) -> Reason | None:
        used = {JobId(use.job): use.used_bytes for use in stock.jobs}
        own_bytes = used.pop(job_id, 0) if job_id is not None else 0
        committed = dict(used)
        for other, reserved_bytes in self._reserved().items():
            if other != job_id:
                committed[other] = max(reserved_bytes, used.get(other, 0))
        room_bytes = stock.limit_bytes - sum(committed.values())
        if needed_bytes > room_bytes:
            return CacheFull(max(0, room_bytes), stock.limit_bytes, needed_bytes)
        still_to_fill = sum(committed.values()) - sum(used.values())
        free_bytes = stock.free_bytes - still_to_fill - FILE_SYSTEM_RESERVE_BYTES
        more_bytes = max(0, needed_bytes - own_bytes)
        return HostDiskFull(max(0, free_bytes), more_bytes) if more_bytes > free_bytes else None


def why_not_ready(stock: Stock, model: str) -> Reason | None:
    """Return why a host cannot train with a model yet, None when it can."""
    if not model_spec(model).pretrained:
        return None
    known = next((one for one in stock.models if one.name == model), FarModel(model, False))
    if known.ready:
        return None
    if known.trouble is not None:
        return from_data(Reason, known.trouble)
    return ModelOnItsWay(model, known.arrived)
