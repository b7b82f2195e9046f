"""The worker process: one device, one job at a time, deaf to the terminal, gone when its parent is gone.

The pipe is read by a thread of its own, so that a word from the parent reaches a job in the middle of a
long step. End of file on the pipe means that the parent is dead: the job saves a checkpoint and the process
leaves.
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
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.errors import DatasetError, DiskFull, TrainingError
from emeth_tui.training.job_control import Control
from emeth_tui.workers.messages import (
    FailureKind,
    JobFailed,
    ModelRequest,
    Pause,
    Ready,
    Request,
    Resume,
    Shutdown,
    StartFailed,
    Stop,
    ToChild,
    ToParent,
    TrainRequest,
    WriteResult,
)

if TYPE_CHECKING:
    from emeth_tui.training.devices import Device

IGNORED_SIGNALS = (signal.SIGINT, signal.SIGHUP)  # the terminal's; the parent decides what they mean
LEAVE_WITHIN_S = 120.0  # after the parent's death, for the last checkpoint
MAX_LOG_BYTES = 4 << 20
_PR_SET_PDEATHSIG = 1  # prctl(2)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker process is born with."""

    name: str
    device: str
    log_path: str
    threads: int


def main(connection: Connection, config: WorkerConfig) -> None:
    """Run the worker until it is told to leave. The target of the spawned process."""
    _leave_the_terminal()
    _redirect_streams(Path(config.log_path))
    _die_with_parent()
    _limit_threads(config.threads)
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    log.info("%s on %s, process %d, %d threads", config.name, config.device, os.getpid(), config.threads)
    _Child(connection, config).serve()


class _Child:
    """The process's two threads: this one trains, the other listens."""

    def __init__(self, connection: Connection, config: WorkerConfig) -> None:
        self._connection = connection
        self._config = config
        self._jobs: queue.SimpleQueue[tuple[Request, Control] | None] = queue.SimpleQueue()
        self._control = Control()  # of the job at work, or of the last one

    def serve(self) -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: self._leave())
        threading.Thread(target=self._listen, name="pipe", daemon=True).start()
        device = self._open_device()
        if device is None:
            return
        self._tell(Ready(os.getpid(), self._config.device, device.name))
        while (job := self._jobs.get()) is not None:
            failure = self._run(*job, device)
            if failure is not None:
                self._tell(failure)
        log.info("leaving")

    def _open_device(self) -> Device | None:
        from emeth_tui.training.devices import open_device, preload, set_threads

        try:
            set_threads(self._config.threads)
            device = open_device(self._config.device)
            preload()
            return device
        except TrainingError as error:
            log.error("%s", error)
            self._tell(StartFailed(str(error)))
            return None

    def _run(self, request: Request, control: Control, device: Device) -> JobFailed | None:
        from emeth_tui.training import job

        try:
            if isinstance(request, ModelRequest):
                job.make_model_ready(request, self._tell, control)
                return None
            if request.threads is None:
                request = dataclasses.replace(request, threads=self._config.threads)
            job.run(request, device, self._tell, control)
        except DatasetError as error:
            return JobFailed(FailureKind.DATASET, str(error))
        except DiskFull as error:
            return JobFailed(FailureKind.DISK, str(error))
        except TrainingError as error:
            return JobFailed(FailureKind.TRAINING, str(error))
        except Exception as error:
            log.exception("%s broke off", request)
            reason = str(error).partition("\n")[0]
            return JobFailed(FailureKind.PROCESS, f"{type(error).__name__}: {reason}")
        finally:
            device.free_cache()  # while it waits, its memory is free for others
        return None

    def _listen(self) -> None:
        try:
            while True:
                self._obey(self._connection.recv())
        except (EOFError, OSError):
            log.info("the parent has gone")
            self._leave()

    def _obey(self, message: ToChild) -> None:
        match message:
            case TrainRequest() | ModelRequest():
                # Made here, not in the training thread: what follows on the pipe must find it.
                self._control = Control()
                self._jobs.put((message, self._control))
            case WriteResult(hash_hex):
                self._control.write_result(hash_hex)
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

    def _tell(self, message: ToParent) -> None:
        with contextlib.suppress(
            BrokenPipeError, ConnectionResetError
        ):  # the listener learns it too, and acts
            self._connection.send(message)


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
