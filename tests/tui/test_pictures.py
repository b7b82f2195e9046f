"""Every screen as text and as SVG, at two sizes and in Japanese, against tests/snapshots.

`UPDATE_SNAPSHOTS=1 pytest tests/tui/test_pictures.py` rewrites them; then review the diff.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs
from rich.cells import cell_len
from textual.pilot import Pilot

from emeth_tui.engine.hosts.view import HostView
from emeth_tui.engine.market.standstill import Standstill
from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.model import Head, JobId, JobState, ServiceName, WorkerPhase
from emeth_tui.notices.reasons.control import SshFailed
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import MissesMargin, NoneTaken, PausedByOperator, TimeMeasured
from emeth_tui.notices.reasons.network.host import HostSilent
from emeth_tui.notices.reasons.network.watching import ReadingBack
from emeth_tui.notices.reasons.worker import ProcessKilled
from emeth_tui.tui.node_front import Ending
from emeth_tui.words.translation import set_language
from emeth_tui.workers.views import WorkerView
from tests.tui.harness import ATTACHED, LARGE, OPTIONS, READ_ONLY, SMALL, press, shown, strips_of, text_of
from tests.tui.screens.far_hosts import many_hosts, never_joined
from tests.tui.stand_in import (
    ATTACHED_TO,
    NOW,
    SECOND_ID,
    TRAINING_ID,
    StandInNode,
    forecast,
    paused,
    second_job,
    second_worker,
    snapshot,
    training_job,
    training_worker,
)
from tools.svg import svg

MOST_BYTES = 40_000  # of one SVG
VERY_LARGE = (200, 60)
FOLDER = Path(__file__).parent.parent / "snapshots"


def idle() -> Snapshot:
    """Nothing to do, and the reasons."""
    workers = (
        WorkerView(0, "cuda:0", "NVIDIA RTX 4090", pid=1, phase=WorkerPhase.IDLE),
        WorkerView(
            1,
            "cuda:1",
            "NVIDIA RTX 4090",
            phase=WorkerPhase.DOWN,
            detail=ProcessKilled(77, "SIGKILL"),
        ),
    )
    reason = NoneTaken(3, MissesMargin(13_780, TimeMeasured(17_200, 19_180)))
    return snapshot(
        workers=workers, jobs=(), gpus=(), offers=(), standstill=Standstill(reason, NOW - 260), events=()
    )


def loading() -> Snapshot:
    """Before anything is read from the chain."""
    workers = (WorkerView(0, "cpu"),)
    return snapshot(
        head=None, deposits=None, today=None, workers=workers, jobs=(), gpus=(), events=(), services=()
    )


def broken() -> Snapshot:
    """Services are down, the last block is old, a job has stopped, another one is paused and late."""
    return snapshot(
        head=Head(1_204_331, "0x" + "e" * 64, int(NOW) - 95),
        services=(
            ServiceStatus(
                ServiceName.CHAIN, NOW - 90, Foreign("connection refused"), next_try_unix_s=NOW + 4
            ),
            ServiceStatus(ServiceName.STORAGE, NOW - 4_000, Foreign("HTTP 503"), next_try_unix_s=NOW - 1),
        ),
        claims_paused=PausedByOperator(),
        standstill=paused(PausedByOperator(), 4_000),
        jobs=(
            training_job(paused=True, deadline_unix_s=int(NOW) + 1_000),
            second_job(state=JobState.UPLOADING, error=Foreign("the storage does not answer: HTTP 503")),
        ),
        forecasts=(forecast(TRAINING_ID, 2_540, 2_750, 1_000),),
        workers=(
            training_worker(phase=WorkerPhase.PAUSED, tokens_per_s=None),
            WorkerView(1, "cuda:1", phase=WorkerPhase.IDLE),
        ),
    )


def eight_workers() -> Snapshot:
    """A machine full of GPUs."""
    ids = [JobId(f"{TRAINING_ID[:-1]}{number}") for number in range(8)]
    return snapshot(
        workers=tuple(
            training_worker(index=number, device=f"cuda:{number}", job_id=job_id)
            for number, job_id in enumerate(ids)
        ),
        jobs=tuple(replace(training_job(), job_id=job_id) for job_id in ids),
        forecasts=tuple(forecast(job_id, 2_540, 2_750, 14_540) for job_id in ids),
    )


def idle_worker() -> Snapshot:
    """One worker to spare."""
    idle = WorkerView(1, "cuda:1", "NVIDIA RTX 4090", 1, WorkerPhase.IDLE)
    return snapshot(workers=(training_worker(), idle), jobs=(training_job(),))


def draining() -> Snapshot:
    """A worker on another machine that gets no new jobs."""
    idle = WorkerView(1, "attic · cuda:0", "NVIDIA RTX 4090", 1, WorkerPhase.IDLE, host="attic")
    attic = HostView("attic", "me@attic.example", joined=True, draining=True, joined_s=11_500)
    return snapshot(workers=(training_worker(), idle), jobs=(training_job(),), hosts=(attic,))


def shared() -> Snapshot:
    """One job that three workers share out: one waits for the others, and one part for a worker."""
    first = training_worker(part=1, parts=3, phase=WorkerPhase.AVERAGING)
    second = second_worker(device="attic · cuda:0", job_id=TRAINING_ID, part=2, parts=3, epoch=12)
    return snapshot(workers=(first, second), jobs=(training_job(parts=3, averaging="int8"),))


def away() -> Snapshot:
    """A worker on another machine that is not reached just now."""
    silent = HostSilent("machine-in-the-cellar", 95, SshFailed("cellar.example", "No route to host"))
    far = second_worker(
        device="machine-in-the-cellar · cuda:0",
        host="machine-in-the-cellar",
        phase=WorkerPhase.AWAY,
        detail=silent,
    )
    cellar = HostView(
        "machine-in-the-cellar",
        "me@cellar.example",
        joined=False,
        draining=False,
        away_s=95,
        reason=silent.cause,
    )
    return snapshot(workers=(training_worker(), far), hosts=(cellar,))


def watched() -> Snapshot:
    """An account that is read from the chain alone, while its past is still being read."""
    unknown = {"dataset_bytes": 0, "epochs_done": 0, "valid_loss": None, "batch_size": 0}
    return snapshot(
        workers=(),
        gpus=(),
        jobs=(
            training_job(state=JobState.CLAIMED, **unknown),
            second_job(state=JobState.CLAIMED, deadline_unix_s=int(NOW) - 500, **unknown),
            second_job(job_id=JobId(f"0x5d{'0' * 30}"), state=JobState.SUBMITTED, **unknown),
        ),
        forecasts=(),
        offers=(),
        listed=0,
        standstill=Standstill(ReadingBack(812_004, 600_000), NOW - 12),
        from_chain_alone=True,
    )


SCREENS = {
    "dashboard": (snapshot, ()),
    "dashboard-pending": (snapshot, ("2",)),
    "dashboard-deposits": (snapshot, ("3",)),
    "dashboard-disk": (snapshot, ("4",)),
    "dashboard-share": (snapshot, ("5",)),
    "dashboard-filter": (snapshot, ("slash", *"submitted")),
    "idle": (idle, ()),
    "loading": (loading, ()),
    "broken": (broken, ()),
    "away": (away, ()),
    "draining": (draining, ()),
    "eight-workers": (eight_workers, ("down", "down")),
    "many-hosts": (many_hosts, ("down",) * 5),
    "decline": (snapshot, ("D",)),
    "decline-all": (snapshot, ("A",)),
    "leave": (snapshot, ("q",)),
    "pause": (snapshot, ("p",)),
    "job": (snapshot, ("enter",)),
    "job-shared": (shared, ("enter",)),
    "job-chain": (snapshot, ("enter", "o")),
    "job-end": (snapshot, ("enter", "end")),
    "history": (snapshot, ("h",)),
    "days": (snapshot, ("h", "d")),
    "transactions": (snapshot, ("x",)),
    "transaction": (snapshot, ("x", "enter")),
    "deposits": (snapshot, ("3", "enter")),
    "disk": (snapshot, ("4", "enter")),
    "share": (snapshot, ("5", "enter")),
    "network": (snapshot, ("n",)),
    "requests": (snapshot, ("r",)),
    "request": (snapshot, ("r", "end", "enter", "e")),
    "request-new": (snapshot, ("r", "a", *"novel.txt")),
    "request-estimate": (snapshot, ("r", "a", *"/novel.txt", "enter")),
    "request-cancel": (snapshot, ("r", "c")),
    "hosts": (many_hosts, ("H", "down")),
    "hosts-drain": (many_hosts, ("H", "d")),
    "hosts-none": (snapshot, ("H",)),
    "hosts-joining": (never_joined, ("H",)),
    "market": (snapshot, ("m",)),
    "claim": (idle_worker, ("m", "down", "c")),
    "graphs": (snapshot, ("v",)),
    "log": (snapshot, ("l",)),
    "settings": (snapshot, ("s", *["down"] * 9)),
    "settings-entry": (snapshot, ("s", *["down"] * 4, "enter", *["backspace"] * 5, *"-3", "enter")),
    "help": (snapshot, ("question_mark",)),
}


def check(name: str, pilot: Pilot[Ending], size: tuple[int, int]) -> None:
    """Hold the screen against the pictures that are kept: its text, and as SVG its looks too."""
    text = text_of(pilot)
    lines = text.splitlines()
    assert len(lines) == size[1]
    assert max(cell_len(line) for line in lines) <= size[0]
    picture = svg(strips_of(pilot), size[0])
    assert len(picture.encode()) < MOST_BYTES
    if os.environ.get("UPDATE_SNAPSHOTS"):
        (FOLDER / f"{name}.txt").write_text(text, "utf-8")
        (FOLDER / f"{name}.svg").write_text(picture, "utf-8")
    assert text == (FOLDER / f"{name}.txt").read_text("utf-8")
    kept = (FOLDER / f"{name}.svg").read_text("utf-8")
    assert picture == kept, "\n".join(other_looks(kept, picture))


def other_looks(kept: str, picture: str) -> list[str]:
    """Return what is different between two pictures of the same text, row by row."""
    changes = difflib.unified_diff(kept.splitlines(), picture.splitlines(), "kept", "now", lineterm="", n=0)
    return ["the same text in other colours or weights:", *changes]


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize(
    ("size", "language"),
    [
        (LARGE, "en"),
        (SMALL, "ja"),  # the tightest
        pytest.param(SMALL, "en", marks=pytest.mark.slow),
        pytest.param(LARGE, "ja", marks=pytest.mark.slow),
    ],
    ids=str,
)
async def test_the_screen_looks_as_it_did(name: str, size: tuple[int, int], language: str) -> None:
    make, keys = SCREENS[name]
    set_language(language)
    async with shown(StandInNode(make()), size) as pilot:
        await press(pilot, *keys)
        check(f"{name}-{size[0]}x{size[1]}-{language}", pilot, size)


@pytest.mark.parametrize("name", ["dashboard", "eight-workers", "graphs"])
async def test_a_very_large_screen_looks_as_it_did(name: str) -> None:
    make, keys = SCREENS[name]
    async with shown(StandInNode(make()), VERY_LARGE) as pilot:
        await press(pilot, *keys)
        check(f"{name}-{VERY_LARGE[0]}x{VERY_LARGE[1]}", pilot, VERY_LARGE)


@pytest.mark.parametrize(
    ("size", "language"), [(SMALL, "en"), (LARGE, "en"), (SMALL, "ja"), (LARGE, "ja")], ids=str
)
async def test_a_read_only_view_looks_as_it_did(size: tuple[int, int], language: str) -> None:
    set_language(language)
    lost = ServiceStatus(ServiceName.NODE, NOW - 12, Foreign("the node has not answered in 5 s"))
    node = StandInNode(
        snapshot(
            services=(lost,),
            claims_paused=PausedByOperator(),
            standstill=paused(PausedByOperator(), 4_000),
        )
    )
    node.attached_to = ATTACHED_TO
    async with shown(node, size, READ_ONLY) as pilot:
        check(f"view-{size[0]}x{size[1]}-{language}", pilot, size)


@pytest.mark.parametrize(
    ("size", "language"), [(SMALL, "en"), (LARGE, "en"), (SMALL, "ja"), (LARGE, "ja")], ids=str
)
async def test_an_account_from_the_chain_alone_looks_as_it_did(size: tuple[int, int], language: str) -> None:
    set_language(language)
    async with shown(StandInNode(watched()), size, READ_ONLY) as pilot:
        await press(pilot, "4", "1")
        check(f"watched-{size[0]}x{size[1]}-{language}", pilot, size)


@pytest.mark.parametrize(
    ("size", "language"), [(SMALL, "en"), (LARGE, "en"), (SMALL, "ja"), (LARGE, "ja")], ids=str
)
async def test_an_attached_screen_that_is_left_looks_as_it_did(size: tuple[int, int], language: str) -> None:
    set_language(language)
    node = StandInNode()
    node.attached_to = ATTACHED_TO
    async with shown(node, size, ATTACHED) as pilot:
        await press(pilot, "q")
        check(f"leave-attached-{size[0]}x{size[1]}-{language}", pilot, size)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=str)
async def test_ascii_is_ascii(size: tuple[int, int]) -> None:
    node = StandInNode()
    node.picture = replace(node.picture, events=())  # they may hold any script
    async with shown(node, size, structs.replace(OPTIONS, ascii_only=True)) as pilot:
        check(f"ascii-{size[0]}x{size[1]}", pilot, size)
        for keys in ((), ("D",), ("escape", "enter"), ("escape", "question_mark")):
            await press(pilot, *keys)
            picture = text_of(pilot)
            assert picture.isascii(), sorted({c for c in picture if not c.isascii()})


async def test_the_chosen_job_is_marked_without_colour() -> None:
    async with shown(StandInNode()) as pilot:
        await press(pilot, "down")
        (marked,) = [text for text in text_of(pilot).splitlines() if "▶" in text]
        assert f"{SECOND_ID[2:6]}…" in marked
