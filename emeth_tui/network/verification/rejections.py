"""Why each result was rejected: kept by the verifier, served to whoever asks the info server."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason, to_data
from emeth_tui.words.sentences import english

KEPT = 100_000  # the newest: some 30 MB

_logger = logging.getLogger(__name__)


class Rejections:
    """A file of lines, one for each rejection; without a path they are forgotten at the end."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._by_job: dict[JobId, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_bytes().splitlines()[-KEPT:]:
                self._take(line)

    def record(self, job_id: JobId, reason: Reason) -> None:
        """Keep a reason, on the disk before this returns; the newest of a job counts."""
        entry = {"reason": to_data(reason), "text": english(reason)}
        self._by_job[job_id] = entry
        if self._path is None:
            return
        line = json.dumps({"job": job_id, **entry}, ensure_ascii=False).encode() + b"\n"
        number = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "r+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line  # a crash may have torn the last one
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def of(self, job_id: JobId) -> dict[str, Any] | None:
        """Return what a job's result was rejected for, as JSON knows it; None for one that was not."""
        return self._by_job.get(job_id)

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            self._by_job[JobId(entry["job"])] = {"reason": dict(entry["reason"]), "text": str(entry["text"])}
        except (ValueError, KeyError, TypeError):
            _logger.warning("a line of %s is damaged, and skipped", self._path)
