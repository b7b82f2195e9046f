"""Log lines of a service: for people, or JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import datetime, timezone

from emeth_tui.foreign_text import one_line
from emeth_tui.logs import quiet_libraries

_FIELDS = ("client", "status", "took_ms")


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, and what a request's line has besides."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in _FIELDS if hasattr(record, name)},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextLines(logging.Formatter):
    """Time in UTC, level, message on one line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = one_line(record.message)
        return super().formatMessage(record)


def log_to_stderr(log_format: str) -> None:
    """Send what is logged from now on to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    quiet_libraries()
