"""Runs commands on the node: each is noted in the footer, and how it went; a failed one says why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from emeth_tui.errors import EmethError
from emeth_tui.words.sentences import text_of

if TYPE_CHECKING:
    from emeth_tui.tui.parts.footer_note import FooterNote

logger = logging.getLogger(__name__)


class CommandRunner:
    """Runs commands. `start_task` runs a coroutine beside the screen, `on_done` is called after each."""

    def __init__(
        self,
        note: FooterNote,
        start_task: Callable[[Coroutine[Any, Any, None], str], object],
        on_done: Callable[[], None],
    ) -> None:
        self._note = note
        self._start_task = start_task
        self._on_done = on_done
        self.under_way: set[asyncio.Future[str]] = set()

    def run(self, text: str, command: Callable[[], Awaitable[object]]) -> None:
        """Run a command beside the screen whose outcome the node reports as an event."""

        async def run() -> str:
            await command()
            return ""

        self.start(text, run)

    def start(self, text: str, command: Callable[[], Awaitable[str]]) -> None:
        """Run a command that takes its time beside the screen, and note what it returns.

        With "" as text nothing is noted but an error.
        """
        if text:
            self._note.show(text)
        self._start_task(self._run(text, command), text)

    async def _run(self, text: str, command: Callable[[], Awaitable[str]]) -> None:
        # What is under way at the node goes on when the screen is left in the middle of it.
        under_way = asyncio.ensure_future(command())
        self.under_way.add(under_way)
        under_way.add_done_callback(self._forget)
        try:
            outcome = await asyncio.shield(under_way)
            if text and outcome:
                self._note.show(outcome, "good")
        except EmethError as error:
            self._note.show(text_of(error.reason), "bad")
        self._on_done()

    def _forget(self, command: asyncio.Future[str]) -> None:
        self.under_way.discard(command)
        if not command.cancelled() and (error := command.exception()) is not None:
            logger.warning("a command failed: %s", error)
