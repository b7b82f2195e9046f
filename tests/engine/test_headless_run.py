"""A whole node without a screen, in this process: what it prints begins with what happens while it opens."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import kept_keys
from emeth_tui.engine import opening
from emeth_tui.errors import DeviceFailed, ExitCode
from emeth_tui.running.node import Prepared, Run, run_until_end
from emeth_tui.settings import load_network, settings_layers
from emeth_tui.workers.link import OnEnd, WorkerConfig
from emeth_tui.workers.supervisor import WorkerPool
from tests.engine.harness import Harness
from tests.engine.quick_worker import QuickPool, Script

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
async def _signals_as_before() -> AsyncIterator[None]:
    yield
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(number)


def headless_run(network: Harness, state: Path, *devices: str) -> Run:
    overrides = {
        "state.directory": state,
        "cache.directory": state / "cache",
        "claims.enabled": False,
        "log.format": "json",
        "workers.devices": list(devices),
    }
    layers = settings_layers(network.settings_file, environment={}, overrides=overrides)
    settings = layers.load()
    keys = kept_keys(network.devnet.info.state_dir / "accounts.json", funding.ACCOUNTS)
    prepared = Prepared(
        layers=layers,
        settings=settings,
        network=load_network(settings, environment={}),
        open_wallet=lambda: keys[funding.OPERATOR].wallet,
    )
    return Run(
        lambda: prepared,
        exit_after_jobs=0,  # ends by itself
        show_command="emeth-tui",
        log_directory=state / "logs",
    )


def printed(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


async def test_what_differs_from_the_published_rates_is_printed_first(
    network: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def quick_pool(names: Any, directories: Any) -> QuickPool:
        return QuickPool(names, Script(), directories.jobs)

    monkeypatch.setattr(opening, "open_node", partial(opening.open_node, new_pool=quick_pool))
    run = headless_run(network, tmp_path / "run", "cpu")

    code = await run_until_end(run)

    assert code is ExitCode.OK
    assert [record["event"] for record in printed(capfd)][:2] == ["rate_differs"] * 2


async def test_what_happened_before_a_start_fails_is_printed(
    network: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_process(_config: WorkerConfig, _on_end: OnEnd) -> Any:
        raise OSError("no more processes")

    failing_pool = partial(WorkerPool, open_link=no_process)
    monkeypatch.setattr(opening, "open_node", partial(opening.open_node, new_pool=failing_pool))
    run = headless_run(network, tmp_path / "run", "cpu", "cpu")

    with pytest.raises(DeviceFailed):
        await run_until_end(run)

    events = [record["event"] for record in printed(capfd)]
    assert events == ["rate_differs"] * 2 + ["device_down"] * 2


async def test_a_screen_shows_what_happened_before_it_could_look(network: Harness) -> None:
    async with network.node() as node:
        kinds = [event.kind for event in node.node.snapshot().events]

    assert kinds[:2] == ["rate_differs"] * 2
