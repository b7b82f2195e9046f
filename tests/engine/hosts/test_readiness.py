"""What a host has for jobs: its disk, less what was promised of it, and its models."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from emeth_tui.engine.disk import FILE_SYSTEM_RESERVE_BYTES
from emeth_tui.engine.hosts import readiness
from emeth_tui.engine.hosts.readiness import Readiness
from emeth_tui.hosts import reasons
from emeth_tui.hosts.messages import FarModel, JobUse, Stock
from emeth_tui.model import JobId
from emeth_tui.notices.events.host import HostModelReady, HostModelTrouble
from emeth_tui.notices.notice import Reason, from_data, to_data
from emeth_tui.notices.reasons.disk import CacheFull
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import ModelOnItsWay
from emeth_tui.notices.reasons.network.host import HostDiskFull, HostLacks, NotAskedYet

A, B = JobId("0x" + "a" * 32), JobId("0x" + "b" * 32)
GB = 10**9
SCRATCH = "devnet-small"
HUB = "somebody/gpt2"


def stock(
    free: int = 100 * GB, limit: int = 60 * GB, *, models: tuple[FarModel, ...] = (), **used: int
) -> Stock:
    jobs = tuple(JobUse({"a": A, "b": B}[name], size) for name, size in used.items())
    return Stock(free, limit, jobs, models)


def of(said: Stock | None, **reserved: int) -> Readiness:
    return Readiness(
        "b", lambda: said, lambda: {{"a": A, "b": B}[name]: size for name, size in reserved.items()}
    )


def test_a_host_that_has_said_nothing_gets_no_job() -> None:
    assert of(None).refusal(SCRATCH, 1) == HostLacks("b", NotAskedYet())
    assert not of(None).is_full(1, A)  # and loses none


@pytest.mark.parametrize("reserved", [{}, {"a": 5 * GB}, {"a": 5 * GB, "b": 2 * GB}])
def test_what_jobs_there_were_promised_is_taken_off_the_disk(reserved: dict[str, int]) -> None:
    used = {"a": GB} if "a" in reserved else {}
    spare = 10 * GB + sum(reserved.values()) - sum(used.values())
    ready = of(stock(spare + FILE_SYSTEM_RESERVE_BYTES, **used), **reserved)

    assert ready.refusal(SCRATCH, 10 * GB) is None
    assert ready.refusal(SCRATCH, 10 * GB + 1) == HostLacks("b", HostDiskFull(10 * GB, 10 * GB + 1))


def test_the_hosts_own_limit_holds_whatever_is_free() -> None:
    ready = of(stock(limit=20 * GB, a=GB, b=4 * GB), a=10 * GB)

    assert ready.refusal(SCRATCH, 6 * GB) is None
    assert ready.refusal(SCRATCH, 7 * GB) == HostLacks("b", CacheFull(6 * GB, 20 * GB, 7 * GB))


def test_a_job_of_the_hosts_own_needs_only_what_it_has_not_filled() -> None:
    ready = of(stock(3 * GB + FILE_SYSTEM_RESERVE_BYTES, a=7 * GB), a=10 * GB)

    assert not ready.is_full(10 * GB, A)
    assert ready.refusal(SCRATCH, 10 * GB, A) is None
    assert ready.is_full(11 * GB, A)
    assert ready.is_full(10 * GB, B)


def test_a_model_is_ready_on_its_way_or_out_of_reach() -> None:
    trouble = Foreign("no such model")
    cases = (
        (FarModel(HUB, True), None),
        (FarModel(HUB, False, 0.25), ModelOnItsWay(HUB, 0.25)),
        (FarModel(HUB, False, 0.25, to_data(trouble)), trouble),
        (FarModel("another", True), ModelOnItsWay(HUB, 0.0)),
    )
    for said, cause in cases:
        refusal = of(stock(models=(said,))).refusal(HUB, 1)
        assert refusal == (None if cause is None else HostLacks("b", cause))


def test_what_is_new_about_models_is_reported_once() -> None:
    trouble = Foreign("no such model")
    away, failed = (FarModel(HUB, False, 0.5), FarModel(HUB, False, 0.5, to_data(trouble)))
    ready = of(None)

    def reports(model: FarModel) -> list[object]:
        return list(ready.model_reports(stock(models=(model,)), [HUB]))

    assert reports(away) == []
    assert ready.lack == ModelOnItsWay(HUB, 0.5)
    assert reports(failed) == [HostModelTrouble("b", HUB, trouble)]
    assert reports(failed) == []
    assert ready.lack == trouble
    assert reports(FarModel(HUB, True)) == [HostModelReady("b", HUB)]
    assert reports(FarModel(HUB, True)) == []
    assert ready.lack is None


def test_a_host_that_changes_its_mind_fills_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(readiness, "time", SimpleNamespace(monotonic=lambda: now_s))
    ready = of(None)
    reports: list[object] = []
    for look in range(240):
        now_s += 0.5
        trouble = to_data(HostDiskFull(look, 10 * GB)) if look % 2 else None
        said = stock(models=(FarModel(HUB, trouble is None, 0.5, trouble),))
        reports += ready.model_reports(said, [HUB])
    assert 2 <= len(reports) <= 6

    now_s += 100
    reports.clear()
    for free in range(10):  # the same trouble with other numbers
        trouble = to_data(HostDiskFull(free, 10 * GB))
        reports += ready.model_reports(stock(models=(FarModel(HUB, False, 0.5, trouble),)), [HUB])
        now_s += 100
    assert len(reports) <= 1


def test_what_a_host_says_is_read_once_and_no_more_than_a_little_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[object] = []

    def counted(family: type[Reason], data: object) -> Reason:
        read.append(data)
        return from_data(family, data)

    monkeypatch.setattr(reasons, "from_data", counted)
    trouble = to_data(Foreign("no such model"))
    ready = of(stock(models=(FarModel(HUB, False, 0.5, trouble),)))
    for _ in range(1000):
        assert ready.refusal(HUB, 1) == HostLacks("b", Foreign("no such model"))
    assert len(read) == 1

    endless = {"kind": "foreign", "detail": [[1]] * 60_000}
    said = of(stock(models=(FarModel(HUB, False, 0.5, endless),)))
    assert said.refusal(HUB, 1) == HostLacks("b", Foreign("…"))
    assert len(read) == 1
