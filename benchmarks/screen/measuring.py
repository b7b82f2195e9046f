"""What the screen costs: processor, terminal output, memory, and the time to paint; other monitors beside it.

Every program runs in a pseudo-terminal of its own and is watched from outside, through /proc.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.clients.wallet import create_keystore
from tests.terminal import PseudoTerminal

SIZES = ((80, 24), (160, 45))
EVENTS = 10_000
_SETTLE_S = 3.0  # after the first paint, before anything is counted
_READ_S = 0.05
_LIMIT_S = 30.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_SHOWN = b"Workers"
_STARTING = b"connecting to the network"
_QUESTION = b"Leave?"
_ESCAPE = "\x1b"
# Other monitors, where installed, at the refresh rate that they come with.
MONITORS = (("btop",), ("htop",), ("nvitop",))

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ScreenSetup:
    """How much to measure."""

    seconds: float = 30.0
    workers: int = 8
    reports_a_second: float = 20.0  # of each worker
    starts: int = 5
    keys: int = 15


@dataclass(frozen=True, slots=True)
class Running:
    """A program at work at one size of terminal. The share is of one core."""

    program: str
    columns: int
    rows: int
    cpu_share: float
    output_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class ScreenResult:
    """All that was measured; times in seconds, the lists one entry a try."""

    setup: ScreenSetup
    running: tuple[Running, ...]
    first_paint_s: dict[str, list[float]]  # by size: the real program, from its start
    first_paint_cpu_s: dict[str, list[float]]
    key_to_paint_s: dict[str, list[float]]  # by size, with all workers reporting
    version_s: list[float]
    growth_bytes: int  # over EVENTS events


def measure(setup: ScreenSetup, narrate: Narrate) -> ScreenResult:
    """Measure everything, one program after the other."""
    running: list[Running] = []
    keys: dict[str, list[float]] = {}
    first: dict[str, list[float]] = {}
    first_cpu: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as place:
        home = Path(place)
        start = _real_program(home)
        for size in SIZES:
            name = f"{size[0]}x{size[1]}"
            narrate(f"screen: {name}, emeth-tui with {setup.workers} workers for {setup.seconds:g} s")
            ours, keys[name] = _busy(setup, size)
            running.append(ours)
            paints = [_first_paint(start, size, home) for _ in range(setup.starts)]
            first[name], first_cpu[name] = ([paint[part] for paint in paints] for part in (0, 1))
            for title, command in _others():
                narrate(f"screen: {name}, {title} for {setup.seconds:g} s")
                running.append(_other(title, command, size, setup.seconds))
        narrate(f"screen: memory over {EVENTS:,} events")
        growth_bytes = _growth(home)
        version_s = [_version() for _ in range(setup.starts)]
    return ScreenResult(setup, tuple(running), first, first_cpu, keys, version_s, growth_bytes)


def _others() -> list[tuple[str, Sequence[str]]]:
    monitors = [(" ".join(command), command) for command in MONITORS if shutil.which(command[0])]
    return [("bare Textual", [sys.executable, "-m", "benchmarks.screen.bare"]), *monitors]


def _busy(setup: ScreenSetup, size: tuple[int, int]) -> tuple[Running, list[float]]:
    """Watch our screen over simulated workers, then press keys."""
    seconds = setup.seconds + _SETTLE_S + 2 * setup.keys + _LIMIT_S
    numbers = [str(setup.workers), str(setup.reports_a_second), str(seconds)]
    with _program([sys.executable, "-m", "tests.tui.busy_screen", *numbers], size) as terminal:
        _read_until(terminal, _SHOWN)
        watched = _watch("emeth-tui", terminal, size, setup.seconds)
        return watched, [_key_to_paint(terminal) for _ in range(setup.keys)]


def _other(title: str, command: Sequence[str], size: tuple[int, int], seconds: float) -> Running:
    with _program(command, size) as terminal:
        terminal.read(_LIMIT_S)
        return _watch(title, terminal, size, seconds)


def _watch(title: str, terminal: PseudoTerminal, size: tuple[int, int], seconds: float) -> Running:
    _read_for(terminal, _SETTLE_S)
    cpu_s, written, began = _cpu_s(terminal.pid), len(terminal.output), time.monotonic()
    _read_for(terminal, seconds)
    took_s = time.monotonic() - began
    return Running(
        title,
        *size,
        cpu_share=(_cpu_s(terminal.pid) - cpu_s) / took_s,
        output_bytes_per_s=(len(terminal.output) - written) / took_s,
    )


def _key_to_paint(terminal: PseudoTerminal) -> float:
    """Open the dialog that asks how to leave, and close it again."""
    written, began = len(terminal.output), time.monotonic()
    terminal.type("q")
    _read_until(terminal, _QUESTION, written)
    took_s = time.monotonic() - began
    terminal.type(_ESCAPE)
    _read_for(terminal, 0.5)
    return took_s


def _real_program(home: Path) -> Sequence[str]:
    """Give the command that starts the real program on a network that does not answer."""
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


def _first_paint(command: Sequence[str], size: tuple[int, int], home: Path) -> tuple[float, float]:
    """Start the program and wait for the dashboard; its wall-clock and CPU seconds until then."""
    with _program(command, size, {"HOME": str(home)}) as terminal:
        _read_until(terminal, _STARTING)
        return time.monotonic() - terminal.started_at, _cpu_s(terminal.pid)


def _version() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "emeth_tui", "--version"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def _growth(home: Path) -> int:
    report = home / "report.json"
    command = [sys.executable, "-m", "tests.tui.busy_screen", "8", "20", "1", str(EVENTS)]
    with _program(command, SIZES[-1], {"REPORT": str(report)}) as terminal:
        while terminal.process.poll() is None:
            terminal.read(_READ_S)
    return int(json.loads(report.read_text("utf-8"))["growth_bytes"])


class _program(PseudoTerminal):  # noqa: N801 - reads as the context manager that it is
    """A program that is ended with the block."""

    def __init__(
        self, command: Sequence[str], size: tuple[int, int], more: dict[str, str] | None = None
    ) -> None:
        super().__init__(command, size, {**os.environ, **(more or {})})

    def __enter__(self) -> PseudoTerminal:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _read_for(terminal: PseudoTerminal, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left_s := until - time.monotonic()) > 0:
        terminal.read(min(_READ_S, left_s))
        time.sleep(min(_READ_S, max(0.0, until - time.monotonic())))  # reading must not take the processor


def _read_until(terminal: PseudoTerminal, text: bytes, start: int = 0) -> None:
    give_up_at = time.monotonic() + _LIMIT_S
    while text not in terminal.output[start:]:
        terminal.read(1.0)
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"no {text!r} in {_LIMIT_S:.0f} s: {terminal.output[-500:]!r}")


def _cpu_s(pid: int) -> float:
    """The CPU seconds of a process and of its children that have ended."""
    values = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return sum(map(int, values[11:15])) / _TICKS_A_SECOND


def median_of(values: Sequence[float]) -> str:
    """Sum up some times for people: the median, and the longest."""
    return f"{statistics.median(values):.3f} s (longest {max(values):.3f})"
