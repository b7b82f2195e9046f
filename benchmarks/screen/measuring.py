"""The cost of the screen: CPU, terminal output, memory, and the time to paint; other monitors for comparison.

Every program runs in its own pseudo-terminal and is observed from outside. Figures compared
with the bare application's are measured beside it: load over the same seconds, starts in turn.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.screen.imports import VARIABLE, imports_of, least_of
from emeth_tui.clients.wallet import create_keystore
from tests.terminal import ROOT, PseudoTerminal

SIZES = ((80, 24), (160, 45))
EVENTS = 10_000
_SETTLE_S = 3.0  # after the first paint, before measuring
_READ_S = 0.05
_OF_ALL_THREADS = 2  # CPUCLOCK_SCHED, as clock_getcpuclockid(3) makes a clock of a process id on Linux
_LIMIT_S = 30.0
OURS = "emeth-tui"
FAR = "emeth-tui, hosts"  # with remote workers
BARE = "bare Textual"
_BARE_COMMAND = (sys.executable, "-m", "benchmarks.screen.bare")
_BARE_SHOWN = b"clock"
_SHOWN = b"Workers"
_STARTING = b"connecting to the network"
_QUESTION = b"Leave?"
_ESCAPE = "\x1b"
# Other monitors, where installed, at their default refresh rates.
MONITORS = (("btop",), ("htop",), ("nvitop",))

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ScreenSetup:
    """How much to measure."""

    seconds: float = 30.0
    workers: int = 8
    far_workers: int = 16  # over so many hosts:
    hosts: int = 4
    reports_a_second: float = 20.0  # per worker
    starts: int = 5
    keys: int = 15


@dataclass(frozen=True, slots=True)
class Running:
    """A running program at one terminal size. The share is of one core."""

    program: str
    columns: int
    rows: int
    cpu_share: float
    output_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Starts:
    """A program's starts at one terminal size: seconds until its first paint, one entry per start."""

    program: str
    columns: int
    rows: int
    first_paint_s: list[float]
    cpu_s: list[float]


@dataclass(frozen=True, slots=True)
class ScreenResult:
    """All measurements; times in seconds, lists with one entry per try."""

    setup: ScreenSetup
    running: tuple[Running, ...]
    starts: tuple[Starts, ...]
    imports_s: dict[str, float]  # by program, before the first paint
    key_to_paint_s: dict[str, list[float]]  # by size, with all workers reporting
    version_s: list[float]
    growth_bytes: int  # over EVENTS events


def measure(setup: ScreenSetup, narrate: Narrate) -> ScreenResult:
    """Measure everything."""
    running: list[Running] = []
    starts: list[Starts] = []
    keys: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as place:
        home = Path(place)
        real = _real_program(home)
        for size in SIZES:
            name = f"{size[0]}x{size[1]}"
            workers = f"{setup.workers} workers, and {setup.far_workers} on {setup.hosts} hosts"
            narrate(f"screen: {name}, {OURS} with {workers}, for {setup.seconds:g} s")
            both, keys[name] = _busy_beside_bare(setup, size)
            running += both
            for title, command in _monitors():
                narrate(f"screen: {name}, {title} for {setup.seconds:g} s")
                running.append(_monitor(title, command, size, setup.seconds))
            narrate(f"screen: {name}, {setup.starts} starts")
            starts += _first_paints(real, size, home, setup.starts)
        narrate(f"screen: imports of {setup.starts} starts")
        imports_s = _imports(real, home, setup.starts)
        narrate(f"screen: memory over {EVENTS:,} events")
        growth_bytes = _growth(home)
        version_s = [_version(home) for _ in range(setup.starts + 1)][1:]
    return ScreenResult(setup, tuple(running), tuple(starts), imports_s, keys, version_s, growth_bytes)


def _monitors() -> list[tuple[str, Sequence[str]]]:
    return [(" ".join(command), command) for command in MONITORS if shutil.which(command[0])]


def _busy_beside_bare(setup: ScreenSetup, size: tuple[int, int]) -> tuple[list[Running], list[float]]:
    """Watch our screen with simulated workers, here and on hosts, and the bare application, all at once.

    Then press keys in ours.
    """
    seconds = setup.seconds + _SETTLE_S + 2 * setup.keys + _LIMIT_S
    busy = [
        [sys.executable, "-m", "tests.tui.busy_screen", workers, str(setup.reports_a_second), str(seconds)]
        for workers in (str(setup.workers), f"{setup.far_workers}@{setup.hosts}")
    ]
    with (
        _program(_BARE_COMMAND, size) as bare,
        _program(busy[0], size) as ours,
        _program(busy[1], size) as far,
    ):
        _read_until(bare, _BARE_SHOWN)
        _read_until(ours, _SHOWN)
        _read_until(far, _SHOWN)
        watched = _watch({OURS: ours, FAR: far, BARE: bare}, size, setup.seconds)
        far.close()
        return watched, [_key_to_paint(ours) for _ in range(setup.keys)]


def _monitor(title: str, command: Sequence[str], size: tuple[int, int], seconds: float) -> Running:
    with _program(command, size) as terminal:
        terminal.read(_LIMIT_S)
        return _watch({title: terminal}, size, seconds)[0]


