"""Completion in the shells themselves, at a terminal: commands, options, ids of jobs, keys of settings."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emeth_tui.model import JobState
from emeth_tui.store.database import Store
from tests.end_to_end.programs import environment
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job
from tests.terminal import ROOT, Terminal

pytestmark = [pytest.mark.process, pytest.mark.slow]

SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], 'eval "$(emeth-tui completion bash)"'),
    "zsh": (["-f", "-i"], 'autoload -Uz compinit; compinit -D -u; eval "$(emeth-tui completion zsh)"'),
    "fish": (["--no-config", "-i"], "emeth-tui completion fish | source"),
}
Complete = Callable[[str, str], None]


@pytest.fixture(params=list(SHELLS))
def complete(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Complete]:
    """A function that types the beginning of a line and Tab, and waits until the shell has completed it."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "emeth-tui"
    program.write_text(f'#!/bin/sh\nexport PYTHONPATH="{ROOT}"\nexec {sys.executable} -m emeth_tui "$@"\n')
    program.chmod(0o755)
    with Store(tmp_path / "home" / "state" / "round3-2") as store:
        for job in (make_job(), make_job(job_id=OTHER_JOB_ID, state=JobState.VERIFIED)):
            store.jobs.save(job, at_unix_s=1.0, state_changed=True)
    variables = environment(tmp_path / "home", EMETH_TUI_NETWORK="round3-2")
    variables["EMETH_TUI_STATE__DIRECTORY"] = str(tmp_path / "home" / "state")
    variables["PATH"] = f"{program.parent}:{variables['PATH']}"
    options, preparation = SHELLS[shell]
    terminal = Terminal([shell, *options], (100, 50), variables)

    def type_and_tab(typed: str, completed: str) -> None:
        terminal.type(f"{typed}\t")
        terminal.wait_for(completed)
        terminal.type("\x15")  # an empty line again

    try:
        terminal.type(f"{preparation}; echo prep'ared'\n")
        terminal.wait_for("prepared")
        yield type_and_tab
    finally:
        terminal.close()


def test_words_are_completed_as_they_are_typed(complete: Complete) -> None:
    complete("emeth-tui transac", "emeth-tui transactions")
    complete("emeth-tui rewards --mov", "rewards --movements")
    complete("emeth-tui jobs --state downl", "--state downloading")
    complete("emeth-tui job 6f", f"job {JOB_ID[2:]}")
    complete("emeth-tui pause 0x6", f"pause {JOB_ID}")
    complete("emeth-tui settings get claims.min_f", "get claims.min_fee_emt")
