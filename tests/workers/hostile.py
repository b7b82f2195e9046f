"""The main of a worker process that was taken over: it sends what it likes instead of messages."""

from __future__ import annotations

import json
import os
import pickle
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emeth_tui.workers.link import WorkerConfig
from emeth_tui.workers.wire import MAX_LINE_BYTES

READY = {"pid": 1, "device": "cpu", "device_name": "a CPU"}
PROGRESS = {"epoch": 1, "epochs": 2, "step": 3, "steps": 4, "train_loss": 2.0, "tokens_per_s": 10.0}


class Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (Path(self._path),)


def line(kind: str, body: object, number: object = 1, **more: object) -> bytes:
    """A message's line, right or wrong."""
    return json.dumps({"number": number, "kind": kind, "body": body, **more}).encode() + b"\n"


def _pickled(protocol: int, *, framed: bool) -> Callable[[str], bytes]:
    def attack(trace: str) -> bytes:
        bomb = pickle.dumps(Bomb(trace), protocol)
        # What multiprocessing.Connection.send would write: the length, then the pickle.
        return (struct.pack("!i", len(bomb)) + bomb if framed else bomb) + b"\n"

    return attack


def _fixed(data: bytes) -> Callable[[str], bytes]:
    return lambda trace: data


def _progress(**changes: object) -> Callable[[str], bytes]:
    return _fixed(line("Progress", PROGRESS | changes))


ATTACKS: dict[str, Callable[[str], bytes]] = {
    **{f"pickle {each}": _pickled(each, framed=False) for each in range(pickle.HIGHEST_PROTOCOL + 1)},
    **{f"sent pickle {each}": _pickled(each, framed=True) for each in range(pickle.HIGHEST_PROTOCOL + 1)},
    "a line without end": _fixed(b"x" * (2 * MAX_LINE_BYTES)),
    "a line too long": _fixed(line("StartFailed", {"reason": "x" * MAX_LINE_BYTES})),
    "no JSON": _fixed(b"hello\n"),
    "no UTF-8": _fixed(b'{"number":1,"kind":"\xff","body":{}}\n'),
    "a list": _fixed(b"[1, 2]\n"),
    "no body": _fixed(b'{"number": 1, "kind": "Ready"}\n'),
    "a field too many": _fixed(line("Ready", READY | {"__class__": "Bomb"})),
    "a field of the envelope too many": _fixed(line("Ready", READY, extra=1)),
    "a nested field too many": _progress(work={"trained_tokens": 1, "surprise": 2}),
    "a field too few": _fixed(line("Ready", {"pid": 1})),
    "an unknown kind": _fixed(line("Bomb", {})),
    "a dunder kind": _fixed(line("__class__", {})),
    "the parent's kind": _fixed(line("Shutdown", {})),
    "text for a number": _progress(step="3"),
    "a number for text": _fixed(line("StartFailed", {"reason": 3})),
    "a fraction for a count": _progress(step=3.5),
    "true for a count": _progress(step=True),
    "null for a count": _progress(step=None),
    "a negative count": _progress(step=-1),
    "epoch 0": _progress(epoch=0),
    "a huge count": _progress(step=10**30),
    "NaN": _progress(train_loss=float("nan")),
    "infinity": _progress(train_loss=float("inf")),
    "a number beyond floats": _fixed(line("Progress", PROGRESS).replace(b"10.0", b"1e999")),
    "a negative speed": _progress(tokens_per_s=-1.0),
    "a share above 1": _fixed(line("Validating", {"epoch": 1, "fraction": 1.5})),
    "an unknown failure": _fixed(line("JobFailed", {"kind": "operator", "reason": "me"})),
    "a digest that is none": _fixed(
        line(
            "Prepared",
            {
                "dataset_digest": "../../x",
                "tokens": 1,
                "steps_per_epoch": 1,
                "resumed_epoch": 0,
                "resumed_step": 0,
            },
        )
    ),
    "an absolute path": _fixed(line("ResultWritten", {"name": "/etc/passwd", "size_bytes": 1})),
    "a path out of the directory": _fixed(line("ResultWritten", {"name": "../secret", "size_bytes": 1})),
    "a path with a line end": _fixed(line("ResultWritten", {"name": "checkpoint.pt\n", "size_bytes": 1})),
    "lists in lists": _fixed(b'{"number":1,"kind":"Ready","body":' + b"[" * 30_000 + b"]" * 30_000 + b"}\n"),
    "objects in objects": _fixed(
        b'{"number":1,"kind":"Ready","body":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000 + b"}\n"
    ),
    "number 0": _fixed(line("Ready", READY, number=0)),
    "a negative number": _fixed(line("Ready", READY, number=-1)),
    "a number far ahead": _fixed(line("Ready", READY, number=10**9)),
    "numbers that never close the gap": _fixed(
        b"".join(line("Ready", READY, number=each) for each in range(2, 200))
    ),
}


def main(link: socket.socket, config: WorkerConfig) -> None:
    """Attack as `config.name` says, with `config.log_path` as the trace, and stay."""
    if config.name == "flood":
        _flood(link)
    if config.name == "half a message":
        link.sendall(line("Ready", READY)[:-10])
    elif config.name != "deaf":
        link.sendall(ATTACKS[config.name](config.log_path))
    while True:
        time.sleep(60)


def ready_then_attack(link: socket.socket, config: WorkerConfig) -> None:
    """Be a worker until the first job arrives, then send a pickle."""
    ready_then_send(link, config, ATTACKS["pickle 4"](config.log_path))


def ready_then_send(link: socket.socket, config: WorkerConfig, data: bytes) -> None:
    """Be a worker until the first job arrives, then send this."""
    link.sendall(line("Ready", READY | {"pid": os.getpid()}))
    link.recv(65536)
    link.sendall(data)
    time.sleep(60)


def _flood(link: socket.socket) -> None:
    number = 0
    while True:
        number += 1
        link.sendall(line("Ready", READY, number=number))