def _watch(programs: dict[str, PseudoTerminal], size: tuple[int, int], seconds: float) -> list[Running]:
    """Watch programs over the same seconds."""
    terminals = list(programs.values())
    _read_for(terminals, _SETTLE_S)
    before = [(_cpu_s(terminal.pid), len(terminal.output)) for terminal in terminals]
    began = time.monotonic()
    _read_for(terminals, seconds)
    took_s = time.monotonic() - began
    return [
        Running(
            title,
            *size,
            cpu_share=(_cpu_s(terminal.pid) - cpu_s) / took_s,
            output_bytes_per_s=(len(terminal.output) - written) / took_s,
        )
        for (title, terminal), (cpu_s, written) in zip(programs.items(), before, strict=True)
    ]


def _key_to_paint(terminal: PseudoTerminal) -> float:
    """Open the quit dialog, and close it again."""
    written, began = len(terminal.output), time.monotonic()
    terminal.type("q")
    _read_until(terminal, _QUESTION, written)
    took_s = time.monotonic() - began
    terminal.type(_ESCAPE)
    _read_for([terminal], 0.5)
    return took_s


def _real_program(home: Path) -> Sequence[str]:
    """Return the command that starts the real program on a network that does not answer."""
    create_keystore(home / "keystore.json", "bench")
    password = home / "password"
    password.write_text("bench\n", "utf-8")
    password.chmod(0o600)
    config = home / "config.toml"
    config.write_text(
        f'network = "round3-2"\n[wallet]\nkeystore = "{home}/keystore.json"\npassword_file = "{password}"\n'
        '[networks.round3-2]\nrpc_urls = "http://127.0.0.1:9"\nverification_key = "bench"\n',
        "utf-8",
    )
    return [sys.executable, "-m", "emeth_tui", "--config", str(config), "--lang", "en"]


def _first_paints(real: Sequence[str], size: tuple[int, int], home: Path, count: int) -> list[Starts]:
    """Start the real program, until its dashboard appears, and the bare application in turn."""
    programs = ((OURS, real, _STARTING), (BARE, _BARE_COMMAND, _BARE_SHOWN))
    starts = [Starts(title, *size, [], []) for title, _command, _text in programs]
    for number in range(count + 1):
        for start, (_title, command, text) in zip(starts, programs, strict=True):
            paint_s, cpu_s = _first_paint(command, text, size, home)
            if number:  # the first start compiles
                start.first_paint_s.append(paint_s)
                start.cpu_s.append(cpu_s)
    return starts


def _first_paint(
    command: Sequence[str], text: bytes, size: tuple[int, int], home: Path
) -> tuple[float, float]:
    """Start a program and wait for a text of its first paint; return the wall-clock and CPU seconds taken."""
    with _program(command, size, _installed(home)) as terminal:
        _read_until(terminal, text)
        return time.monotonic() - terminal.started_at, _cpu_s(terminal.pid)


def _imports(real: Sequence[str], home: Path, count: int) -> dict[str, float]:
    """Return the seconds that each program's imports take before its first paint, started in turn."""
    programs = {OURS: (real, _STARTING), BARE: (_BARE_COMMAND, _BARE_SHOWN)}
    report = home / "imports.txt"
    environment = {**_installed(home), VARIABLE: "1"}
    starts: dict[str, list[Mapping[str, float]]] = {program: [] for program in programs}
    for _start in range(count):
        for program, (command, text) in programs.items():
            into_file = ["sh", "-c", 'report="$1"; shift; exec "$@" 2>"$report"', "sh", str(report), *command]
            with _program(into_file, SIZES[-1], environment) as terminal:
                _read_until(terminal, text)
                starts[program].append(imports_of(report.read_text("utf-8")))
    return {program: least_of(found) for program, found in starts.items()}


def _installed(home: Path) -> dict[str, str]:
    """Return an environment in which modules are compiled once, like an installed program's."""
    return {
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(home / "bytecode"),
    }


def _version(home: Path) -> float:
    command = [sys.executable, "-m", "emeth_tui", "--version"]
    began = time.monotonic()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **_installed(home)}, cwd=ROOT
    )
    return time.monotonic() - began


def _growth(home: Path) -> int:
    report = home / "report.json"
    command = [sys.executable, "-m", "tests.tui.busy_screen", "8", "20", "1", str(EVENTS)]
    with _program(command, SIZES[-1], {"REPORT": str(report)}) as terminal:
        while terminal.process.poll() is None:
            terminal.read(_READ_S)
    return int(json.loads(report.read_text("utf-8"))["growth_bytes"])


class _program(PseudoTerminal):  # noqa: N801 - reads as the context manager that it is
    """A program that runs for the length of the block."""

    def __init__(
        self, command: Sequence[str], size: tuple[int, int], more: dict[str, str] | None = None
    ) -> None:
        super().__init__(command, size, {**os.environ, **(more or {})})

    def __enter__(self) -> PseudoTerminal:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _read_for(terminals: Sequence[PseudoTerminal], seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left_s := until - time.monotonic()) > 0:
        for terminal in terminals:
            terminal.read(min(_READ_S / len(terminals), left_s))
        time.sleep(min(_READ_S, max(0.0, until - time.monotonic())))  # reading must not use the CPU


def _read_until(terminal: PseudoTerminal, text: bytes, start: int = 0) -> None:
    give_up_at = time.monotonic() + _LIMIT_S
    while text not in terminal.output[start:]:
        terminal.read(1.0)
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"no {text!r} in {_LIMIT_S:.0f} s: {terminal.output[-500:]!r}")


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process, to the nanosecond: /proc counts in hundredths."""
    return time.clock_gettime((~pid << 3) | _OF_ALL_THREADS)


def median_of(values: Sequence[float]) -> str:
    """Return the median and the longest of some times as text."""
    return f"{statistics.median(values):.3f} s (longest {max(values):.3f})"
