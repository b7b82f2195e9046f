"""The worker process: one device, one job at a time, out of the terminal's reach, gone with its parent.

A thread of its own reads the parent's messages, so that they reach a job in the middle of a long step. The
end of the link means that the parent is dead: the job saves a checkpoint and the process leaves.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import faulthandler
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.errors import DatasetError, DiskFull, TrainingError
from emeth_tui.foreign_text import ForeignText, one_line
from emeth_tui.notices.notice import MAX_TEXT_CHARS, to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.training.job_control import Control
from emeth_tui.training.reports import AverageRequest, ModelRequest, ProbeRequest, TrainRequest
from emeth_tui.workers.link import WorkerConfig
from emeth_tui.workers.messages import (
    EpochCounts,
    FailureKind,
    JobFailed,
    Pause,
    Ping,
    Pong,
    Ready,
    Request,
    Resume,
    Shutdown,
    StartFailed,
    Stop,
    TakeAverage,
    ToChild,
    ToParent,
    WriteResult,
)
from emeth_tui.workers.wire import BadMessage, Reader, Writer

if TYPE_CHECKING:
    from emeth_tui.training.devices import Device

IGNORED_SIGNALS = (signal.SIGINT, signal.SIGHUP)  # the terminal's; the parent decides what they mean
LEAVE_WITHIN_S = 120.0  # after the parent's death, for the last checkpoint
MAX_LOG_BYTES = 4 << 20
_READ_BYTES = 64 * 1024
_PR_SET_PDEATHSIG = 1  # prctl(2)
log = logging.getLogger(__name__)


def main(link: socket.socket, config: WorkerConfig) -> None:
    """Run the worker until it is asked to leave. The target of the spawned process."""
    _leave_the_terminal()
    _redirect_streams(Path(config.log_path))
    _die_with_parent()
    _limit_threads(config.threads)
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    log.info("%s on %s, process %d, %d threads", config.name, config.device, os.getpid(), config.threads)
    _Child(link, config).serve()


class _Child:
    """The process's two threads: this one trains, the other listens."""

    def __init__(self, link: socket.socket, config: WorkerConfig) -> None:
        self._link = link
        self._writer = Writer()
        self._sending = threading.Lock()
        self._config = config
        self._jobs: queue.SimpleQueue[tuple[Request, Control] | Ping | None] = queue.SimpleQueue()
        self._control = Control()  # of the job at work, or of the last one

    def serve(self) -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: self._leave())
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        device = self._open_device()
        if device is None:
            return
        self._send(Ready(os.getpid(), self._config.device, device.name, device.gpu_uuid))
        while (job := self._jobs.get()) is not None:
            if isinstance(job, Ping):
                self._send(Pong(job.number))
                continue
            failure = self._run(*job, device)
            if failure is not None:
                self._send(failure)
        log.info("leaving")

    def _open_device(self) -> Device | None:
        from emeth_tui.training.devices import open_device, preload, set_threads

        try:
            set_threads(self._config.threads)
            device = open_device(self._config.device)
            preload(device)
            return device
        except TrainingError as error:
            log.error("%s", error)
            self._send(StartFailed(to_data(error.reason)))
        except Exception as error:
            log.exception("the device does not start")
            self._send(StartFailed(to_data(Foreign(_first_line(error)))))
        return None

    def _run(self, request: Request, control: Control, device: Device) -> JobFailed | None:
        from emeth_tui.training import job

        try:
            if isinstance(request, ModelRequest):
                job.make_model_ready(request, self._send, control)
                return None
            if isinstance(request, AverageRequest):
                self._send(job.average(request, Path(self._config.jobs_dir)))
                return None
            if isinstance(request, ProbeRequest):
                self._send(job.probe(request, device))
                return None
            if request.threads is None:
                request = dataclasses.replace(request, threads=self._config.threads)
            jobs_dir, devices_dir = Path(self._config.jobs_dir), self._config.devices_dir
            job.run(
                request,
                jobs_dir,
                device,
                self._send,
                control,
                devices_dir=Path(devices_dir) if devices_dir else None,
            )
        except DatasetError as error:
            return JobFailed(FailureKind.DATASET, to_data(error.reason))
        except DiskFull as error:
            return JobFailed(FailureKind.DISK, to_data(error.reason))
        except TrainingError as error:
            return JobFailed(FailureKind.TRAINING, to_data(error.reason))
        except Exception as error:
            log.exception("%s broke off", request)
            return JobFailed(FailureKind.PROCESS, to_data(Foreign(_first_line(error))))
        finally:
            device.free_cache()  # while it waits, its memory is free for others
        return None

    def _listen(self) -> None:
        reader: Reader[ToChild] = Reader(ToChild)
        try:
            while data := self._link.recv(_READ_BYTES):
                for message in reader.feed(data):
                    self._handle(message)
            log.info("the parent has gone")
        except (OSError, BadMessage) as error:
            log.error("the link to the parent broke: %s", error)
        self._leave()

    def _handle(self, message: ToChild) -> None:
        match message:
            case TrainRequest() | AverageRequest() | ModelRequest() | ProbeRequest():
                # Made here, not in the training thread: what follows on the pipe must find it.
                self._control = Control()
                self._jobs.put((message, self._control))
            case Ping():
                self._jobs.put(message)  # an answer of this thread would say nothing about the other
            case WriteResult(hash_hex):
                self._control.write_result(hash_hex)
            case TakeAverage(epoch):
                self._control.take_average(epoch)
            case EpochCounts(epoch, valid_loss):
                self._control.count_epoch(epoch, valid_loss)
            case Pause():
                self._control.pause()
            case Resume():
                self._control.resume()
            case Stop():
                self._control.stop()
            case Shutdown():
                self._leave()

    def _leave(self) -> None:
        self._control.stop()
        self._jobs.put(None)
        watchdog = threading.Timer(LEAVE_WITHIN_S, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()

    def _send(self, message: ToParent) -> None:
        with self._sending, contextlib.suppress(OSError):  # the listener notices the end too, and acts
            self._link.sendall(self._writer.line(message))


def _first_line(error: Exception) -> ForeignText:
    line, _, _ = str(error).partition("\n")
    return one_line(f"{type(error).__name__}: {line}", MAX_TEXT_CHARS)


def _leave_the_terminal() -> None:
    os.setsid()
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # The parent blocks them around the birth, for the time before they are ignored.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)


def _redirect_streams(log_path: Path) -> None:
    """Point the standard streams' descriptors at the log: native code prints to them too."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    if log_path.exists() and log_path.stat().st_size > MAX_LOG_BYTES:
        log_path.replace(log_path.with_suffix(log_path.suffix + ".1"))
    sys.stdout.flush()
    sys.stderr.flush()
    target = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(nothing)
    os.close(target)
    faulthandler.enable()


def _die_with_parent() -> None:
    """Have the kernel send SIGTERM when the parent dies; elsewhere than on Linux the pipe's end has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _limit_threads(threads: int) -> None:
    """Set what numerical libraries read once, when they are loaded."""
    # Threads that wait for each other sleep instead of spinning: on a machine with other work, a spinning
    # thread keeps the very core that the awaited one needs, and two threads end up many times slower than
    # one.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
