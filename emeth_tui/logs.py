"""The log file: everything that the node and its libraries log, rotated, in UTC."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from emeth_tui.settings import LogSettings

LOG_FILE = "node.log"
_QUIET_LIBRARIES = ("httpx", "httpcore", "web3", "aiohttp", "urllib3", "asyncio", "uvicorn")


class _LogFile(RotatingFileHandler):
    """A log file that may lie on a full disk: a line that cannot be written is lost, and nothing else.

    Where somebody else has renamed or removed it, it goes on in a new one.
    """

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        self._opened = os.fstat(stream.fileno())
        return stream

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and not self._has_its_name():
            with contextlib.suppress(OSError):  # the disk is full
                self.stream.close()
            self.stream = None  # it is opened again by the line
        super().emit(record)

    def _has_its_name(self) -> bool:
        try:
            return os.path.samestat(Path(self.baseFilename).stat(), self._opened)
        except OSError:
            return False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def start_log_file(directory: Path, settings: LogSettings) -> RotatingFileHandler:
    """Write all logging to `directory/node.log`. Raise OSError when that fails."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = _LogFile(
        directory / LOG_FILE,
        maxBytes=settings.max_file_mb * 1_000_000,
        backupCount=settings.keep_files,
        encoding="utf-8",
    )
    formatter = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    formatter.converter = time.gmtime
    formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    formatter.default_msec_format = "%s.%03dZ"
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    quiet_libraries()
    return handler


def reopen_log_file() -> None:
    """Write to a new log file where the old one was: its directory was removed. Raise OSError."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, RotatingFileHandler):
            Path(handler.baseFilename).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handler.close()  # it opens the file again with the next line


def quiet_libraries() -> None:
    """Keep libraries that log whole URLs to warnings: a presigned URL is a key to what it names."""
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
