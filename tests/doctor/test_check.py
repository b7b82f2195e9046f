"""Checks run side by side: one that hangs or breaks is a finding, and holds up no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Grade, Room, Unchecked, ok, worst
from emeth_tui.doctor.run import CHECKS
from emeth_tui.doctor.subject import Subject
from emeth_tui.doctor.waiting import Once
from emeth_tui.errors import StoreError
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor.checkup import CheckBroke, CheckHung, NoNetwork, NotChecked
from emeth_tui.notices.reasons.doctor.software import PythonFits
from emeth_tui.notices.reasons.store import DatabaseFailed
from emeth_tui.process.threads import in_thread
from tests.doctor.patient import Patient

FINE = ok(PythonFits("3"))


async def fine(_subject: Subject) -> Sequence[Finding]:
    return [FINE]


async def hangs(_subject: Subject) -> Sequence[Finding]:
    await asyncio.Event().wait()
    raise AssertionError


async def hangs_whatever_is_asked(_subject: Subject) -> Sequence[Finding]:
    while True:
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
            return []


async def sleeps_in_a_thread(_subject: Subject) -> Sequence[Finding]:
    await in_thread(time.sleep, 3_600)
    raise AssertionError


async def breaks(_subject: Subject) -> Sequence[Finding]:
    raise ZeroDivisionError("with a password in it")


async def cannot_look(_subject: Subject) -> Sequence[Finding]:
    raise Unchecked(NoNetwork())


async def fails(_subject: Subject) -> Sequence[Finding]:
    raise StoreError(DatabaseFailed("x"))


def check(look: object, within_s: float = 60.0) -> Check:
    return Check(Room.DISK, "test", look, within_s)  # type: ignore[arg-type]


@pytest.mark.parametrize("look", [hangs, hangs_whatever_is_asked, sleeps_in_a_thread])
async def test_a_check_that_hangs_is_a_finding(patient: Patient, look: object) -> None:
    results = await patient.seen_by([check(look, within_s=0.05), check(fine)])

    hung, other = (result.finding for result in results)
    assert hung == Finding(Grade.WARNING, CheckHung(0.05), remedies.TryAgain())
    assert other == FINE


async def test_a_check_that_breaks_is_a_finding_without_what_the_exception_says(patient: Patient) -> None:
    broken, other = await patient.seen_by([check(breaks), check(fine)])

    assert isinstance(broken.finding.notice, CheckBroke)
    assert broken.finding.notice.error == "ZeroDivisionError"
    assert broken.finding.notice.place.startswith("test_check.py:")
    assert "password" not in repr(broken)
    assert other.finding == FINE


async def test_what_a_check_lacks_is_noted_and_what_it_raises_is_an_error(patient: Patient) -> None:
    unchecked, failed = await patient.seen_by([check(cannot_look), check(fails)])

    assert unchecked.finding == Finding(Grade.NOTE, NotChecked(NoNetwork()))
    assert failed.finding == Finding(Grade.ERROR, DatabaseFailed("x"), remedies.MendFirst())


async def test_checks_run_side_by_side(patient: Patient) -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def one(_subject: Subject) -> Sequence[Finding]:
        first.set()
        await second.wait()
        return [FINE]

    async def two(_subject: Subject) -> Sequence[Finding]:
        second.set()
        await first.wait()
        return [FINE]

    assert len(await patient.seen_by([check(one), check(two)])) == 2


async def test_what_several_need_is_made_once_and_outlives_the_impatient() -> None:
    made, may_go_on = 0, asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        await may_go_on.wait()
        return 7

    once = Once(make)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(once(), 0.01)
    may_go_on.set()

    assert await asyncio.gather(once(), once()) == [7, 7]
    assert made == 1


def test_the_worst_finding_counts() -> None:
    assert worst([]) is Grade.OK
    assert [grade.rank for grade in Grade] == [0, 1, 2, 3]


def test_every_check_has_a_name_of_its_own() -> None:
    names = [(check.room, check.name) for check in CHECKS]
    assert len(set(names)) == len(names)
    assert {room for room, _name in names} == set(Room)
