"""Words for numbers, forecasts against deadlines, what can be done and what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.view.snapshot import Forecast
from emeth_tui.listings.costs import decline_cost, decline_facts
from emeth_tui.model import JobState, WorkerPhase, token_to_wei
from emeth_tui.tui import why_not
from emeth_tui.tui.frame import Outlook, make_frame, outlook
from emeth_tui.tui.why_not import Target
from emeth_tui.words import formats
from tests.tui.stand_in import (
    NOW,
    TRAINING_ID,
    forecast,
    pending_job,
    second_job,
    snapshot,
    training_job,
    training_worker,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (14_540, "4 h 02"),
        (360_000, "4 d 04 h"),
        (-5, "0 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(2_520, 2_820, "42–47 min"), (10, 12, "10–12 s"), (50, 70, "50 s – 1 min"), (2_520, 2_530, "42 min")],
)
def test_ranges(low: float, high: float, text: str) -> None:
    assert formats.duration_range(low, high) == text


def test_amounts_are_exact_to_the_wei() -> None:
    assert formats.exact_token(token_to_wei("5.03086419725")) == "5.03086419725"
    assert formats.exact_token(token_to_wei(5)) == "5.00"
    assert formats.exact_token(1) == "0.000000000000000001"
    assert formats.exact_token(-token_to_wei("1.5")) == "-1.50"


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(12, "12 B"), (64_000, "64 kB"), (1_240_000, "1.2 MB"), (212e9, "212 GB")]
)
def test_sizes(size_bytes: float, text: str) -> None:
    assert formats.size(size_bytes) == text


def test_a_forecast_is_the_nodes_own() -> None:
    frame = make_frame(snapshot())
    seen = [outlook(row, frame.now) for row in frame.rows]
    assert seen == [Outlook(2_540, 2_750, 14_540, 11_790), Outlook(1_210, 1_370, 1_500, 130)]


def test_what_is_not_measured_is_no_forecast() -> None:
    guess = Forecast(TRAINING_ID, Duration(20.0, 100.0, 213.0, measured=False), 14_327.0)
    frame = make_frame(snapshot(forecasts=(guess,)))
    assert [outlook(row, frame.now) for row in frame.rows] == [None, None]


@pytest.mark.parametrize(("deadline_in_s", "role"), [(4_000, "good"), (3_000, "warn"), (2_000, "bad")])
def test_slack_warns_before_it_is_lost(deadline_in_s: int, role: str) -> None:
    job = training_job(deadline_unix_s=int(NOW) + deadline_in_s)
    ours = forecast(TRAINING_ID, 2_540, 2_860, deadline_in_s)
    frame = make_frame(snapshot(jobs=(job,), forecasts=(ours,)))
    seen = outlook(frame.rows[0], NOW)
    assert seen is not None
    assert seen.role == role


def test_jobs_without_a_worker_are_shown_all_the_same() -> None:
    idle = training_worker(phase=WorkerPhase.IDLE, job_id=None)
    jobs = (training_job(state=JobState.DOWNLOADING), second_job(state=JobState.CLAIMING))
    frame = make_frame(snapshot(workers=(idle,), jobs=jobs))
    assert [row.job for row in frame.rows] == list(jobs)
    assert not frame.rows[0].at_work
    assert frame.rows[1].worker is None


def test_pending_jobs_stand_in_order_of_age() -> None:
    frame = make_frame(snapshot())
    ages = [NOW - (job.submitted_at_unix_s or 0) for job in frame.pending]
    assert ages == [660, 245]


def test_declining_costs_what_the_contract_takes() -> None:
    rates = replace(snapshot().rates, decline_penalty_rate=30_000, timeout_penalty_rate=50_000)
    frame = make_frame(snapshot(rates=rates))
    cost = decline_cost(frame.snapshot, training_job(deposit_wei=1_001))
    assert (cost.penalty_wei, cost.back_wei, cost.timeout_wei) == (300, 701, 500)
    assert cost.earning_wei == token_to_wei("10.123456789")
    assert cost.fraction == pytest.approx(12.41 / 30)


def test_finishing_brings_no_deposit_back_that_the_contract_keeps() -> None:
    keeps = snapshot(rates=replace(snapshot().rates, returns_deposit=False))
    facts = {
        label: text for label, text, _role in decline_facts(keeps, [decline_cost(keeps, training_job())])
    }
    finishing = facts["finishing earns"]
    assert finishing == "-10.00 EMT in all, once it is verified: the contract keeps the deposit"


@pytest.mark.parametrize(
    ("state", "declinable", "pausable"),
    [
        (JobState.CLAIMING, False, True),
        (JobState.CLAIMED, True, True),
        (JobState.TRAINING, True, True),
        (JobState.SUBMITTED, False, False),
        (JobState.VERIFIED, False, False),
    ],
)
def test_what_can_be_done_depends_on_the_state(state: JobState, declinable: bool, pausable: bool) -> None:
    frame = make_frame(snapshot())
    job = pending_job(TRAINING_ID, 0, state=state)
    assert (why_not.decline_job(frame, Target(job=job)) is None) is declinable
    assert (why_not.pause_job(frame, Target(job=job)) is None) is pausable


def test_a_stopping_node_takes_no_commands() -> None:
    frame = make_frame(snapshot(stopping="stopping"))
    assert why_not.pause_claims(frame, Target())
    assert why_not.withdraw(frame, Target())
    assert why_not.declinable(frame) == []
