"""Worker processes of this very process, forked instead of spawned."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from emeth_tui.workers import spawning


class _Forking:
    """Stands for the `spawn` context: a fork server's children, with the environment of the moment."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *, target: Callable[..., None], args: tuple[Any, ...], **options: Any) -> Any:  # noqa: N802 - multiprocessing's name
        return self._context.Process(target=spawning._run, args=(dict(os.environ), target, *args), **options)


@contextmanager
def forked() -> Iterator[None]:
    """Fork what would be spawned: 20 ms a process instead of seconds."""
    get_context = multiprocessing.get_context
    multiprocessing.set_forkserver_preload(spawning.PRELOADED)
    forking = _Forking(get_context("forkserver"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            multiprocessing,
            "get_context",
            lambda method=None: forking if method == "spawn" else get_context(method),
        )
        yield
