"""Worker processes forked from one that has loaded torch already, where a test needs no birth of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from emeth_tui.workers.spawning import PRELOADED


class _Forking:
    """Stands for the `spawn` context: a fork server's children, with the environment of the moment."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *, target: Callable[..., None], args: tuple[Any, ...], **options: Any) -> Any:  # noqa: N802 - multiprocessing's name
        return self._context.Process(target=_run, args=(dict(os.environ), target, args), **options)


def _run(environment: Mapping[str, str], target: Callable[..., None], args: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    target(*args)


@contextmanager
def forked() -> Iterator[None]:
    """Fork what would be spawned: 20 ms a process instead of seconds."""
    get_context = multiprocessing.get_context
    multiprocessing.set_forkserver_preload(PRELOADED)
    forking = _Forking(get_context("forkserver"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            multiprocessing,
            "get_context",
            lambda method=None: forking if method == "spawn" else get_context(method),
        )
        yield
