"""The models that jobs are trained with: no deposit is staked before a job's model lies ready here.

A model from the hub takes minutes to arrive, and may not arrive at all; a job that was claimed meanwhile
would run into its deadline.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from emeth_tui.engine.events import EventLog
from emeth_tui.errors import DiskFull, TrainingError, WorkerError
from emeth_tui.model import Severity
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
        self._arrived: dict[str, float] = {}  # what share of a model that had to be fetched is here
        self._errors: dict[str, str] = {}

    def refusal(self, model: str) -> str:
        """Say why no job of this model is to be claimed now, or ""."""
        if model in self._ready or not model_spec(model).pretrained:
            return ""
        if model in self._errors:
            return f"its model {model} cannot be had (see the events)"
        return f"its model {model} is not ready yet, {self._arrived.get(model, 0.0):.0%} of it is here"

    async def look(self) -> bool:
        """Make ready what is wanted and is not; say whether any is ready since. A trouble is told once."""
        before = len(self._ready)
        for model in self._wanted():
            if self.refusal(model):
                try:
                    await self._make_ready(model, partial(self._fetching, model))
                    self._is_ready(model)
                except (TrainingError, DiskFull, WorkerError) as error:
                    self._trouble(model, str(error))
        return len(self._ready) > before

    def _fetching(self, model: str, fraction: float, detail: str) -> None:
        if model not in self._arrived:
            self._events.publish(
                "model_fetching", f"fetching the model {model}; no job of it is taken before", model=model
            )
        if fraction > self._arrived.get(model, 0.0):
            self._errors.pop(model, None)
        self._arrived[model] = fraction

    def _is_ready(self, model: str) -> None:
        self._ready.add(model)
        had_trouble = self._errors.pop(model, None) is not None
        if model in self._arrived or had_trouble:
            self._events.publish("model_ready", f"the model {model} is ready", model=model)

    def _trouble(self, model: str, error: str) -> None:
        if self._errors.get(model) != error:
            self._errors[model] = error
            self._events.publish(
                "model_trouble",
                f"{error}; no job of it is taken, trying again",
                severity=Severity.WARNING,
                model=model,
                error=error,
            )
