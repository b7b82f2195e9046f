"""All benchmarks in one run, each in a process of its own, and the processes of single sides."""

from __future__ import annotations

import json
import subprocess
import sys
from multiprocessing.connection import Connection

import pytest

from benchmarks import everything
from benchmarks.everything import PARTS, Part, run_all, show_outcomes
from benchmarks.processes import SideFailed, SideProcess, closing_all
from benchmarks.training.flops import multiply
from tests.benchmarks.conftest import ThreadedSide

pytestmark = pytest.mark.slow

ECHO = (
    "import json, sys; from benchmarks.report import Goal, Report; "
    "report = Report({'said': sys.argv[1:]}, ['a line'], goals=[Goal('fast', 2.0, 2.5)]); "
    "print(json.dumps(report.as_dict()))"
)


def test_parts_get_their_options_and_their_reports_make_one_summary(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(everything, "_COMMAND", (sys.executable, "-c", ECHO))
    outcomes = run_all([Part("echo", ("train",), takes_threads=True, takes_corpus=True)], 2, "texts")
    capfd.readouterr()

    assert outcomes[0].content is not None
    assert outcomes[0].content["said"] == ["train", "--json", "--threads", "2", "--corpus", "texts"]
    show_outcomes(outcomes, as_json=False)
    lines = capfd.readouterr().out.splitlines()
    assert lines[1:3] == ["a line", "goals:"]
    assert lines[3].split()[0] == "fast"
    assert lines[3].endswith("reached")


def test_a_part_that_fails_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    outcomes = run_all([Part("nothing", ("no-such-benchmark",))], None, None)
    capfd.readouterr()

    show_outcomes(outcomes, as_json=True)
    assert json.loads(capfd.readouterr().out) == {"nothing": None}


def test_a_side_in_its_own_process_answers_and_ends() -> None:
    side = SideProcess("matrix product", multiply, "cpu", threads=1)
    with closing_all([side]):
        assert side.ask(None) > 1e6
        with pytest.raises(SideFailed, match="matrix product: it had not answered when the time was up"):
            side.ask(None, within_s=0.0)

    with pytest.raises(SideFailed, match="matrix product"):
        side.ask(None)


def test_what_a_side_raises_reaches_the_parent(capfd: pytest.CaptureFixture[str]) -> None:
    def break_off(connection: Connection, task: object) -> None:
        raise ValueError("no memory\nand more")

    side = ThreadedSide("broken", break_off, None, threads=1)
    with closing_all([side]), pytest.raises(SideFailed, match=r"^broken: ValueError: no memory$"):
        side.ask(None)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.title)
def test_every_part_of_the_set_is_a_command_with_these_options(part: Part) -> None:
    from benchmarks.__main__ import cli

    command = cli.get_command(None, part.arguments[0])  # type: ignore[arg-type]
    assert command is not None
    arguments = [*part.arguments[1:], "--json"]
    arguments += ["--threads", "1"] * part.takes_threads + ["--corpus", "."] * part.takes_corpus
    command.make_context(part.title, arguments)  # raises for an option that is not there


def test_loading_the_commands_loads_no_torch() -> None:
    code = "import benchmarks.__main__, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
