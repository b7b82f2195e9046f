"""What the book knows without reading the store: the jobs under way, and those that ended today."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.engine.steps.job_book import JobBook, check_transition
from emeth_tui.errors import InvalidTransition
from emeth_tui.model import SECONDS_PER_DAY, TRANSITIONS, JobState
from emeth_tui.notices.reasons.job import TransitionNotAllowed
from emeth_tui.store.database import Store
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job


def test_jobs_that_ended_today_are_known_across_a_restart_and_gone_tomorrow(tmp_path: Path) -> None:
    noon = 20_000.5 * SECONDS_PER_DAY
    now = [noon - SECONDS_PER_DAY]
    with Store(tmp_path) as store:
        book = JobBook(store.jobs, lambda: now[0])
        for job_id in (JOB_ID, OTHER_JOB_ID):
            book.add(make_job(job_id=job_id, state=JobState.SUBMITTED))
        book.advance(make_job(job_id=OTHER_JOB_ID).job_id, JobState.VERIFIED)
        now[0] = noon
        verified = book.advance(make_job().job_id, JobState.VERIFIED)

        assert book.ended_today() == (verified,)
        assert JobBook(store.jobs, lambda: now[0]).ended_today() == (verified,)
        now[0] += SECONDS_PER_DAY / 2
        assert book.ended_today() == ()


def test_a_clock_that_was_a_day_ahead_for_a_moment_makes_no_end_of_today_forgotten(tmp_path: Path) -> None:
    now = [20_000.5 * SECONDS_PER_DAY]
    with Store(tmp_path) as store:
        book = JobBook(store.jobs, lambda: now[0])
        for job_id in (JOB_ID, OTHER_JOB_ID):
            book.add(make_job(job_id=job_id, state=JobState.SUBMITTED))
        failed = book.advance(JOB_ID, JobState.FAILED, lost_wei=7)
        now[0] += SECONDS_PER_DAY
        assert book.ended_today() == ()

        now[0] -= SECONDS_PER_DAY
        also_failed = book.advance(OTHER_JOB_ID, JobState.FAILED, lost_wei=8)
        assert book.ended_today() == (failed, also_failed)


def test_only_the_tables_changes_are_allowed() -> None:
    for current in JobState:
        for new in JobState:
            if new in TRANSITIONS[current]:
                check_transition(current, new)
            else:
                with pytest.raises(InvalidTransition) as refused:
                    check_transition(current, new)
                assert refused.value.reason == TransitionNotAllowed(current, new)
