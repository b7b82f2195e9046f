"""`emeth-tui events --follow`: what happens while it begins to listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from emeth_tui.cli.commands.events import _follow, _Wanted
from emeth_tui.cli.output.printing import Output
from emeth_tui.model import Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import StepsSkipped


def event(number: int) -> Event:
    return Event(float(number), Severity.INFO, StepsSkipped(number))


class BusyNode:
    """A node, and the tables that others read, where something happens while a reader subscribes."""

    def __init__(self) -> None:
        self.kept = [event(1), event(2)]
        self.reading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.connection = self.events = self
        self.take: Callable[[Event], None] = lambda _event: None

    async def ask(self, command: str) -> None:
        self.kept.append(event(3))  # before it listens
        self.take_and_keep(event(4))
        self.reading.set_result(None)

    def take_and_keep(self, happened: Event) -> None:
        self.kept.append(happened)
        self.take(happened)

    def newest(self, **_wanted: Any) -> Iterator[Event]:
        return iter(self.kept[::-1])

    @asynccontextmanager
    async def node(self, take: Callable[[Event], None]) -> AsyncIterator[BusyNode]:
        self.take = take
        yield self

    @contextmanager
    def tables(self) -> Iterator[BusyNode]:
        yield self


@pytest.mark.parametrize(("limit", "shown"), [(0, [3, 4]), (1, [2, 3, 4]), (10, [1, 2, 3, 4])])
async def test_nothing_is_left_out_and_nothing_shown_twice(
    monkeypatch: pytest.MonkeyPatch, limit: int, shown: list[int]
) -> None:
    printed: list[Event] = []
    monkeypatch.setattr("emeth_tui.cli.commands.events.print_event", lambda _output, one: printed.append(one))
    place: Any = BusyNode()

    await _follow(place, Output(), _Wanted(None, Severity.DEBUG, 0.0, []), limit)

    assert printed == [event(number) for number in shown]
