"""The real program in real processes: a devnet, and nodes that join it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

Record = dict[str, Any]
LIMIT_S = 240.0
PROGRAM = (sys.executable, "-m", "emeth_tui")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a user with an empty HOME."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EMETH_TUI_", "XDG_"))}
    return {**kept, "HOME": str(home), **more}


class NodeProcess:
    """A node that prints JSON events, read as they come."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        program: Sequence[str] = PROGRAM,
        cwd: Path | None = None,
        **more: str,
    ) -> None:
        self.process = subprocess.Popen(
            [*program, "--no-ui", "--log-format", "json", *arguments],
            env=environment(home, **more),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.records: list[Record] = []
        self._queue: Queue[Record] = Queue()
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, event: str, matches: Callable[[Record], bool] = lambda _record: True) -> Record:
        """Wait until an event is printed; events read on the way are kept in `records`."""
        give_up = time.monotonic() + LIMIT_S
        while True:
            try:
                record = self._queue.get(timeout=max(0.0, min(1.0, give_up - time.monotonic())))
            except Empty:
                if (
                    self.process.poll() is not None
                    and self._queue.empty()
                    and not self._readers[0].is_alive()
                ):
                    raise AssertionError(f"the node ended before {event}: {self.story()}") from None
                if time.monotonic() > give_up:
                    raise AssertionError(f"no {event} in {LIMIT_S} s: {self.story()}") from None
                continue
            self.records.append(record)
            if record["event"] == event and matches(record):
                return record

    def finish(self) -> int:
        """Wait until the process exits and all its output is read; return its exit code."""
        code = self.process.wait(LIMIT_S)
        for reader in self._readers:
            reader.join(LIMIT_S)
        while not self._queue.empty():
            self.records.append(self._queue.get())
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.finish()

    def kill(self) -> None:
        """End it whatever it does; for cleaning up."""
        if self.process.poll() is None:
            self.process.kill()
        self.finish()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def of_kind(self, event: str) -> list[Record]:
        return [record for record in self.records if record["event"] == event]

    @property
    def errors(self) -> str:
        """Its output to stderr."""
        return "".join(self._errors)

    @property
    def output(self) -> str:
        """All that it printed and said."""
        return "\n".join([*(json.dumps(record, ensure_ascii=False) for record in self.records), self.errors])

    def story(self) -> str:
        """The last events and errors, for an assertion's message."""
        lines = [f"{record['event']}: {record['message']}" for record in self.records[-20:]]
        return "\n".join(["", *lines, self.errors])

    def _read_events(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._errors.append(line)
