"""`python -m tests.faults`: play runs by seed, several side by side, and print what came of each."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from itertools import chain, count, repeat
from pathlib import Path
from typing import get_args

import anyio

from emeth_tui.devnet.chain.anvil import BINARY_VARIABLE, find_anvil
from emeth_tui.devnet.chain.backends import ChainKind
from emeth_tui.errors import ExitCode
from tests.faults.injected.chain_faults import CHAIN_FAULTS
from tests.faults.injected.faults import CATALOGUE
from tests.faults.plan import DISK_FULL, HOSTILE, Plan, plan_for
from tests.faults.run import NotSetUp, Report, play
from tests.faults.stage.settings import Layout
from tests.faults.stage.world import Setup, deploy

_OWN_MOUNTS = "EMETH_FAULTS_OWN_MOUNTS"
RUN_LIMIT_S = 1_800.0  # bounds a hang
SET_UPS = 2  # times that a run is set up at most
FIXED_RUNS = 16  # of `make faults`: together they have each fault once
# Of `make faults-short`: what money hangs on most, each kind of fault among it.
SHORT_RUNS = (
    ("node killed", "rpc: wrong status"),
    ("reorganisation: pool", "worker killed"),
    ("reorganisation: forget", "storage: cut"),
    ("network killed", "storage: HTML for a dataset"),
    ("rpc: failed receipts", "storage: expired URLs"),
    ("state gone",),
    ("two nodes",),
    ("disk full", "info: HTML"),
)


def main() -> None:
    arguments = _arguments()
    if not os.environ.get(_OWN_MOUNTS):
        _enter_mounts_of_its_own()
    is_wanted = arguments.out is not None
    arguments.out = arguments.out or Path(tempfile.mkdtemp(prefix="emeth-faults-"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    small_disk = bool(os.environ.get(_OWN_MOUNTS))
    if not small_disk:
        print("no file system fills up: this machine allows no mounts of its own", file=sys.stderr)
    try:
        failed = asyncio.run(_play_all(arguments, small_disk=small_disk))
    except asyncio.CancelledError:
        sys.exit(ExitCode.INTERRUPTED)
    if failed or is_wanted:
        print(f"reports in {arguments.out}")
    else:
        shutil.rmtree(arguments.out)
    sys.exit(1 if failed else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=0, help="how many seeds to play; 0: the fixed set")
    parser.add_argument("--short", action="store_true", help="the short set instead of the fixed one")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="how many runs side by side")
    parser.add_argument(
        "--fault", action="append", default=[], choices=list(CATALOGUE), help="these faults alone"
    )
    parser.add_argument("--chain", default="py-evm", choices=get_args(ChainKind), help="the network's chain")
    parser.add_argument("--out", type=Path, help="where to keep reports, and the runs that went wrong")
    return parser.parse_args()


def plans(arguments: argparse.Namespace, *, small_disk: bool) -> Iterator[Plan]:
    if arguments.seeds or arguments.fault:
        for seed in range(arguments.first, arguments.first + max(1, arguments.seeds)):
            yield plan_for(seed, faults=tuple(arguments.fault), disk=small_disk, chain=arguments.chain)
        return
    if arguments.short:
        for seed, faults in enumerate(SHORT_RUNS, start=1):
            possible = tuple(name for name in faults if small_disk or name not in DISK_FULL)
            yield plan_for(seed, faults=possible, disk=small_disk, chain=arguments.chain)
        return
    names = [name for name in CATALOGUE if small_disk or name not in DISK_FULL]
    shares = [names[start::FIXED_RUNS] for start in range(FIXED_RUNS)]
    for seed, share, hostile in zip(count(1), shares, chain([*HOSTILE], repeat(None)), strict=False):
        yield plan_for(seed, faults=tuple(share), disk=small_disk, chain=arguments.chain, hostile=hostile)
    if arguments.chain == "anvil":
        return
    if find_anvil() is None:
        print(f"nothing runs on anvil: no binary on the PATH or in {BINARY_VARIABLE}", file=sys.stderr)
        return
    for seed, name in enumerate(CHAIN_FAULTS, start=FIXED_RUNS + 1):
        yield plan_for(seed, faults=(name,), disk=small_disk, chain="anvil")


async def _play_all(arguments: argparse.Namespace, *, small_disk: bool) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # no process is left behind
    directory: Path = arguments.out
    deployed = _Deployed(directory)
    waiting = plans(arguments, small_disk=small_disk)
    reports: list[Report] = []

    async def work() -> None:
        for plan in waiting:
            report = await _play(plan, directory, await deployed.network(plan.setup), small_disk)
            reports.append(report)
            _print(report)
            _keep(report, directory / "reports.jsonl")

    await asyncio.gather(*(work() for _ in range(arguments.jobs)))
    failed = [report for report in reports if report.violations]
    print(f"{len(reports)} runs, {len(failed)} with something wrong")
    return len(failed)


class _Deployed:
    """Networks with their contracts deployed, each kind made when it is first wanted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: dict[tuple[str, bool], asyncio.Task[Path]] = {}

    async def network(self, setup: Setup) -> Path:
        """Return the state of such a network, to start copies from."""
        kind = setup.chain, setup.published
        if kind not in self._made:
            directory = self._directory / f"deployed-{setup.chain}{'-published' if setup.published else ''}"
            shutil.rmtree(directory, ignore_errors=True)
            deploying = deploy(directory, published=setup.published, chain=setup.chain)
            self._made[kind] = asyncio.create_task(deploying)
        return await self._made[kind]


async def _play(plan: Plan, directory: Path, deployed: Path, small_disk: bool) -> Report:
    """Play a run; what is wrong in it is never tried again, but what was not even set up is, once."""
    root = directory / f"seed-{plan.seed}"
    for number in range(1, SET_UPS + 1):
        shutil.rmtree(root, ignore_errors=True)
        try:
            with anyio.fail_after(RUN_LIMIT_S):
                report = await play(plan, Layout(root), deployed, small_disk=small_disk)
        except NotSetUp as error:
            problem = str(error)
            print(f"seed {plan.seed}: not set up: {problem}", flush=True)
        except Exception as error:  # noqa: BLE001 - one run's trouble is not the others'
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            return Report(plan.seed, violations=[f"the run broke off at {where}: {error!r}"])
        else:
            report.set_up = number
            return report
    return Report(plan.seed, violations=[f"not set up {SET_UPS} times: {problem}"])


def _print(report: Report) -> None:
    faults = "; ".join(f"{each['fault']} @ {each['stage']}" for each in report.faults)
    print(f"seed {report.seed}: {report.seconds:.0f} s, {report.starts} starts: {faults}", flush=True)
    for what in report.in_vain:
        print(f"    waited in vain for {what}", flush=True)
    for violation in report.violations:
        print(f"    {violation}", flush=True)


def _keep(report: Report, path: Path) -> None:
    """Add a report to those that `python -m tests.faults.table` reads."""
    with path.open("a") as file:
        file.write(json.dumps(vars(report)) + "\n")


def _enter_mounts_of_its_own() -> None:
    """Start this process again where it may mount file systems that nobody else sees, if that is allowed."""
    prefix = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None:
        return
    if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0:
        os.environ[_OWN_MOUNTS] = "yes"
        os.execvp("unshare", [*prefix, sys.executable, "-m", "tests.faults", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
