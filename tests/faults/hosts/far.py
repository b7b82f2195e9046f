"""A host of a run: its directory, its network, and what its owner has running there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import anyio
import msgspec

from emeth_tui.hosts.node.book import Host
from emeth_tui.hosts.tls.inviting import write_host_file
from emeth_tui.hosts.tls.names import Place
from tests.control.sshd import SSHD, Sshd, prepare_sshd
from tests.faults.hosts.taking_part import Part, clock_of, path_variable
from tests.faults.hosts.wires import NamespaceWire, ProxyWire, Wire
from tests.faults.stage.processes import RunProcess, children, descendants, with_home
from tests.faults.stage.settings import Layout, Training, ledger_of, set_clock
from tests.loopback import free_port

Kind = Literal["tls", "ssh"]
NODE = "5d3c9a0b1f2e4d77"
TLS_PORT, SSH_PORT = 9787, 2222  # of a host with a network of its own
_AGAIN_S = 0.5
_KEPT_VARIABLES = ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class RunHost:
    """One host. `start` brings it up, `stop` takes it down with all that runs there."""

    def __init__(self, layout: Layout, name: str, kind: Kind, *, own_network: bool) -> None:
        self.name, self.kind = name, kind
        self.home = layout.host(name)
        self.wire: Wire = NamespaceWire() if own_network else ProxyWire()
        self.training = Training()
        self._layout = layout
        self._part = Part()
        self._process = RunProcess(name, layout.output(name))
        self._sshd: Sshd | None = None
        self._own_network = own_network
        self._keeping: asyncio.Task[None] | None = None

    async def start(self, state_dir: Path, node_port: int, part: Part, training: Training) -> Host:
        """Bring the host up; return it as its owner adds it to the node in `state_dir`."""
        self.home.mkdir(exist_ok=True)
        self.training = training
        set_clock(clock_of(self.home), 0.0)
        self.take_part(part)
        training.write(self.jobs_dir)
        await self.wire.open()
        host = await (self._over_tls if self.kind == "tls" else self._over_ssh)(state_dir, node_port)
        self.switch_on()
        return host

    async def stop(self) -> None:
        """End whatever runs there."""
        await self.switch_off()
        await self.wire.close()

    def take_part(self, part: Part) -> None:
        """Tell what starts there from now on how it is to be."""
        self._part = part
        part.write(self.home)

    @property
    def part(self) -> Part:
        return self._part

    # ---- power

    def switch_on(self) -> None:
        """Have run there what its owner has started."""
        self._keeping = asyncio.create_task(self._keep_joined())

    async def switch_off(self) -> None:
        """Kill everything that runs there at once: its memory is lost, and its disk is not."""
        await self._stop_keeping()
        if self._sshd is not None:
            await asyncio.to_thread(self._end_sshd, self._sshd)
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._process.kill()

    async def leave(self, limit_s: float) -> list[int]:
        """Have its owner stop all that runs there; return what does not end by itself."""
        await self._stop_keeping()
        self._process.send(signal.SIGTERM)
        if self.keeper:
            os.kill(self.keeper, signal.SIGTERM)
        with anyio.move_on_after(limit_s):
            while self.pids():  # noqa: ASYNC110 - they are nobody's children
                await anyio.sleep(0.1)
        return self.pids()

    def pids(self) -> list[int]:
        """List what runs there."""
        return with_home(self.home)

    async def _stop_keeping(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
            self._keeping = None

    @property
    def serving(self) -> set[int]:
        """What lets ssh in: no part of the program."""
        if self._sshd is None or self._sshd.process is None:
            return set()
        return {self._sshd.process.pid, *descendants(self._sshd.process.pid)}

    # ---- what is there

    @property
    def kept(self) -> Path:
        """Where its keeper keeps what it owns."""
        return self.home / ".cache" / "emeth-tui" / "hosts" / NODE

    @property
    def jobs_dir(self) -> Path:
        return self.kept / "jobs"

    @property
    def ledger(self) -> Path:
        return ledger_of(self.jobs_dir)

    @property
    def keeper(self) -> int:
        """Its keeper's process; 0 when there is none."""
        return self._with_words(b"keeper")

    @property
    def relay(self) -> int:
        """The process that joins the line to the keeper; 0 when there is none."""
        return self._with_words(b"join" if self.kind == "tls" else b"stdio")

    def worker(self, chance: random.Random) -> int:
        """Return one of the keeper's workers; 0 when it has none."""
        return chance.choice(children(self.keeper) or [0]) if self.keeper else 0

    def is_at_work(self) -> bool:
        """Whether a job that it trains is not trained to its end."""
        if not self.ledger.exists():
            return False
        lines = [json.loads(line) for line in self.ledger.read_text().splitlines()]
        return bool(lines) and lines[-1]["epoch"] < lines[-1]["epochs"]

    def _with_words(self, word: bytes) -> int:
        for pid in self.pids():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"hosts" in words and word in words:
                    return pid
        return 0

    # ---- the two ways

    @property
    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return kept | {"HOME": str(self.home), "PYTHONPATH": path_variable(), "OMP_NUM_THREADS": "1"}

    @property
    def _invitation(self) -> Path:
        return self.home / f"{self.name}.emeth"

    async def _over_tls(self, state_dir: Path, node_port: int) -> Host:
        own = Place(self.wire.listens_at, TLS_PORT if self._own_network else free_port())
        here = Place(*await self.wire.towards_node(node_port))
        tls = write_host_file(state_dir, NODE, self.name, own, here, self._invitation)
        place = Place(*await self.wire.towards_host(own.port))
        tls = msgspec.structs.replace(tls, place=place, here=Place(here.address, node_port))
        return Host(self.name, str(place), tls=tls)

    async def _keep_joined(self) -> None:
        """Run what serves the host, and run it again whenever it ends, as its system does."""
        if self.kind == "ssh":
            assert self._sshd is not None
            await asyncio.to_thread(self._sshd.start)
            return
        while True:
            await self._process.start(
                "emeth_tui",
                *("hosts", "join", str(self._invitation)),
                environment=self._environment,
                inside=self.wire.inside,
            )
            code = None
            while code is None:
                code = await self._process.wait(3_600.0)
            await asyncio.sleep(_AGAIN_S)

    async def _over_ssh(self, _state_dir: Path, _node_port: int) -> Host:
        directory = self._layout.root / f"{self.name}.sshd"
        directory.mkdir()
        port = SSH_PORT if self._own_network else free_port()
        address, seen_port = await self.wire.towards_host(port)
        self._sshd = prepare_sshd(directory, (self.wire.listens_at, port), (address, seen_port))
        self._sshd.inside = self.wire.inside
        return Host(
            self.name, self._sshd.destination, tuple(shlex.split(self._sshd.ssh())), self._remote_command
        )

    @property
    def _remote_command(self) -> str:
        words = [f"{name}={value}" for name, value in self._environment.items()]
        return shlex.join(["env", "-i", *words, sys.executable, "-m", "emeth_tui"])

    @staticmethod
    def _end_sshd(sshd: Sshd) -> None:
        if sshd.process is None:
            return
        for pid in (*descendants(sshd.process.pid), sshd.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        sshd.process.wait()


def has_ssh() -> bool:
    """Whether a real sshd can serve here: it gives up privileges that only the machine's own root has."""
    tools = all(shutil.which(name) for name in ("ssh", "ssh-keygen"))
    return SSHD is not None and tools and (os.geteuid() != 0 or _is_real_root())


def _is_real_root() -> bool:
    return Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]


def networks_are_ready() -> bool:
    """Have this process's own network begin; return whether hosts may have one each beside it."""
    script = "ip link set lo up && unshare --net true"
    return subprocess.run(["sh", "-c", script], check=False, capture_output=True).returncode == 0


def with_kinds(kinds: Sequence[Kind]) -> tuple[Kind, ...]:
    """Return the same ways, but TLS where no ssh can serve."""
    return tuple(kind if kind == "tls" or has_ssh() else "tls" for kind in kinds)
