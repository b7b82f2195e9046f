"""The node's answers to questions. None of them changes anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from emeth_tui.control import wire
from emeth_tui.control.wire import Question
from emeth_tui.engine.events import Subscription
from emeth_tui.engine.view.records import NodeRecords
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.model import Asker, JobId
from emeth_tui.protocol.job_ids import parse_job_id

REST_SHARE = 4  # after each answer the node rests four times as long
LEAST_REST_S = 0.005


class ShownNode(Protocol):
    """The part of a node that is shown (engine.node)."""

    @property
    def records(self) -> NodeRecords: ...
    def snapshot(self) -> Snapshot: ...
    def subscribe(self) -> Subscription: ...
    def note_screen(self, by: Asker, *, attached: bool) -> None:
        """Publish that a screen in another process has come or gone."""


class Answers:
    """Answers the questions of all clients, one at a time."""

    def __init__(self, node: ShownNode) -> None:
        self._node = node
        self._turn = asyncio.Lock()
        self._searching = asyncio.Lock()

    async def answer(self, question: Question) -> Any:
        """Answer one question, then let the node rest before the next one from any client.

        Raise EmethError.
        """
        node = self._node
        if question.ask == "chain_record":  # slow, but does not keep the node busy
            record = await node.records.chain_record(parse_job_id(question.job_id))
            return wire.pack(question.ask, record)
        if question.ask == "network":  # as slow, and read once for all who ask
            return wire.pack(question.ask, await node.records.network())
        if question.ask == "requests":
            return wire.pack(question.ask, await node.records.requests())
        # A search may take seconds in its thread: what is quick does not wait for it.
        async with self._searching if question.ask == "log_search" else self._turn:
            began = time.monotonic()
            try:
                return wire.pack(question.ask, await _ANSWERS[question.ask](node, question))
            finally:
                await asyncio.sleep(rest_after(time.monotonic() - began))


def rest_after(seconds: float) -> float:
    """Return how long the node rests after it has worked for clients."""
    return max(LEAST_REST_S, REST_SHARE * seconds)


async def _snapshot(node: ShownNode, _question: Question) -> Snapshot:
    return node.snapshot()


async def _events(_node: ShownNode, _question: Question) -> None:
    return None


async def _job(node: ShownNode, question: Question) -> object:
    record = await node.records.job(JobId(question.job_id))
    if record is None:
        return None
    return wire.record_without_bytes(record)


async def _jobs(node: ShownNode, question: Question) -> object:
    """Return the newest jobs, or with a job those before it: a history is asked for in pieces."""
    return await node.records.older_jobs(JobId(question.job_id) or None, question.limit)


async def _day_costs(node: ShownNode, _question: Question) -> object:
    return await node.records.day_costs()


async def _transactions(node: ShownNode, question: Question) -> object:
    return [wire.without_bytes(tx) for tx in await node.records.transactions(question.limit)]


async def _series(node: ShownNode, question: Question) -> object:
    return await node.records.series(question.span, question.limit)


async def _settings(node: ShownNode, _question: Question) -> object:
    return await node.records.settings()


async def _logs(node: ShownNode, _question: Question) -> object:
    return [path.name for path in await node.records.logs()]


async def _log_tail(node: ShownNode, question: Question) -> object:
    path = await _log(node, question)
    return await node.records.log_tail(path, question.max_bytes) if path else []


async def _log_search(node: ShownNode, question: Question) -> object:
    path = await _log(node, question)
    return await node.records.log_search(path, question.words, question.limit) if path else []


async def _log(node: ShownNode, question: Question) -> Path | None:
    """Return one of the node's own log files; no other file can be named."""
    return next((path for path in await node.records.logs() if path.name == question.name), None)


_ANSWERS: dict[str, Callable[[ShownNode, Question], Awaitable[object]]] = {
    "snapshot": _snapshot,
    "events": _events,
    "job": _job,
    "jobs": _jobs,
    "day_costs": _day_costs,
    "transactions": _transactions,
    "series": _series,
    "settings": _settings,
    "logs": _logs,
    "log_tail": _log_tail,
    "log_search": _log_search,
}
