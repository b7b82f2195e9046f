"""What may cross between the processes: plain data; and what the parent never loads."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
import typing
from enum import Enum
from pathlib import Path

import pytest

from emeth_tui.workers import messages
from emeth_tui.workers.cores import thread_shares, usable_cores

SAMPLES: dict[str, object] = {
    "str": "text",
    "int": 7,
    "float": 1.5,
    "bool": True,
    "int | None": None,
    "float | None": 0.5,
    "Work": messages.Work(100, 1.0, 10, 0.1, 0.2),
    "FailureKind": messages.FailureKind.DISK,
}
ALL = [*typing.get_args(messages.ToChild), *typing.get_args(messages.ToParent), messages.Work]


@pytest.mark.parametrize("kind", ALL)
def test_messages_are_frozen_plain_data_and_survive_the_pipe(kind: type) -> None:
    fields = {field.name: SAMPLES[str(field.type)] for field in dataclasses.fields(kind)}

    message = kind(**fields)

    assert pickle.loads(pickle.dumps(message)) == message  # noqa: S301  # our own bytes
    assert not hasattr(message, "__dict__")
    assert all(
        isinstance(value, (str, int, float, Enum, messages.Work, type(None))) for value in fields.values()
    )
    for name in [*fields, "anything"]:
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError, AttributeError)):
            setattr(message, name, 1)


def test_no_message_has_room_for_a_key() -> None:
    names = {field.name for kind in ALL for field in dataclasses.fields(kind)}

    assert not [name for name in names if "key" in name or "password" in name or "secret" in name]


def test_the_parent_never_loads_what_training_needs() -> None:
    program = """
import sys
import emeth_tui.workers.messages, emeth_tui.workers.supervisor
heavy = {"torch", "numpy", "transformers", "tokenizers", "sentencepiece", "fugashi"}
print(sorted(heavy & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("devices", "cores", "shares"),
    [
        (["cpu"], 8, [8]),
        (["cpu", "cpu"], 2, [1, 1]),
        (["cpu", "cpu", "cpu"], 2, [1, 1, 1]),
        (["cpu", "cpu"], 9, [4, 4]),
        (["cuda:0", "cuda:1"], 16, [8, 8]),
        (["cuda:0", "cpu"], 16, [8, 16]),
    ],
)
def test_workers_share_the_cores(devices: list[str], cores: int, shares: list[int]) -> None:
    assert thread_shares(devices, cores) == shares


@pytest.mark.parametrize(
    ("quota", "most"), [("max 100000", None), ("100000 100000", 1), ("50000 100000", 1), ("junk", None)]
)
def test_a_containers_quota_bounds_the_cores(tmp_path: Path, quota: str, most: int | None) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)

    assert usable_cores(file) == (most or usable_cores(tmp_path / "none"))


def test_processes_can_be_spawned_while_a_screen_has_the_standard_streams() -> None:
    program = """
import multiprocessing, sys
from emeth_tui.workers.supervisor import prepare_spawning

class Screen:
    def fileno(self):
        return -1
    def write(self, text):
        pass
    def flush(self):
        pass

prepare_spawning()
sys.stderr = Screen()
process = multiprocessing.get_context("spawn").Process(target=int)
process.start()
process.join()
sys.exit(process.exitcode)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
