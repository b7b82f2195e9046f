"""Follows a node: notes when there is news, and makes frames of its snapshots."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from emeth_tui.errors import ControlError
from emeth_tui.tui.frame import RECENT_POINTS, Frame, make_frame

if TYPE_CHECKING:
    from emeth_tui.engine.view.series import Series
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.tui.node_front import NodeFront

REFRESH_S = 0.25  # at most four pictures a second
PROGRESS_REFRESH_S = 0.5  # where the only news is how far training has come
QUIET_REFRESH_S = 1.0  # clocks and countdowns go on when nothing happens
SERIES_EVERY_S = 2.0


class NodeFeed:
    """The node and the newest frame of it, None before it has started."""

    def __init__(self, node: NodeFront | None, *, read_only: bool = False) -> None:
        self.node = node
        self._read_only = read_only
        self.frame: Frame | None = None
        self.has_news = True
        self.has_progress = False
        self._series: Series | None = None
        self._advanced_at_s = 0.0

    async def follow(self, node: NodeFront) -> None:
        """Note that there is news, until there is none any more; what it is stands in the next snapshot."""
        from emeth_tui.notices.event import Event

        loop = asyncio.get_running_loop()
        rest_at = loop.time()
        with contextlib.closing(node.subscribe()) as stream:
            async for item in stream:
                if isinstance(item, Event):
                    self.has_news = True
                    continue
                self.has_progress = True
                if loop.time() < rest_at:
                    continue
                await asyncio.sleep(REFRESH_S)  # progress is coalesced meanwhile
                rest_at = loop.time() + REFRESH_S / 10

    async def keep_series(self, node: NodeFront) -> None:
        """Ask again and again what the devices did lately; what is known stays while the node is silent."""
        while True:
            with contextlib.suppress(ControlError):
                self._series = await node.records.series("minutes", RECENT_POINTS)
                self.has_news = True
            await asyncio.sleep(SERIES_EVERY_S)

    def take_in(self, snapshot: Snapshot) -> None:
        """Make a frame of a snapshot."""
        attached_to = self.node.attached_to if self.node else None
        self.frame = make_frame(snapshot, attached_to, series=self._series, read_only=self._read_only)

    @property
    def due(self) -> bool:
        """Whether there is a reason for a new frame: news, or a wait that is over for progress and clocks."""
        if self.node is None:
            return False
        if self.has_news:
            return True
        wait_s = PROGRESS_REFRESH_S if self.has_progress else QUIET_REFRESH_S
        return time.monotonic() - self._advanced_at_s >= wait_s - REFRESH_S / 2

    def advance(self) -> bool:
        """Make a new frame, and return whether there was news."""
        had_news = self.has_news or self.has_progress
        self.has_news = self.has_progress = False
        self._advanced_at_s = time.monotonic()
        if self.node is not None:
            self.take_in(self.node.snapshot())
        return had_news
