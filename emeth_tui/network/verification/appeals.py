"""Rejections that are held: for their nodes to appeal, for a second verifier, and for the operator."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from emeth_tui.model import JobId
from emeth_tui.network.records.database import Database, Row, Transaction
from emeth_tui.notices.notice import Reason, from_data, to_data
from emeth_tui.notices.reasons.network.verification import NotOwnWork, SecondAgrees
from emeth_tui.protocol.appeals import MOST_OPEN
from emeth_tui.words.sentences import english

LEAST_TIME_S = 600  # to appeal, from a start of the services: nodes look every few seconds
Unanswered = Literal["hold", "reject", "verify"]
_COLUMNS = "job_id, result, entry, until_unix_s, asked_unix_s, opinion, decision, outcome"


class Ruling(str, Enum):
    """What becomes of a result whose rejection is held."""

    VERIFY = "verify"
    REJECT = "reject"
    WAIT = "wait"  # for its node, or for the second verifier
    ASK = "ask"  # the operator


@dataclass(frozen=True, slots=True)
class Rule:
    """A network's rule for rejections.

    A node may appeal for `window_s`. A `second` verifier gives its opinion within `answer_s` of the appeal,
    or of each rejection where there is no window. `unanswered` is what happens if it does not.
    """

    window_s: int = 0
    second: str = ""  # its address
    answer_s: int = 86_400
    unanswered: Unanswered = "hold"

    @property
    def holds(self) -> bool:
        """Whether a rejection waits for anything at all."""
        return bool(self.window_s or self.second)


@dataclass(frozen=True, slots=True)
class Held:
    """A held rejection. `reason` and `opinion` are JSON; `asked_unix_s` is when an opinion was asked for."""

    job_id: JobId
    result: str
    reason: Mapping[str, Any]
    until_unix_s: int
    asked_unix_s: int | None
    opinion: Mapping[str, Any] | None
    decision: str | None
    outcome: str | None

    def ruling(self, rule: Rule, now_unix_s: float) -> Ruling:
        """Return what becomes of the result now."""
        settled = self.outcome or self.decision
        if settled:
            return Ruling(settled)
        if self.opinion is not None:
            return self._second_says(self.opinion)
        if self.asked_unix_s is None:
            return Ruling.WAIT if now_unix_s < self.until_unix_s else Ruling.REJECT
        if not rule.second:
            return Ruling.ASK
        if now_unix_s < self.asked_unix_s + rule.answer_s:
            return Ruling.WAIT
        return Ruling.ASK if rule.unanswered == "hold" else Ruling(rule.unanswered)

    def why(self) -> Reason:
        """Return why the result is rejected, if it is: what both verifiers say, where two have looked."""
        first = from_data(Reason, self.reason["reason"])
        if self.opinion is None or self.opinion["accepted"]:
            return first
        return SecondAgrees(first, from_data(Reason, self.opinion["reason"]))

    def _second_says(self, opinion: Mapping[str, Any]) -> Ruling:
        kind = self.reason["reason"]["kind"]
        if not opinion["accepted"]:
            # Where they find different faults one of them errs, and both may: with an old key, say.
            return Ruling.REJECT if opinion["reason"]["kind"] == kind else Ruling.ASK
        # The second verifier has no sketches of what the first accepted.
        return Ruling.ASK if kind == NotOwnWork.kind else Ruling.VERIFY


class Appeals:
    """The held rejections, in the database that all services of a network share."""

    def __init__(
        self, database: Database, rule: Rule, *, now_unix_s: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self.rule = rule
        self.now_unix_s = now_unix_s

    async def hold(self, job_id: JobId, result: str, reason: Reason) -> None:
        """Hold the rejection of a result, on the disk before this returns. Raise ServiceError."""
        now = int(self.now_unix_s())
        values = {
            "job": job_id,
            "result": result,
            "entry": entry_of(reason),
            "until": now + self.rule.window_s,
            "asked": None if self.rule.window_s else now,
        }
        sql = f"""INSERT INTO appeals ({_COLUMNS})
            VALUES (:job, :result, :entry, :until, :asked, NULL, NULL, NULL)
            ON CONFLICT (job_id) DO UPDATE SET result = :result, entry = :entry, until_unix_s = :until,
                asked_unix_s = :asked, opinion = NULL, decision = NULL, outcome = NULL
            WHERE appeals.result <> :result"""  # noqa: S608 - the columns are ours
        await self._change(sql, values)

    async def of(self, job_id: JobId) -> Held | None:
        """Return a job's held rejection, or what became of it. Raise ServiceError."""
        sql = f"SELECT {_COLUMNS} FROM appeals WHERE job_id = :job"  # noqa: S608
        found = await self._database.run(lambda transaction: transaction.row(sql, {"job": job_id}))
        return _held(found) if found else None

    async def all(self) -> list[Held]:
        """Return all that were held, the newest first. Raise ServiceError."""
        sql = f"SELECT {_COLUMNS} FROM appeals ORDER BY until_unix_s DESC, job_id"  # noqa: S608
        return [_held(row) for row in await self._database.run(lambda transaction: transaction.rows(sql))]

    async def appeal(self, job_id: JobId) -> bool:
        """Ask for an opinion of a held job, once; return whether one is asked for. Raise ServiceError."""
        now = int(self.now_unix_s())
        sql = """UPDATE appeals SET asked_unix_s = :now WHERE job_id = :job
            AND asked_unix_s IS NULL AND decision IS NULL AND outcome IS NULL AND until_unix_s > :now"""
        await self._change(sql, {"job": job_id, "now": now})
        held = await self.of(job_id)
        return held is not None and held.asked_unix_s is not None

    async def open_ones(self) -> list[Held]:
        """Return those of which an opinion is asked, the oldest first. Raise ServiceError."""
        sql = f"""SELECT {_COLUMNS} FROM appeals WHERE asked_unix_s IS NOT NULL
            AND opinion IS NULL AND decision IS NULL AND outcome IS NULL
            ORDER BY asked_unix_s, job_id LIMIT {MOST_OPEN}"""  # noqa: S608
        return [_held(row) for row in await self._database.run(lambda transaction: transaction.rows(sql))]

    async def note_opinion(self, job_id: JobId, result: str, opinion: Mapping[str, Any]) -> bool:
        """Note the second verifier's opinion where one is asked; return whether it was. Raise ServiceError.

        The first opinion of a result counts.
        """
        values = {"job": job_id, "result": result, "opinion": json.dumps(dict(opinion))}
        sql = """UPDATE appeals SET opinion = :opinion WHERE job_id = :job AND result = :result
            AND asked_unix_s IS NOT NULL AND opinion IS NULL AND outcome IS NULL"""
        return bool(await self._change(sql, values))

    async def decide(self, job_id: JobId, decision: Ruling) -> bool:
        """Note what the operator decides; return whether there was anything left to decide.

        Raise ServiceError.
        """
        sql = "UPDATE appeals SET decision = :decision WHERE job_id = :job AND outcome IS NULL"
        return bool(await self._change(sql, {"job": job_id, "decision": decision.value}))

    async def settle(self, held: Held, outcome: Ruling) -> bool:
        """Note what is about to be sent to the chain: from now on nothing changes it. Raise ServiceError.

        Return False, and note nothing, where an appeal, an opinion or a decision came after `held` was read.
        """
        values = {
            "job": held.job_id,
            "result": held.result,
            "until": held.until_unix_s,
            "asked": -1 if held.asked_unix_s is None else held.asked_unix_s,
            "opinions": int(held.opinion is not None),
            "decision": held.decision or "",
            "outcome": outcome.value,
        }
        sql = """UPDATE appeals SET outcome = :outcome WHERE job_id = :job AND result = :result
            AND outcome IS NULL AND until_unix_s = :until AND COALESCE(asked_unix_s, -1) = :asked
            AND CASE WHEN opinion IS NULL THEN 0 ELSE 1 END = :opinions
            AND COALESCE(decision, '') = :decision"""
        settled = "SELECT 1 FROM appeals WHERE job_id = :job AND result = :result AND outcome = :outcome"

        def work(transaction: Transaction) -> bool:
            transaction.change(sql, values)
            return bool(transaction.rows(settled, values))

        return await self._database.run(work)

    async def resume(self) -> None:
        """Give nodes some time to appeal after the services were down, however long. Raise ServiceError."""
        until = int(self.now_unix_s()) + min(self.rule.window_s, LEAST_TIME_S)
        sql = """UPDATE appeals SET until_unix_s = :until WHERE until_unix_s < :until
            AND asked_unix_s IS NULL AND decision IS NULL AND outcome IS NULL"""
        await self._change(sql, {"until": until})

    def ruling(self, held: Held) -> Ruling:
        """Return what becomes of a held result now."""
        return held.ruling(self.rule, self.now_unix_s())

    def may_appeal(self, held: Held) -> bool:
        """Whether a held job's node may appeal still."""
        return held.asked_unix_s is None and self.ruling(held) is Ruling.WAIT

    async def _change(self, sql: str, values: Mapping[str, object]) -> int:
        return await self._database.run(lambda transaction: transaction.change(sql, values))


def entry_of(reason: Reason) -> str:
    """Return a reason as JSON, with its sentence for those who do not know it."""
    return json.dumps({"reason": to_data(reason), "text": english(reason)})


def _held(row: Row) -> Held:
    job_id, result, entry, until, asked, opinion, decision, outcome = row
    return Held(
        JobId(job_id),
        result,
        json.loads(entry),
        int(until),
        None if asked is None else int(asked),
        None if opinion is None else json.loads(opinion),
        decision,
        outcome,
    )
