"""The models that jobs are trained with: no deposit is staked before a job's model is on this machine.

A model from the hub takes minutes to download, and may never arrive; a job claimed meanwhile would miss its
deadline.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from emeth_tui.engine.events import EventLog
from emeth_tui.errors import DiskFull, TrainingError, WorkerError
from emeth_tui.notices.events.market import ModelFetching, ModelReady, ModelTrouble
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import ModelOnItsWay, ModelUnavailable
from emeth_tui.training.files.models import model_spec
from emeth_tui.workers.model_keeper import OnFetching

RETRY_S = 60.0
MakeReady = Callable[[str, OnFetching], Awaitable[None]]  # see `workers.model_keeper.make_ready`


class Models:
    """Which models are ready; `wanted` names those that jobs may need now."""

    def __init__(self, events: EventLog, wanted: Callable[[], Iterable[str]], make_ready: MakeReady) -> None:
        self._events = events
        self._wanted = wanted
        self._make_ready = make_ready
        self._ready: set[str] = set()
        self._arrived: dict[str, float] = {}  # by model, the share of its download that has arrived
        self._troubles: dict[str, Reason] = {}

    @property
    def wanted(self) -> tuple[str, ...]:
        """The pretrained models that jobs may need now."""
        return tuple(dict.fromkeys(name for name in self._wanted() if model_spec(name).pretrained))

    def refusal(self, model: str) -> Reason | None:
        """Return why no job for this model can be claimed now, None when one can."""
        if model in self._ready or not model_spec(model).pretrained:
            return None
        if model in self._troubles:
            return ModelUnavailable(model)
        return ModelOnItsWay(model, self._arrived.get(model, 0.0))

    async def look(self) -> bool:
        """Fetch wanted models that are not ready; return whether one became so. Publish an error once."""
        before = len(self._ready)
        for model in self._wanted():
            if self.refusal(model):
                try:
                    await self._make_ready(model, partial(self._fetching, model))
                    self._is_ready(model)
                except (TrainingError, DiskFull, WorkerError) as error:
                    self._trouble(model, error.reason)
        return len(self._ready) > before

    def _fetching(self, model: str, fraction: float) -> None:
        if model not in self._arrived:
            self._events.publish(ModelFetching(model))
        if fraction > self._arrived.get(model, 0.0):
            self._troubles.pop(model, None)
        self._arrived[model] = fraction

    def _is_ready(self, model: str) -> None:
        self._ready.add(model)
        had_trouble = self._troubles.pop(model, None) is not None
        if model in self._arrived or had_trouble:
            self._events.publish(ModelReady(model))

    def _trouble(self, model: str, reason: Reason) -> None:
        if self._troubles.get(model) != reason:
            self._troubles[model] = reason
            self._events.publish(ModelTrouble(model, reason))
