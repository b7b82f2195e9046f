"""What may cross between the processes: plain data; and what the parent never loads."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import typing
from enum import Enum
from pathlib import Path

import pytest

from emeth_tui.training import reports
from emeth_tui.workers import messages
from emeth_tui.workers.cores import thread_shares, usable_cores
from emeth_tui.workers.wire import MAX_EARLY, BadMessage, Reader, Writer

SAMPLES: dict[str, object] = {
    "Text": "text",
    "FileName": "checkpoint.pt",
    "RelativePath": "0x6f/inner_1",
    "Sha256": "ab" * 32,
    "VocabSize": 512,
    "tuple[RelativePath, ...]": ("0x6f", "0x6e"),
    "Best | None": reports.Best(3.0, 2.5, 2, 1, 0, 0.1),
    "Averaging": "int8",
    "Count": 7,
    "Number": 7,
    "Seed": -7,
    "Share": 0.25,
    "Amount": 1.5,
    "Loss": 1.5,
    "Loss | None": 1.5,
    "bool": True,
    "Number | None": None,
    "tuple[Number, ...]": (7, 8),
    "Amount | None": 0.5,
    "ReasonData": {"kind": "none_taken", "offers": 3, "reason": {"kind": "no_offers"}},
    "Work": reports.Work(100, 1.0, 10, 0.1, 0.2),
    "Stage": reports.Stage.TOKENISING,
    "FailureKind": messages.FailureKind.DISK,
}
ALL = [*typing.get_args(messages.ToChild), *typing.get_args(messages.ToParent)]


@pytest.mark.parametrize("kind", ALL)
def test_messages_are_frozen_plain_data_and_survive_the_wire(kind: type) -> None:
    fields = {field.name: SAMPLES[str(field.type)] for field in dataclasses.fields(kind)}

    message = kind(**fields)

    union = messages.ToChild if kind in typing.get_args(messages.ToChild) else messages.ToParent
    assert Reader(union).feed(Writer().line(message)) == [message]
    assert not hasattr(message, "__dict__")
    assert all(
        isinstance(value, (str, int, float, dict, tuple, Enum, reports.Work, reports.Best, type(None)))
        for value in fields.values()
    )
    for name in [*fields, "anything"]:
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError, AttributeError)):
            setattr(message, name, 1)


def test_lines_are_read_whatever_pieces_they_come_in() -> None:
    writer, sent = Writer(), [messages.Pause(), messages.Resume(), messages.WriteResult("ab" * 32)]
    data = b"".join(writer.line(each) for each in sent)

    for size in (1, 2, 7, len(data)):
        reader: Reader[messages.ToChild] = Reader(messages.ToChild)
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        assert [message for piece in pieces for message in reader.feed(piece)] == sent


def test_messages_are_taken_once_and_in_order_however_they_arrive() -> None:
    writer, sent = Writer(), [reports.Saving(epoch, 0) for epoch in range(MAX_EARLY)]
    lines = [writer.line(each) for each in sent]
    reader: Reader[messages.ToParent] = Reader(messages.ToParent)

    taken = [message for line in (*reversed(lines), *lines) for message in reader.feed(line)]

    assert taken == sent


def test_a_message_that_never_arrives_is_noticed() -> None:
    writer = Writer()
    lines = [writer.line(messages.Pause()) for _ in range(MAX_EARLY + 1)]
    reader: Reader[messages.ToChild] = Reader(messages.ToChild)

    with pytest.raises(BadMessage, match=f"message {MAX_EARLY + 1} while message 1 is missing"):
        reader.feed(b"".join(lines[1:]))


def test_long_and_unprintable_texts_are_cut_and_cleaned() -> None:
    reader: Reader[messages.ToParent] = Reader(messages.ToParent)

    (message,) = reader.feed(Writer().line(messages.Ready(1, "cpu", "\x1b[2J" + "x" * 5_000)))

    assert message == messages.Ready(1, "cpu", "·[2J" + "x" * (reports.MAX_TEXT_CHARS - 4))


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_not_sent(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        Writer().line(reports.Trained(1, number))


def test_no_message_has_room_for_a_key() -> None:
    names = {field.name for kind in ALL for field in dataclasses.fields(kind)}

    assert not [name for name in names if "key" in name or "password" in name or "secret" in name]


def test_the_parent_never_loads_what_training_needs() -> None:
    program = """
import sys
import emeth_tui.workers.wire, emeth_tui.workers.supervisor
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


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_can_be_spawned_while_a_screen_has_the_standard_streams(method: str) -> None:
    program = f"""
import multiprocessing, sys
from emeth_tui.process.spawning import prepare_spawning

class Screen:
    def fileno(self):
        return -1
    def write(self, text):
        pass
    def flush(self):
        pass

prepare_spawning()
sys.stderr = Screen()
process = multiprocessing.get_context({method!r}).Process(target=int)
process.start()
process.join()
sys.exit(process.exitcode)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
