"""`python -m tools.pictures`: take the README's pictures of the real screen on a real local network.

Runs a devnet and a node that trains on two CPU workers, and takes each picture once there is something to
see. That takes a few minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from textual.pilot import Pilot

from emeth_tui.clients.wallet import load_wallet
from emeth_tui.devnet.beside import devnet_beside
from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.node import Node
from emeth_tui.engine.opening import open_node
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.job import Job
from emeth_tui.model import JobState
from emeth_tui.process.spawning import prepare_spawning
from emeth_tui.settings import Layers, find_password, load_network, settings_layers
from emeth_tui.store.database import Store
from emeth_tui.tui.app import EmethApp
from emeth_tui.tui.node_front import Ending, ScreenOptions
from emeth_tui.words.translation import set_language
from tools.svg import svg

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
SIZE = (120, 34)
TALL = (120, 46)
MARGIN = 12
NODE_LIMIT_S = 600.0
CHART_S = 10.0  # seconds of speed that a worker's small chart shows

TakePicture = Callable[[str], None]


async def main() -> None:
    """Run a network and a node, and take every picture."""
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    FOLDER.mkdir(parents=True, exist_ok=True)
    prepare_spawning()
    with (
        tempfile.TemporaryDirectory(prefix="emeth-pictures-") as place,
        devnet_beside(Path(place) / "devnet", []) as node_toml,
    ):
        layers = settings_layers(
            node_toml,
            environment={},
            overrides={
                "state.directory": Path(place) / "state",
                "cache.directory": Path(place) / "cache",
                "claims.max_dataset_bytes": 32_000,
            },
        )
        async with running_node(layers) as node:
            await take_pictures(node)


@asynccontextmanager
async def running_node(layers: Layers) -> AsyncIterator[Node]:
    """Run a node with two CPU workers."""
    settings = layers.load()
    wallet = load_wallet(settings.keystore_path, find_password({}, settings.wallet) or "")
    network = load_network(settings, environment={})
    with Store(settings.state_dir) as store:
        clock = ChainClock()
        with contextlib.closing(EventLog(store.events, clock.now_unix_s)) as events:
            devices = ["cpu", "cpu"]
            opening = open_node(
                settings, network, wallet, store, events=events, clock=clock, devices=devices, layers=layers
            )
            async with opening as node:
                running = asyncio.create_task(node.run())
                yield node
                await node.request_stop()
                await running


async def take_pictures(node: Node) -> None:
    """Wait for each good moment and take its picture."""
    async with screen(node, "en", "dark") as (pilot, take):
        await pilot.pause(CHART_S)
        await until(node, something_to_see)
        await pilot.pause(0.5)
        take("dashboard-dark")
        await press(pilot, "D")
        take("decline")
        await press(pilot, "n")
        await pilot.resize_terminal(*TALL)
        await until(node, nearly_trained)
        await press(pilot, "enter")
        await pilot.pause(1.0)
        take("job")
    for language, theme, name in (("en", "light", "dashboard-light"), ("ja", "dark", "dashboard-ja")):
        async with screen(node, language, theme) as (pilot, take):
            await pilot.pause(CHART_S)
            await until(node, something_to_see)
            await pilot.pause(0.5)
            take(name)


@asynccontextmanager
async def screen(node: Node, language: str, theme: str) -> AsyncIterator[tuple[Pilot[Ending], TakePicture]]:
    """Show the node; yields what drives the screen and what takes its picture."""
    set_language(language)
    options = ScreenOptions(Path(os.devnull), theme=theme, language=language)
    app = EmethApp(node, options)
    async with app.run_test(size=SIZE) as pilot:

        def take(name: str) -> None:
            rows = app.screen._compositor.render_strips()
            picture = svg(rows, app.size.width, margin=MARGIN, fixed_width=True)
            (FOLDER / f"{name}.svg").write_text(picture, "utf-8")
            print(f"{name}.svg: {len(picture):,} characters", file=sys.stderr)

        yield pilot, take


async def until(node: Node, condition: Callable[[Snapshot], bool]) -> None:
    """Wait until a condition holds for the node's snapshot. Raise TimeoutError after NODE_LIMIT_S."""
    with anyio.fail_after(NODE_LIMIT_S):
        async for _news in node.subscribe():
            if condition(node.snapshot()):
                return


async def press(pilot: Pilot[Ending], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.3)


def something_to_see(now: Snapshot) -> bool:
    """Return whether both workers train, the first one's job is well under way, and a job is verified."""
    training = [job for job in now.jobs if job.state is JobState.TRAINING]
    verified = [job for job in now.ended_today if job.state is JobState.VERIFIED]
    return len(training) == 2 and bool(verified) and 8 <= _first_of(now).epochs_done <= 20


def nearly_trained(now: Snapshot) -> bool:
    """Return whether the first worker's job has a loss curve to show."""
    return bool(now.jobs) and 20 <= _first_of(now).epochs_done <= 27


def _first_of(now: Snapshot) -> Job:
    """Return the first worker's job, or another one if that worker is idle."""
    return next((job for job in now.jobs if job.job_id == now.workers[0].job_id), now.jobs[0])


if __name__ == "__main__":
    asyncio.run(main())
