"""Which workers are on hosts: a job goes on where it was trained last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emeth_tui.engine.hosts.far_places import FarPlaces, host_of


class Named:
    """Files of a host, as far as its name goes."""

    def __init__(self, host: str) -> None:
        self.host = host


class _Worker:
    def __init__(self, name: str) -> None:
        self.name = name


def test_a_job_goes_on_where_it_was_trained_last(tmp_path: Path) -> None:
    far: Any = FarPlaces()
    here, on_b, on_c = (_Worker(name) for name in ("here", "b", "c"))
    files = {"b": Named("b"), "c": Named("c")}
    far.add(on_b, files["b"])
    far.add(on_c, files["c"])

    assert far.files_of(on_c, "home") is files["c"]
    assert far.files_of(here, "home") == "home"
    assert far.prefer(tmp_path, lambda workers: workers[0])([here, on_b, on_c]) is here
    far.begins(tmp_path, on_c)
    assert host_of(tmp_path) == "c"
    assert far.prefer(tmp_path, lambda workers: workers[0])([here, on_b, on_c]) is on_c
    assert far.prefer(tmp_path, lambda workers: workers[0])([here, on_b]) is here
    far.remove(on_c)
    assert far.files_of(on_c, "home") == "home"
    far.begins(tmp_path, here)
    assert host_of(tmp_path) == ""
