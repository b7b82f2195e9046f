"""The judge: each thing that can go wrong is seen, and an honest run is not blamed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emeth_tui.model import JobState
from tests.faults.injected.faults import CATALOGUE
from tests.faults.judge import Books, Mined, _error_of, _reverted, _staked_in_vain, _twice, _unexplained
from tests.faults.plan import DISK_FULL, HOSTILE, plan_for
from tests.faults.run import play
from tests.faults.stage.parties import Offer
from tests.faults.stage.settings import Layout
from tests.faults.stage.world import deploy

CLAIM = Mined("0xaa", "process", "0x01", 3, True, 50)


def test_a_purpose_that_is_carried_out_twice_is_seen() -> None:
    plan = plan_for(4, faults=("node killed",))
    again = replace(CLAIM, tx_hash="0xbb", nonce=4)

    assert _twice([CLAIM, replace(CLAIM, job_id="0x02")]) == []
    assert _twice([CLAIM, again]) == ["process of job x01 is on the chain 2 times"]
    assert _reverted([CLAIM, replace(CLAIM, succeeded=False)], plan) == ["process of job x01 reverted"]


def test_a_deposit_on_a_job_that_shows_to_be_hopeless_is_seen() -> None:
    def staked(offer: Offer) -> list[str]:
        plan = plan_for(4, faults=("node killed",), hostile=offer)
        return _staked_in_vain([CLAIM, replace(CLAIM, job_id=offer.job_id)], plan)

    seen = [offer for offer in HOSTILE if staked(offer)]
    assert seen == [offer for offer in HOSTILE if offer.hopeless != "not UTF-8"]


@pytest.mark.parametrize(
    ("booked_wei", "fees_wei", "moved_wei", "wrong"),
    [
        (-7, {"0xaa": 50}, -7, 0),
        (-7, {"0xaa": 50}, -8, 1),
        (-7, {"0xaa": 51}, -7, 1),
        (-7, {}, -7, 1),
        (-7, {"0xaa": 50, "0xcc": 1}, -7, 1),
    ],
)
def test_a_wei_that_is_not_in_the_books_is_seen(
    booked_wei: int, fees_wei: dict[str, int], moved_wei: int, wrong: int
) -> None:
    books = Books({"0x01": JobState.VERIFIED}, booked_wei, fees_wei)

    assert len(_unexplained(books, [CLAIM], moved_wei, exactly=True)) == wrong


def test_a_seed_means_the_same_each_time() -> None:
    assert plan_for(7) == plan_for(7)
    assert plan_for(7).chance(1).random() == plan_for(7).chance(1).random()
    drawn = {step.fault for seed in range(2_000) for step in plan_for(seed).steps}
    assert drawn == set(CATALOGUE)
    without = {step.fault for seed in range(500) for step in plan_for(seed, disk=False).steps}
    assert not DISK_FULL & without


@pytest.mark.slow
@pytest.mark.process
async def test_a_killed_node_is_not_blamed_and_leaves_nothing(tmp_path: Path) -> None:
    deployed = await deploy(tmp_path / "deployed", published=False)
    plan = replace(plan_for(4), steps=plan_for(4, faults=("node killed",)).steps)

    report = await play(plan, Layout(tmp_path / "run"), deployed, small_disk=False)

    assert report.violations == []
    assert report.starts == 2
    assert {status.partition(" ")[0] for status in report.jobs.values()} == {"VERIFIED"}
    assert not (tmp_path / "run").exists()


def test_a_chain_of_errors_is_known_by_its_last() -> None:
    log = """2026-11-29 03:20:29,081 ERROR worker: broke off
Traceback (most recent call last):
  File "loop.py", line 91, in check
    raise StopRequested
StopRequested

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "files.py", line 28, in write
FileNotFoundError: [Errno 2] No such file or directory
2026-11-29 03:20:29,347 INFO worker: leaving
ValueError: of another line
"""
    assert _error_of(log) == "FileNotFoundError: [Errno 2] No such file or directory"
