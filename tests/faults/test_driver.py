"""The driver: a run that was not even set up is set up once more, and nothing else is tried again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import __main__ as driver
from tests.faults import table
from tests.faults.injected.host_faults import HOST_FAULTS
from tests.faults.plan import plan_for
from tests.faults.run import NotSetUp, Report
from tests.faults.stage.processes import living

WRONG = Report(1, violations=["the deposit of job 001 is forgotten"])
RIGHT = Report(1)


@pytest.mark.parametrize(
    ("outcomes", "set_up", "violations"),
    [
        ([RIGHT], 1, []),
        ([NotSetUp("no port"), RIGHT], 2, []),
        ([NotSetUp("no port"), NotSetUp("no port"), RIGHT], 1, ["not set up 2 times: no port"]),
        ([WRONG, RIGHT], 1, WRONG.violations),
        ([ValueError("a bug"), RIGHT], 1, ["the run broke off at test_driver.py:48: ValueError('a bug')"]),
    ],
    ids=["right", "set up again", "never set up", "wrong", "broken off"],
)
async def test_what_is_wrong_in_a_run_is_never_played_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcomes: list[Report | Exception],
    set_up: int,
    violations: list[str],
) -> None:
    coming: Iterator[Report | Exception] = iter(outcomes)

    async def play(*_: Any, **__: Any) -> Report:
        outcome = next(coming)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(driver, "play", play)

    report = await driver._play(plan_for(1), tmp_path, tmp_path, small_disk=False)

    assert (report.set_up, report.violations) == (set_up, violations)
    assert ("not set up: no port" in capsys.readouterr().out) == isinstance(outcomes[0], NotSetUp)


def test_the_fixed_set_has_each_fault_once() -> None:
    arguments = driver.argparse.Namespace(seeds=0, fault=[], short=False, chain="anvil", hosts=None)
    plans = list(driver.plans(arguments, small_disk=True))

    assert len(plans) == driver.FIXED_RUNS
    assert sorted(step.fault for plan in plans for step in plan.steps) == sorted(driver.CATALOGUE)
    hostile = [offer for plan in plans for offer in plan.offers if offer.hopeless]
    assert set(hostile) == set(driver.HOSTILE)


def test_the_fixed_runs_on_hosts_break_what_is_on_the_way_to_them() -> None:
    arguments = driver.argparse.Namespace(seeds=0, fault=[], short=False, chain="py-evm", hosts="any")
    plans = list(driver.plans(arguments, small_disk=True))

    assert [len(plan.setup.hosts) for plan in plans] == [len(run.hosts) for run in driver.HOST_RUNS]
    assert {step.fault for plan in plans for step in plan.steps} <= HOST_FAULTS.keys()
    assert all(len(plan.offers) > len(plan.setup.hosts) for plan in plans)
    assert all(plan.setup.joined_first and not plan.setup.published for plan in plans)


def test_the_fixed_set_begins_with_the_runs_on_hosts() -> None:
    arguments = driver.argparse.Namespace(seeds=0, fault=[], short=False, chain="py-evm", hosts=None)
    plans = list(driver.plans(arguments, small_disk=True))

    assert [bool(plan.setup.hosts) for plan in plans[:3]] == [True, True, False]
    assert len({plan.seed for plan in plans}) == len(plans)  # each has a directory of its own


def test_a_process_of_another_run_is_none_of_a_run_whose_name_begins_as_its_own(tmp_path: Path) -> None:
    waiting = "import sys; sys.stdin.read()"
    words = [sys.executable, "-c", waiting, str(tmp_path / "seed-27" / "node-0.toml")]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        assert living(tmp_path / "seed-2") == []
        assert living(tmp_path / "seed-27") == [process.pid]


def test_reports_are_added_to_the_table() -> None:
    happened = {"fault": "node killed", "detail": "SIGKILL"}
    did_not = {"fault": "disk full", "detail": "did not happen: the network was down"}
    reports = [
        {"faults": [happened, did_not], "violations": []},
        {"faults": [happened], "violations": ["a job is lost"]},
        {"faults": [did_not], "violations": []},
    ]

    rows = table.table("\n".join(table.table("", reports)), reports)

    assert "| node killed | 4 | 2 |" in rows
    assert "| disk full | 0 | 0 |" in rows
    assert rows[-1] == "| all | 4 | 2 |"
