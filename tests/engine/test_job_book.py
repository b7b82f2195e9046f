"""The book of jobs: changes by the table, durable before they are seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.engine.job_book import JobBook
from emeth_tui.errors import InvalidTransition
from emeth_tui.model import JobState
from emeth_tui.store.database import Store
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@pytest.fixture
def book(store: Store) -> JobBook:
    return JobBook(store.jobs, lambda: 1_234.0)


def test_a_change_is_in_the_store_at_once(book: JobBook, store: Store) -> None:
    book.add(make_job())

    claimed = book.advance(JOB_ID, JobState.CLAIMED, deposit_wei=5)

    assert store.jobs.get(JOB_ID) == claimed
    assert store.jobs.states(JOB_ID) == [(JobState.CLAIMING, 1_234.0), (JobState.CLAIMED, 1_234.0)]


def test_a_change_outside_the_table_is_refused_and_changes_nothing(book: JobBook, store: Store) -> None:
    book.add(make_job())

    with pytest.raises(InvalidTransition):
        book.advance(JOB_ID, JobState.VERIFIED)

    assert book.get(JOB_ID) == store.jobs.get(JOB_ID) == make_job()


def test_going_on_clears_the_error(book: JobBook) -> None:
    book.add(make_job(error="the storage does not answer"))

    assert book.advance(JOB_ID, JobState.CLAIMED).error == ""


def test_an_ended_job_leaves_the_book_but_is_known(book: JobBook) -> None:
    book.add(make_job())

    ended = book.advance(JOB_ID, JobState.LOST)

    assert JOB_ID not in book
    assert book.open_jobs() == []
    assert book.known(JOB_ID) == ended
    assert ended.ended_at_unix_s == 1_234.0
    assert book.known(OTHER_JOB_ID) is None


def test_a_new_book_opens_where_the_last_one_ended(book: JobBook, store: Store) -> None:
    book.add(make_job())
    book.add(make_job(job_id=OTHER_JOB_ID))
    book.advance(OTHER_JOB_ID, JobState.LOST)
    book.update(JOB_ID, epochs_done=7, paused=True)

    reopened = JobBook(store.jobs, lambda: 0.0)

    assert reopened.open_jobs() == [make_job(epochs_done=7, paused=True)]


def test_submitted_jobs_hold_no_worker(book: JobBook) -> None:
    book.add(make_job(state=JobState.SUBMITTING))
    book.advance(JOB_ID, JobState.SUBMITTED)

    assert book.training_jobs() == []
    assert len(book.open_jobs()) == 1
