"""Models made ready by a real process, from a hub on localhost."""

from __future__ import annotations

import asyncio
import fcntl
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.errors import TrainingError, WorkerError
from emeth_tui.training.files import hub
from emeth_tui.workers import model_keeper
from emeth_tui.workers.model_keeper import make_ready
from tests.training.files.hub_server import Hub, serving
from tests.training.pretrained import save_small_gpt2

NAME = "someone/gpt2-tiny"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    save_small_gpt2(tmp_path / "published")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with serving(NAME, tmp_path / "published") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


async def test_a_model_is_fetched_and_told_of(server: Hub, tmp_path: Path) -> None:
    told: list[float] = []

    await make_ready(tmp_path, NAME, told.append)

    assert told == sorted(told)
    assert told[0] == 0.0
    assert hub.fetch(NAME).is_dir()
    assert not multiprocessing.active_children()


async def test_parts_that_do_not_fit_together_are_one_clear_line(server: Hub, tmp_path: Path) -> None:
    config = tmp_path / "published/config.json"
    config.write_text(config.read_text().replace('"n_embd": 32', '"n_embd": 64'))

    with pytest.raises(TrainingError, match=rf"model {NAME}: tensor .* has shape .*, not .*64"):
        await make_ready(tmp_path, NAME, lambda fraction: None)


async def test_it_breaks_off_when_asked_to(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_keeper, "LEAVE_WITHIN_S", 60.0)  # it leaves by itself, however slow the machine
    waits = asyncio.Event()
    home = hub._home() / NAME.replace("/", "--")
    home.mkdir(parents=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process that downloads it
        fetching = asyncio.create_task(
            make_ready(tmp_path, NAME, lambda fraction: waits.set(), leave_within_s=60.0)
        )
        await waits.wait()
        (child,) = multiprocessing.active_children()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching

    assert child.exitcode == 0
    assert server.requests == []


async def test_a_process_that_dies_is_an_error_with_its_log(server: Hub, tmp_path: Path) -> None:
    def kill(fraction: float) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(WorkerError, match=rf"fetching model {NAME} broke off: .*SIGKILL.*models\.log"):
        await make_ready(tmp_path, NAME, kill)
