"""The commands that clients give the node: each is carried out once and to its end, whoever waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

from emeth_tui.control import wire
from emeth_tui.control.answers import LEAST_REST_S, rest_after
from emeth_tui.control.wire import (
    LONG_COMMANDS,
    AnyCommand,
    ChangeSetting,
    CompareResult,
    DrainHost,
    FetchResult,
    JobCommand,
    OrderJob,
    PauseClaims,
    PauseJob,
    Withdraw,
)
from emeth_tui.engine.requester.orders import Estimate, FetchedModel, Order
from emeth_tui.engine.settings_editor import SettingChange
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.errors import ControlError, EmethError
from emeth_tui.foreign_text import one_line
from emeth_tui.model import Asker, JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.control import CommandBroke

logger = logging.getLogger(__name__)


class CommandedNode(Protocol):
    """The part of a node that takes commands (engine.node). They raise EmethError if they cannot be done."""

    async def pause_job(self, job_id: JobId, *, for_s: int | None, until: str, by: Asker) -> str: ...
    async def resume_job(self, job_id: JobId, *, by: Asker) -> None: ...
    async def pause_claims(self, *, for_s: int | None, until: str, by: Asker) -> str: ...
    async def resume_claims(self, *, by: Asker) -> None: ...
    async def finish_then_pause(self, *, by: Asker) -> None: ...
    async def claim_job(self, job_id: JobId, *, by: Asker) -> None: ...
    async def decline_job(self, job_id: JobId, *, by: Asker) -> None: ...
    async def withdraw(self, slots: Collection[int], *, by: Asker) -> int: ...
    async def estimate_request(self, order: Order, *, by: Asker) -> Estimate: ...
    async def request_job(self, order: Order, *, by: Asker) -> FollowedJob: ...
    async def cancel_request(self, job_id: JobId, *, by: Asker) -> None: ...
    async def fetch_result(self, job_id: JobId, directory: Path, *, by: Asker) -> FetchedModel: ...
    async def compare_result(self, job_id: JobId, prompts: Sequence[str], *, by: Asker) -> dict[str, Any]: ...
    async def change_setting(self, key: str, text: str, *, by: Asker) -> Sequence[SettingChange]: ...
    async def reload_settings(self, *, by: Asker) -> Sequence[SettingChange]: ...
    async def drain(self, *, by: Asker) -> None: ...
    async def drain_host(self, name: str, *, undo: bool, by: Asker) -> None: ...
    async def request_stop(self, *, by: Asker) -> None: ...
    def note_failed(self, command: str, reason: Reason, by: Asker) -> None:
        """Publish that a command was not carried out whose asker has gone."""


class Commands:
    """Carries out the commands of all clients: quick ones one at a time, those that wait for the chain beside
    each other."""

    def __init__(self, node: CommandedNode) -> None:
        self._node = node
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()

    def begin(self, command: AnyCommand, by: Asker, is_heard: Callable[[], bool]) -> asyncio.Task[Any]:
        """Carry out a command in a task, which nobody but `end` cancels; return it.

        It returns the answer or raises EmethError, which is published if the asker is not there to hear it.
        """
        task = asyncio.create_task(self._carry_out(command, by, is_heard))
        self._under_way.add(task)
        task.add_done_callback(self._forget)
        return task

    async def end(self, limit_s: float) -> None:
        """Wait for what is under way, and cancel what has not ended by then: its intent is in the store."""
        if self._under_way:
            _done, late = await asyncio.wait(self._under_way, timeout=limit_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _carry_out(self, command: AnyCommand, by: Asker, is_heard: Callable[[], bool]) -> Any:
        try:
            if command.do in LONG_COMMANDS:
                await self._take_turn(LEAST_REST_S)
                return wire.pack(command.do, await self._call(command, by))
            return wire.pack(command.do, await self._call_in_turn(command, by))
        except EmethError as error:
            if not is_heard():
                self._node.note_failed(command.do, error.reason, by)
            raise
        except Exception as error:
            logger.exception("%s: internal error", command.do)
            raise ControlError(CommandBroke(command.do, one_line(repr(error)))) from error

    async def _call_in_turn(self, command: AnyCommand, by: Asker) -> object:
        await self._turn.acquire()
        began = time.monotonic()
        try:
            return await self._call(command, by)
        finally:  # the answer need not wait for the rest
            self._release_after(rest_after(time.monotonic() - began))

    async def _take_turn(self, rest_s: float) -> None:
        await self._turn.acquire()
        self._release_after(rest_s)

    def _release_after(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._turn.release)

    async def _call(self, command: AnyCommand, by: Asker) -> object:
        method = getattr(self._node, command.do)
        if isinstance(command, PauseJob):
            return await method(JobId(command.job_id), for_s=command.for_s, until=command.until, by=by)
        if isinstance(command, PauseClaims):
            return await method(for_s=command.for_s, until=command.until, by=by)
        if isinstance(command, JobCommand):
            return await method(JobId(command.job_id), by=by)
        if isinstance(command, Withdraw):
            return await method(command.slots, by=by)
        if isinstance(command, OrderJob):
            return await method(command.order, by=by)
        if isinstance(command, FetchResult):
            return await method(JobId(command.job_id), Path(command.directory), by=by)
        if isinstance(command, CompareResult):
            return await method(JobId(command.job_id), command.prompts, by=by)
        if isinstance(command, DrainHost):
            return await method(command.name, undo=command.undo, by=by)
        if isinstance(command, ChangeSetting):
            return await method(command.key, command.text, by=by)
        return await method(by=by)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # it is heard, or published
