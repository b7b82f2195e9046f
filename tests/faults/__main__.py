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
from dataclasses import dataclass, replace
from itertools import chain, count, repeat
from pathlib import Path
from typing import get_args

import anyio

from emeth_tui.devnet.chain.anvil import BINARY_VARIABLE, find_anvil
from emeth_tui.devnet.chain.backends import ChainKind
from emeth_tui.errors import ExitCode
from tests.faults.hosts.far import Kind, networks_are_ready
from tests.faults.injected.chain_faults import CHAIN_FAULTS
from tests.faults.injected.faults import CATALOGUE
from tests.faults.injected.host_faults import AWAY
from tests.faults.plan import DISK_FULL, HOSTILE, Plan, kinds_for, plan_for
from tests.faults.run import FAULTS, NotSetUp, Report, play
from tests.faults.stage.settings import Layout
from tests.faults.stage.world import Setup, deploy

_OWN_MOUNTS = "EMETH_FAULTS_OWN_MOUNTS"
_OWN_NETWORK = "EMETH_FAULTS_OWN_NETWORK"
RUN_LIMIT_S = 3_600.0  # bounds a hang
SET_UPS = 2  # times that a run is set up at most
FIXED_RUNS = 16  # of `make faults`, without hosts: together they have each fault once


@dataclass(frozen=True, slots=True)
class HostRun:
    """A fixed run with hosts: how each is reached, and what breaks."""

    hosts: tuple[Kind, ...]
    faults: tuple[str, ...]
    hosts_only: bool = False  # the node's own device rests


