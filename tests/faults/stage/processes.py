"""A process of a run: started with its output in a file, stopped, killed, and looked for afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio

Record = dict[str, Any]
_LAST_LINES_S = 2.0


class RunProcess:
    """A Python module as a process in a session of its own; its stdout is read line by line."""

    def __init__(self, name: str, output: Path) -> None:
        self.name = name
        self.records: list[Record] = []  # the lines of its stdout, decoded
        self.exit_codes: list[int] = []
        self.sessions: set[int] = set()
        self.on_record: Callable[[Record], None] = lambda record: None
        self._output = output
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(
        self,
        module: str,
        *arguments: str,
        environment: dict[str, str] | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        """Start it, `inside` of what these words of a command lead into."""
        with self._output.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *inside,
                sys.executable,
                "-m",
                module,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                env=environment,
                limit=1 << 20,
            )
        self.sessions.add(self._process.pid)
        self._reader = asyncio.create_task(self._read(self._process))

    @property
    def pid(self) -> int:
        """The id of the process; 0 when none runs."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process is not None else 0

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        with contextlib.suppress(ProcessLookupError):  # it has ended, and asyncio has yet to say so
            if self.pid:
                os.kill(self.pid, number)

    async def wait(self, limit_s: float) -> int | None:
        """Wait until the process has ended; return its exit code, None when it goes on."""
        if self._process is None:
            return None
        code: int | None = None
        with anyio.move_on_after(limit_s):
            code = await self._process.wait()
        if code is None:
            return None
        reader, self._reader = self._reader, None
        if reader is not None:
            self.exit_codes.append(code)
            # Whatever it started may hold its output open for longer than it lives.
            await asyncio.wait({reader}, timeout=_LAST_LINES_S)
            reader.cancel()
        return code

    async def kill(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGKILL)
        await self.wait(10.0)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with self._output.open("ab") as output:
            async for line in process.stdout:
                output.write(line)
                output.flush()
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    self.records.append(record)
                    self.on_record(record)


def children(pid: int) -> list[int]:
    """List a process's children."""
    return [child for child, (parent, _session, _state) in _processes().items() if parent == pid]


def descendants(pid: int) -> list[int]:
    """List a process's children, theirs, and so on."""
    found, looked_at = [], [pid]
    while looked_at:
        below = children(looked_at.pop())
        found += below
        looked_at += below
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; the dead that wait for a parent do not."""
    return pid in (processes := _processes()) and processes[pid][2] != "Z"


def living(root: Path) -> list[int]:
    """List the processes whose command line or environment names something in a run's directory."""
    inside, found = f"{root}{os.sep}", []
    for pid, (_parent, _session, state) in _processes().items():
        if state != "Z" and pid != os.getpid() and inside in _about(pid):
            found.append(pid)
    return found


def is_link(pid: int) -> bool:
    """Whether a process is a node's link to its hosts."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"emeth_tui.hosts." in words


def with_home(home: Path) -> list[int]:
    """List the processes whose home is this directory: what runs on one machine of a run."""
    wanted = f"HOME={home}".encode()
    found = []
    for pid, (_parent, _session, state) in _processes().items():
        if state != "Z":
            with contextlib.suppress(OSError):
                if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    found.append(pid)
    return found


def _processes() -> dict[int, tuple[int, int, str]]:
    """Return parent, session and state of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = (int(fields[1]), int(fields[3]), fields[0])
    return found


def _about(pid: int) -> str:
    texts = []
    for name in ("cmdline", "environ"):
        try:
            texts.append(Path(f"/proc/{pid}/{name}").read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(texts)
