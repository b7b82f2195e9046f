"""Which workers are on hosts: a job goes on where it was trained last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emeth_tui.engine.hosts.far_places import FarPlaces, host_of
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.host import NotAskedYet
from tests.factories import make_job


class Named:
    """Files of a host, as far as its name goes."""

    def __init__(self, host: str) -> None:
        self.host = host


class Host:
    """What a host lacks."""

    def __init__(self, lacks: object = None, *, full: bool = False) -> None:
        self.lacks, self.full = lacks, full
        self.lacked: object = None

    def refusal(self, *_job: object) -> object:
        return self.lacks

    def is_full(self, *_job: object) -> bool:
        return self.full


class _Worker:
    def __init__(self, name: str) -> None:
        self.name = name


def test_a_job_goes_on_where_it_was_trained_last(tmp_path: Path) -> None:
    far: Any = FarPlaces()
    here, on_b, on_c = (_Worker(name) for name in ("here", "b", "c"))
    files = {"b": Named("b"), "c": Named("c")}
    lacks_nothing = Host()
    far.add(on_b, files["b"], lacks_nothing)
    far.add(on_c, files["c"], lacks_nothing)
    job = make_job(job_id=JobId(tmp_path.name))

    assert far.files_of(on_c, "home") is files["c"]
    assert far.files_of(here, "home") == "home"
    assert far.prefer(tmp_path, job, lambda workers: workers[0])([here, on_b, on_c]) is here
    far.begins(tmp_path, on_c)
    assert host_of(tmp_path) == "c"
    assert far.prefer(tmp_path, job, lambda workers: workers[0])([here, on_b, on_c]) is on_c
    assert far.prefer(tmp_path, job, lambda workers: workers[0])([here, on_b]) is here
    far.remove(on_c)
    assert far.files_of(on_c, "home") == "home"
    far.begins(tmp_path, here)
    assert host_of(tmp_path) == ""


def test_a_host_that_lacks_something_gets_no_new_job_and_keeps_its_own(tmp_path: Path) -> None:
    far: Any = FarPlaces()
    here, on_b = _Worker("here"), _Worker("b")
    host = Host(NotAskedYet())
    far.add(on_b, Named("b"), host)
    job = make_job(job_id=JobId(tmp_path.name))
    choose = far.prefer(tmp_path, job, lambda workers: workers[0])

    assert choose([on_b, here]) is here
    assert choose([on_b]) is None
    assert (far.claim_refusal(on_b, job), far.claim_refusal(here, job)) == (NotAskedYet(), None)
    assert host.lacked == NotAskedYet()

    far.begins(tmp_path, on_b)
    choose = far.prefer(tmp_path, job, lambda workers: workers[0])
    assert choose([here, on_b]) is on_b
    host.full = True
    assert choose([here, on_b]) is here