HOST_RUNS = (
    HostRun(("ssh", "ssh"), (AWAY, "host: relay killed", "host: disk full")),
    HostRun(
        ("tls", "ssh"),
        (
            *("host: cut for 30 s", "host: keeper killed", "host: worker killed"),
            *("host: clock off", "host: link killed", "host: killed"),
        ),
        hosts_only=True,
    ),
)
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
        _enter_places_of_its_own()
    is_wanted = arguments.out is not None
    arguments.out = arguments.out or Path(tempfile.mkdtemp(prefix="emeth-faults-"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    small_disk = bool(os.environ.get(_OWN_MOUNTS))
    if not small_disk:
        print("no file system fills up: this machine allows no mounts of its own", file=sys.stderr)
    own_network = bool(os.environ.get(_OWN_NETWORK)) and networks_are_ready() and not arguments.loopback
    if not (own_network or arguments.loopback):
        print("hosts are on the loopback: this machine allows no networks of its own", file=sys.stderr)
    try:
        failed = asyncio.run(_play_all(arguments, small_disk=small_disk, own_network=own_network))
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
        "--fault", action="append", default=[], choices=list(FAULTS), help="these faults alone"
    )
    parser.add_argument("--hosts", help="train on hosts too: how each is reached, as tls,ssh; any: drawn")
    parser.add_argument("--loopback", action="store_true", help="have hosts on the loopback, behind proxies")
    parser.add_argument("--hosts-only", action="store_true", help="have the node's own device rest")
    parser.add_argument("--no-faults", action="store_true", help="break nothing")
    parser.add_argument("--real", action="store_true", help="train the local network's model, with torch")
    parser.add_argument("--limits", type=float, help="limits on hosts, of what they are (else 0.1)")
    parser.add_argument("--epoch-s", type=float, help="seconds that an epoch takes where nothing is trained")
    parser.add_argument("--lifetime-s", type=int, help="seconds from a job's request to its deadline")
    parser.add_argument("--chain", default="py-evm", choices=get_args(ChainKind), help="the network's chain")
    parser.add_argument("--out", type=Path, help="where to keep reports, and the runs that went wrong")
    return parser.parse_args()


def changed(plan: Plan, arguments: argparse.Namespace) -> Plan:
    """Return a plan with what the command line says otherwise."""
    setup = plan.setup
    training = replace(setup.training, epoch_s=arguments.epoch_s or setup.training.epoch_s)
    lifetime_s = arguments.lifetime_s or setup.lifetime_s
    setup = replace(
        setup,
        limits=arguments.limits or setup.limits,
        lifetime_s=lifetime_s,
        training=training,
        hosts_only=arguments.hosts_only or setup.hosts_only,
        quick=not arguments.real,
    )
    offers = tuple(
        offer if offer.hopeless else replace(offer, lifetime_s=lifetime_s) for offer in plan.offers
    )
    return replace(plan, setup=setup, offers=offers, steps=() if arguments.no_faults else plan.steps)


def plans(arguments: argparse.Namespace, *, small_disk: bool) -> Iterator[Plan]:
    """Yield the runs that are asked for."""
    if arguments.seeds or arguments.fault:
        for seed in range(arguments.first, arguments.first + max(1, arguments.seeds)):
            yield plan_for(
                seed,
                faults=tuple(arguments.fault),
                disk=small_disk,
                chain=arguments.chain,
                hosts=_hosts_for(seed, arguments.hosts),
            )
        return
    if arguments.hosts:
        yield from _host_plans(small_disk=small_disk)
        return
    if arguments.short:
        for seed, faults in enumerate(SHORT_RUNS, start=1):
            possible = tuple(name for name in faults if small_disk or name not in DISK_FULL)
            yield plan_for(seed, faults=possible, disk=small_disk, chain=arguments.chain)
        return
    if arguments.chain != "anvil":
        yield from _host_plans(small_disk=small_disk)  # first: they are the longest
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


def _host_plans(*, small_disk: bool) -> Iterator[Plan]:
    for seed, run in enumerate(HOST_RUNS, start=FIXED_RUNS + len(CHAIN_FAULTS) + 1):
        possible = tuple(name for name in run.faults if small_disk or name not in DISK_FULL)
        plan = plan_for(seed, faults=possible, disk=small_disk, hosts=run.hosts)
        setup = replace(plan.setup, hosts_only=run.hosts_only, joined_first=True)
        yield replace(plan, setup=setup, offers=plan.offers[: len(run.hosts) + 1])


def _hosts_for(seed: int, wanted: str | None) -> tuple[Kind, ...]:
    if not wanted:
        return ()
    return kinds_for(seed) if wanted == "any" else tuple(wanted.split(","))  # type: ignore[arg-type]


async def _play_all(arguments: argparse.Namespace, *, small_disk: bool, own_network: bool) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # no process is left behind
    directory: Path = arguments.out
    deployed = _Deployed(directory)
    waiting = (changed(plan, arguments) for plan in plans(arguments, small_disk=small_disk))
    reports: list[Report] = []

    async def work() -> None:
        for plan in waiting:
            network = await deployed.network(plan.setup)
            report = await _play(plan, directory, network, small_disk, own_network)
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


async def _play(
    plan: Plan, directory: Path, deployed: Path, small_disk: bool, own_network: bool = False
) -> Report:
    """Play a run; what is wrong in it is never tried again, but what was not even set up is, once."""
    root = directory / f"seed-{plan.seed}"
    for number in range(1, SET_UPS + 1):
        shutil.rmtree(root, ignore_errors=True)
        try:
            with anyio.fail_after(RUN_LIMIT_S):
                report = await play(
                    plan, Layout(root), deployed, small_disk=small_disk, own_network=own_network
                )
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
    if len(report.trained) > 1:
        shares = ", ".join(f"{place} {epochs}" for place, epochs in sorted(report.trained.items()))
        print(f"    trained: {shares}", flush=True)
    for what in report.in_vain:
        print(f"    waited in vain for {what}", flush=True)
    for violation in report.violations:
        print(f"    {violation}", flush=True)


def _keep(report: Report, path: Path) -> None:
    """Add a report to those that `python -m tests.faults.table` reads."""
    with path.open("a") as file:
        file.write(json.dumps(vars(report)) + "\n")


def _enter_places_of_its_own() -> None:
    """Start this process again where it may mount file systems and set networks that nobody else sees.

    Where that is not allowed it goes on with less.
    """
    if shutil.which("unshare") is None:
        return
    prefix = ["unshare"] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    for options, names in (
        (["--mount", "--net"], (_OWN_MOUNTS, _OWN_NETWORK)),
        (["--mount"], (_OWN_MOUNTS,)),
    ):
        trial = "ip link set lo up && unshare --net true" if _OWN_NETWORK in names else "true"
        words = [*prefix, *options]
        if subprocess.run([*words, "sh", "-c", trial], check=False, capture_output=True).returncode == 0:
            os.environ.update(dict.fromkeys(names, "yes"))
            os.execvp("unshare", [*words, sys.executable, "-m", "tests.faults", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
