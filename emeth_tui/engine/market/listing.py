"""The best of a list that may be long: what is worth a closer look, found at a fraction of its cost."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

from emeth_tui.engine.market.rules import LATEST_UNIX_S, ClaimRules
from emeth_tui.model import JobId
from emeth_tui.protocol.info_api import ListedJob, ListEntry

KEPT_OFFERS = 250  # are judged in full and shown
_PROMISING, _FOUND_WANTING, _RULED_OUT = range(3)
_Ranked = tuple[int, int, int, JobId, ListEntry]


class Listing:
    """Takes a list piece by piece, and keeps its best jobs.

    Best are those that fee, size and deadline do not rule out, the best paid first. `wanting` are jobs that
    were looked into and found unsuitable: they come after the others, however well they seem to pay.
    """

    def __init__(self, rules: ClaimRules, now_unix_s: float, wanting: Collection[JobId]) -> None:
        self._fees_wei = max(rules.min_fee_wei, rules.least_fee_wei), rules.max_fee_wei
        self._sizes_bytes = rules.min_dataset_bytes, rules.max_dataset_bytes
        self._earliest_unix_s = now_unix_s + rules.safety_margin_s
        self._wanting = wanting
        self._best: list[_Ranked] = []
        self.total = 0

    def take(self, entries: Sequence[ListEntry]) -> None:
        """Take the next piece. It costs a microsecond for each entry."""
        least_wei, most_wei = self._fees_wei
        least_bytes, most_bytes = self._sizes_bytes
        earliest, wanting = self._earliest_unix_s, self._wanting
        worst = self._best[-1] if len(self._best) >= KEPT_OFFERS else None
        better: list[_Ranked] = []
        for entry in entries:
            fee_wei, deadline = entry.fee_wei, entry.deadline_unix_s
            rank = _RULED_OUT
            if (
                least_wei <= fee_wei <= most_wei
                and least_bytes <= entry.dataset_bytes <= most_bytes
                and earliest < deadline <= LATEST_UNIX_S
            ):
                rank = _PROMISING
            if worst is not None and rank > worst[0]:
                continue
            job_id = entry.job_id
            if rank == _PROMISING and job_id in wanting:
                rank = _FOUND_WANTING
            ranked = rank, -fee_wei, deadline, job_id, entry
            if worst is None or ranked[:4] < worst[:4]:
                better.append(ranked)
        self.total += len(entries)
        if better:
            self._best = heapq.nsmallest(KEPT_OFFERS, _once(self._best + better), key=_order)

    def best(self) -> list[ListedJob]:
        """Return the best jobs, the best paid first, whether suitable or not."""
        ranked = sorted(self._best, key=lambda ranked: ranked[1:4])
        return [entry.as_job() for *_, entry in ranked]


def _order(ranked: _Ranked) -> tuple[int, int, int, JobId]:
    return ranked[:4]


def _once(ranked: list[_Ranked]) -> list[_Ranked]:
    """Return each job as it was listed first."""
    return list({job_id: one for one in reversed(ranked) for job_id in (one[3],)}.values())
