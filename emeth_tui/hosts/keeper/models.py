"""The models of a host: made ready when the node asks, before any job needs them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import anyio

from emeth_tui.errors import DiskFull, EmethError, TrainingError, WorkerError
from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.messages import FarModel
from emeth_tui.notices.notice import Reason, to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.workers.model_keeper import OnFetching, make_ready

RETRY_S = 60.0
MakeReady = Callable[[Path, str, OnFetching], Awaitable[None]]  # see `workers.model_keeper.make_ready`
log = logging.getLogger(__name__)


class KeeperModels:
    """Fetches and checks the models that the node wants, one after the other, in a process of its own."""

    def __init__(self, log_dir: Path, make_ready: MakeReady = make_ready, retry_s: float = RETRY_S) -> None:
        self._log_dir = log_dir
        self._make_ready = make_ready
        self._retry_s = retry_s
        self._wanted: tuple[str, ...] = ()
        self._ready: set[str] = set()
        self._arrived: dict[str, float] = {}
        self._troubles: dict[str, Reason] = {}
        self._fetching: asyncio.Task[None] | None = None

    def want(self, models: Sequence[str]) -> None:
        """Make these ready, and no others any more; what is on its way still arrives."""
        self._wanted = tuple(models)
        if self._missing and (self._fetching is None or self._fetching.done()):
            self._fetching = asyncio.create_task(self._fetch())

    def states(self) -> tuple[FarModel, ...]:
        """Return how far each wanted model is."""
        return tuple(self._state(model) for model in self._wanted)

    async def close(self) -> None:
        """Break off; what has arrived stays for the next time."""
        if self._fetching is not None:
            self._fetching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._fetching

    @property
    def _missing(self) -> list[str]:
        return [model for model in self._wanted if model not in self._ready]

    def _state(self, model: str) -> FarModel:
        trouble = self._troubles.get(model)
        return FarModel(
            model,
            model in self._ready,
            self._arrived.get(model, 0.0),
            None if trouble is None else to_data(trouble),
        )

    async def _fetch(self) -> None:
        while missing := self._missing:
            for model in missing:
                try:
                    await self._make_ready(self._log_dir, model, partial(self._arriving, model))
                except (TrainingError, DiskFull, WorkerError, OSError) as error:
                    log.warning("model %s is not ready: %s", model, error)
                    self._troubles[model] = _reason_of(error)
                else:
                    self._ready.add(model)
                    self._troubles.pop(model, None)
            if self._missing:
                await anyio.sleep(self._retry_s)

    def _arriving(self, model: str, fraction: float) -> None:
        if fraction > self._arrived.get(model, 0.0):
            self._troubles.pop(model, None)
        self._arrived[model] = fraction


def _reason_of(error: EmethError | OSError) -> Reason:
    return error.reason if isinstance(error, EmethError) else Foreign(one_line(error))
