"""What is logged before there is a log file: it is kept, and logged once there is one."""

from __future__ import annotations

import logging


class EarlyLog(logging.Handler):
    """Keeps every record from now on, until `pass_on`."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[logging.LogRecord] = []
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)

    def pass_on(self) -> None:
        """Give what was kept to the handlers that there are by now."""
        logging.getLogger().removeHandler(self)
        for record in self._records:
            logging.getLogger().handle(record)
