"""One child process per side: no side affects another's allocator, threads or peak memory.

The parent lets one side work at a time while the others block on reading their pipe, so they use no CPU or
device time, only memory.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import torch

from emeth_tui.training.devices import set_threads
from emeth_tui.workers.cores import usable_cores

_STATUS = Path("/proc/self/status")
_RESET_PEAK = Path("/proc/self/clear_refs"), "5"  # proc(5): sets VmHWM to the present VmRSS
_END_S = 10.0
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_ALLOCATOR = "PYTORCH_ALLOC_CONF"  # read by torch 2.11 and later; older ones ignore it

Target = Callable[[Connection, Any], None]


class SideFailed(click.ClickException):
    """A side failed; the message ends with its process's last output."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Sent by a child in place of its answer."""

    reason: str
    details: str


class SideProcess:
    """The parent's end of one side."""

    def __init__(
        self, name: str, target: Target, task: object, threads: int | None, device: str = "cpu"
    ) -> None:
        """Spawn a process that runs `target(connection, task)`; on CUDA it sees `device` alone, as cuda:0."""
        context = multiprocessing.get_context("spawn")
        self.name = name
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_main, args=(theirs, target, task, threads or usable_cores()), daemon=True
        )
        with environment(_environment_for(threads or usable_cores(), device)):
            self._process.start()
        theirs.close()

    def send(self, message: object) -> None:
        """Send one message. Raise SideFailed, with the process's last output, when the process is gone."""
        try:
            self._connection.send(message)
        except OSError:
            while True:
                self.hear()

    def hear(self, within_s: float = math.inf) -> Any:
        """Wait for the next message.

        Raise SideFailed when the side failed, its process is gone, or nothing came in time: the process is
        then killed.
        """
        try:
            if not self._connection.poll(None if math.isinf(within_s) else within_s):
                self._give_up()
                raise SideFailed(f"{self.name}: it had not answered when the time was up")
            message = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._gone() from error
        if isinstance(message, Failure):
            click.echo(message.details, err=True)
            raise SideFailed(f"{self.name}: {message.reason}")
        return message

    def ask(self, message: object, within_s: float = math.inf) -> Any:
        """Send one message and wait for the answer. Raise SideFailed."""
        self.send(message)
        return self.hear(within_s)

    def hang_up(self) -> None:
        """Let the process exit, without waiting for it."""
        self._connection.close()

    def close(self) -> None:
        """End the process, which frees its memory."""
        self.hang_up()
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _give_up(self) -> None:
        self._process.kill()

    def _gone(self) -> SideFailed:
        self._process.join(_END_S)
        return SideFailed(f"{self.name}: its process ended with exit code {self._process.exitcode}")


class PeakMemory:
    """This process's peak memory above that after its imports, or on CUDA the tensors' peak.

    In bytes. On a CPU it is resident memory, which only Linux reports; elsewhere it is unknown.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._baseline = _status_bytes("VmRSS")
        self.start()

    def start(self) -> None:
        """Forget the peak so far."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with contextlib.suppress(OSError):  # no such file, or no permission: the peak includes the start
                _RESET_PEAK[0].write_text(_RESET_PEAK[1], encoding="ascii")

    def read(self) -> int | None:
        """Return the peak since `start`, or None if it is unknown."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        peak = _status_bytes("VmHWM")
        return None if peak is None or self._baseline is None else peak - self._baseline


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextlib.contextmanager
def closing_all(sides: list[SideProcess]) -> Iterator[None]:
    """End every process in the list when the block ends, including those added meanwhile."""
    try:
        yield
    finally:
        for side in sides:  # all at once, because each takes a second or two to release a GPU
            side.hang_up()
        for side in sides:
            side.close()


def serve(connection: Connection, target: Target, task: object) -> None:
    """Run a side's target to its end; report a failure to the parent."""
    try:
        target(connection, task)
    except (EOFError, OSError):
        pass  # the parent hung up: it needs no more
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent reports it
        reason = str(error).partition("\n")[0]
        connection.send(Failure(f"{type(error).__name__}: {reason}", traceback.format_exc()))
    finally:
        connection.close()


def _main(connection: Connection, target: Target, task: object, threads: int) -> None:
    os.dup2(2, 1)  # stdout is the parent's alone: libraries print to it, too
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hangs up when it is interrupted
    set_threads(threads)
    importlib.import_module("torch._dynamo")  # torch's own optimiser loads it: not to be timed
    serve(connection, target, task)


def _environment_for(threads: int, device: str) -> dict[str, str]:
    """Return what libraries read once, on loading: the same for every side, and as in our workers."""
    values = {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "true",
        "HF_HUB_OFFLINE": "1",
    }
    if device.startswith("cuda:"):
        index = int(device.removeprefix("cuda:"))
        visible = os.environ.get(_VISIBLE)
        values[_VISIBLE] = visible.split(",")[index] if visible else str(index)
        # Several sides share the GPU's memory: none may keep more of it than it uses.
        values[_ALLOCATOR] = os.environ.get(_ALLOCATOR, "expandable_segments:True")
    return values


@contextlib.contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the processes started within the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _status_bytes(field: str) -> int | None:
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    values = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    kibibytes = next(values, None)
    return None if kibibytes is None else int(kibibytes) * 1024
