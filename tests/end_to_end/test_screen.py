"""The screen of the real program in a pseudo-terminal, on the real local network, with real training."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emeth_tui.clients.chain.client import Balances, ChainClient
from emeth_tui.errors import ExitCode
from emeth_tui.job import Job
from emeth_tui.model import JobState, token_to_wei
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.settings import DEVNET, load_network, load_settings
from emeth_tui.store.database import Store
from tests.end_to_end.conftest import SMALL_JOBS_ONLY
from tests.end_to_end.programs import environment
from tests.forked.program import forked_program
from tests.terminal import Terminal

pytestmark = pytest.mark.slow

StartScreen = Callable[..., Terminal]
SIZE = (160, 45)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state" / DEVNET


@pytest.fixture
def start_screen(node_toml: Path, tmp_path: Path, state_dir: Path) -> Iterator[StartScreen]:
    """Start the program with its screen; it keeps its state under the test's directory."""
    terminals: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        command = [
            *forked_program(),
            "--config",
            str(node_toml),
            "--lang",
            "en",
            "--device",
            "cpu",
            *arguments,
        ]
        user = environment(
            tmp_path / "home",
            EMETH_TUI_STATE__DIRECTORY=str(state_dir.parent),
            **SMALL_JOBS_ONLY,
        )
        terminals.append(Terminal(command, SIZE, user))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def epochs_shown(text: str) -> int:
    """The number of epochs that the screen shows for the worker's job; -1 when it has none."""
    shown = re.search(r"cpu .* (?:training|paused) +(\d+)/30 ", text)
    return int(shown[1]) if shown else -1


def on_chain(node_toml: Path, job: Job) -> tuple[Balances, ChainJob]:
    """Ask the chain itself, not the node."""

    async def ask() -> tuple[Balances, ChainJob]:
        chain = await ChainClient.connect(load_network(load_settings(node_toml, environment={})))
        try:
            return await chain.balances(operator(node_toml)), (await chain.jobs([job.job_id]))[job.job_id]
        finally:
            await chain.close()

    return asyncio.run(ask())


def operator(node_toml: Path) -> str:
    description = json.loads((node_toml.parent / "devnet.json").read_text("utf-8"))
    return str(description["operator"]["address"])


def test_an_operator_works_by_keyboard_and_a_decline_costs_what_was_shown(
    start_screen: StartScreen, node_toml: Path, state_dir: Path
) -> None:
    screen = start_screen()
    screen.wait_for("connecting to the network")
    screen.wait_for(lambda text: epochs_shown(text) >= 1)

    screen.type("P")
    screen.wait_for("Without an end")
    screen.type("P")
    screen.wait_for("claiming is paused")
    screen.type("p")
    screen.wait_for("Without an end")
    screen.type("p")
    screen.wait_for("‖ paused")
    screen.type("p")
    screen.wait_until_gone("‖ paused")
    before = epochs_shown(screen.text)
    screen.wait_for(lambda text: epochs_shown(text) > before)
    screen.type("p")
    screen.wait_for("Without an end")
    screen.type("p")
    screen.wait_for("‖ paused")

    screen.type("\r")
    screen.wait_for("On the chain")
    screen.wait_for("claiming")
    screen.type("\x1b")
    screen.wait_for("1 Workers")
    screen.type("/")
    screen.type("claimed\r")
    screen.wait_for(lambda text: "“claimed”" in text and "of 30 done in" not in text)
    screen.type("\x1b")
    screen.wait_for("of 30 done in")
    screen.type("?")
    screen.wait_for("Looking around")
    screen.type("\x1b")
    screen.wait_until_gone("Looking around")
    screen.type("t")
    screen.wait_for("theme: ")

    screen.type("D")
    question = " ".join(screen.wait_for("Yes, decline").replace("│", " ").split())
    shown = re.search(r"declining costs ([\d.,]+) EMT, 25 % of the deposit of ([\d.,]+) EMT", question)
    assert shown, question
    screen.type("n")
    screen.wait_for("nothing was declined")
    screen.type("D")
    screen.wait_for("Yes, decline")
    screen.type("y")
    screen.wait_for("is declined")
    screen.wait_until_gone("‖ paused")

    screen.type("q")
    screen.wait_for("Leave?")
    screen.type("x")
    screen.read_to_end()
    assert screen.wait() == ExitCode.OK
    assert b"adds up to the wei" in screen.output

    cost_wei, deposit_wei = (token_to_wei(amount.replace(",", "")) for amount in shown.groups())
    assert cost_wei == deposit_wei // 4
    with Store(state_dir) as store:
        (job,) = store.jobs.in_states(list(JobState))
        events = {event.kind: event for event in store.events.recent(200)}
    # Whether it was final before the node ended is a matter of a block.
    assert (job.seen_end or job.state, job.deposit_wei) == (JobState.DECLINED, deposit_wei)
    assert job.lost_wei == (cost_wei if job.state is JobState.DECLINED else 0)
    balances, record = on_chain(node_toml, job)
    assert record.status is JobStatus.DECLINED
    emt_before_wei = events["summary"].body.emt_before_wei
    assert balances.emt_wei == emt_before_wei - cost_wei


def test_a_terminal_that_goes_away_in_mid_training_leaves_no_gap(
    start_screen: StartScreen, node_toml: Path, state_dir: Path
) -> None:
    screen = start_screen("--exit-after-jobs", "1")
    screen.wait_for(lambda text: epochs_shown(text) >= 2)

    screen.hang_up()

    assert screen.wait() == ExitCode.OK  # the same process, which saw its job verified
    with Store(state_dir) as store:
        (verified,) = store.jobs.in_states([JobState.VERIFIED])
        events = [event for event in store.events.recent(200) if event.job_id == verified.job_id]
    epochs = [event.body.epoch for event in events if event.kind == "epoch_done"]
    assert epochs == list(range(1, 31))
    assert [event.body.resumed_epoch for event in events if event.kind == "training"] == [0]
    assert on_chain(node_toml, verified)[1].status is JobStatus.VERIFIED
    log = next((state_dir / "logs").glob("*.log")).read_text("utf-8")
    assert "epoch 30 of 30" in log
    assert screen.process.returncode != -signal.SIGHUP
