"""What went wrong in a run, judged by the chain, the files and the processes alone."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from emeth_tui.devnet import funding
from emeth_tui.model import WEI_PER_TOKEN, JobId, JobState
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.settings import DEVNET, load_settings
from tests.faults.injected.chain_faults import DEEPEST
from tests.faults.injected.faults import DATABASE
from tests.faults.plan import LEAVES_JOBS, RACES, TAKES_CHECKPOINTS, TAKES_STATE, Plan
from tests.faults.stage.settings import Training
from tests.faults.stage.world import CACHE_LIMIT_GB, World

_FUNCTIONS = {
    "0x" + keccak(text=signature)[:4].hex(): signature.partition("(")[0]
    for signature in (
        "approve(address,uint256)",
        "process(bytes16)",
        "submit(bytes16,string)",
        "decline(bytes16)",
        "withdrawSlotReward(uint256)",
    )
}
ENDED = frozenset(
    {JobStatus.VERIFIED, JobStatus.TIMEOUT, JobStatus.FAILED, JobStatus.DECLINED, JobStatus.CANCELED}
)
_ONCE = ("process", "submit", "decline")
_START_EMT_WEI = 200 * WEI_PER_TOKEN
_ERROR_LINE = re.compile(r"[A-Za-z_][\w.]*(:|$)")
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d |\{")
_SHOWN = 200
_BEGUN = "INFO emeth_tui.training.job: job 0x"  # as a worker logs it


@dataclass(frozen=True, slots=True)
class Mined:
    """One of the operator's transactions as the chain has it."""

    tx_hash: str
    function: str
    job_id: str
    nonce: int
    succeeded: bool
    fee_wei: int


@dataclass(frozen=True, slots=True, order=True)
class Noted:
    """A line of a ledger: where a job reached an epoch, or is `resumed` at it."""

    at_s: float
    place: str
    job_id: str
    epoch: int
    resumes: bool


async def violations(world: World, plan: Plan, statuses: dict[str, str]) -> list[str]:
    """Return what is wrong; `statuses` is filled with what became of each job."""
    jobs = await world.parties.jobs()
    statuses.update({job_id: f"{job.status.name} {job.node[:8]}" for job_id, job in jobs.items()})
    mined = await _operators_transactions(world)
    found = [
        *_unsaved(world, plan, jobs),
        *_twice(mined),
        *_reverted(mined, plan),
        *_staked_in_vain(mined, plan),
        *_refused_results(world),
        *_trained_again(world, plan),
        *_files(world, jobs),
        *_secrets(world),
        *_failures(world, plan),
    ]
    path = world.layout.home() / DATABASE
    if len(world.nodes) > 1:
        return found  # two nodes with one key: neither explains what the other did
    if not path.exists():
        return [*found, "the node has no database"]
    books = Books.of(path)
    found += _forgotten(books, jobs, world.operator)
    if not any(step.fault in TAKES_STATE for step in plan.steps):
        found += _unexplained(books, mined, await moved_wei(world), exactly=not _was_final(plan))
    return found


async def still_open(world: World, plan: Plan) -> list[str]:
    """Return what the nodes have yet to see or to clean up; it is waited for, and not judged."""
    jobs = await world.parties.jobs()
    found = _files(world, jobs)
    path = world.layout.home() / DATABASE
    if len(world.nodes) > 1:
        return found
    if not path.exists():
        return [*found, "the node has no database yet"]
    books = Books.of(path)
    hopeless = {offer.job_id for offer in plan.offers if offer.hopeless}
    found += [
        f"job {job_id[-3:]} is open in the books"
        for job_id, state in books.states.items()
        if not state.is_final and job_id not in hopeless
    ]
    if books.unsettled:
        found.append(f"{books.unsettled} transactions are not settled")
    if not any(step.fault in TAKES_STATE for step in plan.steps):
        found += _unexplained_emt(books, await moved_wei(world))
    return found


async def moved_wei(world: World) -> int:
    """Return by how much the operator's EMT has changed since the network began."""
    return (await world.chain.balances(world.operator)).emt_wei - _START_EMT_WEI


def _unsaved(world: World, plan: Plan, jobs: Mapping[JobId, ChainJob]) -> list[str]:
    """Every job that could be saved is verified."""
    # Claiming pauses where a deposit does not come back.
    may_be_left = plan.setup.published or any(step.fault in LEAVES_JOBS for step in plan.steps)
    found = []
    for offer in plan.offers:
        job = jobs.get(offer.job_id)
        status = "not on the chain" if job is None else job.status.name
        ours = job is not None and job.node.lower() == world.operator.lower()
        if offer.hopeless:
            continue
        if job is not None and job.status in _good_ends(world, plan, offer.job_id):
            continue
        if ours or not may_be_left:
            found.append(f"job {offer.job_id[-3:]} is {status}{' with us' if ours else ''}")
    return found


def _good_ends(world: World, plan: Plan, job_id: JobId) -> set[JobStatus]:
    """Return how a job may end: verified, but for what no node can help."""
    ends = {JobStatus.VERIFIED}
    if job_id in world.parties.refused:
        ends.add(JobStatus.FAILED)
    if any(step.fault == "chain: deadline passed" for step in plan.steps):
        ends |= {JobStatus.TIMEOUT, JobStatus.CANCELED}
    return ends


async def _operators_transactions(world: World) -> list[Mined]:
    rpc = world.chain.rpc
    head = int(await rpc.call("eth_blockNumber"), 16)
    found = []
    for number in range(head + 1):
        block = await rpc.call("eth_getBlockByNumber", hex(number), True)
        for signed in block["transactions"]:
            ours = signed["from"].lower() == world.operator.lower()
            if ours and signed["input"] != "0x":  # else another wallet has the key, and sent native token
                receipt = await rpc.call("eth_getTransactionReceipt", signed["hash"])
                found.append(_mined(signed, receipt))
    return found


def _mined(signed: Any, receipt: Any) -> Mined:
    data = signed["input"]
    function = _FUNCTIONS.get(data[:10], data[:10])
    return Mined(
        tx_hash=signed["hash"],
        function=function,
        job_id="0x" + data[10:42] if function in _ONCE else "",
        nonce=int(signed["nonce"], 16),
        succeeded=receipt["status"] == "0x1",
        fee_wei=int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16),
    )


def _twice(mined: list[Mined]) -> list[str]:
    """Nothing is carried out twice."""
    times = Counter((one.function, one.job_id) for one in mined if one.function in _ONCE and one.succeeded)
    return [
        f"{function} of job {job_id[-3:]} is on the chain {count} times"
        for (function, job_id), count in times.items()
        if count > 1
    ]


def _reverted(mined: list[Mined], plan: Plan) -> list[str]:
    """No transaction is paid for in vain, but where somebody else was faster."""
    if any(step.fault in RACES for step in plan.steps):
        return []
    return [f"{one.function} of job {one.job_id[-3:]} reverted" for one in mined if not one.succeeded]


def _staked_in_vain(mined: list[Mined], plan: Plan) -> list[str]:
    """No deposit is staked on a job of which it shows beforehand that it cannot be done."""
    hostile = {offer.job_id: offer.hopeless for offer in plan.offers if offer.hopeless and offer.shows}
    staked = {JobId(one.job_id) for one in mined if one.function == "process"}
    return [f"a deposit was staked on a job with {hostile[job_id]}" for job_id in staked & hostile.keys()]


def _refused_results(world: World) -> list[str]:
    return [
        f"a result of job {each['job'][-3:]}: {each['wrong']}"
        for each in world.parties.verdicts
        if each["wrong"]
    ]


def _trained_again(world: World, plan: Plan) -> list[str]:
    """No epoch further back than one checkpoint is trained again, and elsewhere none that came home."""
    if any(step.fault in TAKES_CHECKPOINTS for step in plan.steps):
        return []
    return gone_back(noted_in(world), plan.setup.training)


def trained(world: World) -> dict[str, int]:
    """Return how many epochs each machine trained; of real jobs, how many it began or went on with."""
    if world.setup.quick:
        return dict(Counter(each.place for each in noted_in(world) if not each.resumes))
    logs = {world.layout.home().name: world.layout.home().glob("state/*/logs/worker-*.log")}
    logs |= {host.name: host.kept.glob("logs/worker-*.log") for host in world.hosts}
    return {place: sum(path.read_text().count(_BEGUN) for path in paths) for place, paths in logs.items()}


def noted_in(world: World) -> list[Noted]:
    """Return what was trained at every place, in order."""
    homes = [world.layout.home(number) for number in range(len(world.nodes))]
    noted = []
    for place in [home.name for home in (*homes, *(host.home for host in world.hosts))]:
        ledger = world.layout.root / f"{place}.ledger"
        for line in ledger.read_text().splitlines() if ledger.exists() else ():
            said = json.loads(line)
            noted.append(Noted(said["at_s"], place, said["job"], said["epoch"], said["kind"] == "resumed"))
    return sorted(noted)


def gone_back(noted: list[Noted], training: Training) -> list[str]:
    """Say where a job went back further than one checkpoint of what was trained at the same place."""
    found = []
    reached: dict[tuple[str, str], int] = {}
    for each in noted:
        here = each.job_id, each.place
        if each.resumes and reached.get(here, 0) - each.epoch > training.checkpoint_every:
            found.append(f"job {each.job_id[-3:]} went back from epoch {reached[here]} to {each.epoch}")
        reached[here] = max(reached.get(here, 0), each.epoch)
    return found


def _files(world: World, jobs: Mapping[JobId, ChainJob]) -> list[str]:
    found = []
    for number in range(len(world.nodes)):
        jobs_dir = world.layout.home(number) / "cache" / DEVNET / "jobs"
        files = [path for path in jobs_dir.rglob("*") if path.is_file()]
        if sum(path.stat().st_size for path in files) > CACHE_LIMIT_GB * 10**9:
            found.append("the cache is over its limit")
        ended = {str(job_id) for job_id, job in jobs.items() if job.status is JobStatus.VERIFIED}
        left = sorted({path.relative_to(jobs_dir).parts[0] for path in files})
        found += [f"files of the verified job {name[-3:]} are left" for name in left if name in ended]
    for host in world.hosts:
        there = host.jobs_dir.iterdir() if host.jobs_dir.exists() else ()
        found += [f"files of job {path.name[-3:]} are left on {host.name}" for path in there]
    return found


def _secrets(world: World) -> list[str]:
    """Look for what must be in no file: keys, password, presigned URLs."""
    settings = load_settings(world.layout.devnet / "node.toml", environment={})
    network = settings.networks[DEVNET]
    assert settings.wallet.password_file is not None
    secrets = {
        "the private key": world.key(funding.OPERATOR).private_key_hex.removeprefix("0x"),
        "the password": settings.wallet.password_file.read_text().strip(),
        "the verification key": str(network["verification_key"]),
        "a presigned URL": "signature=",
    }
    places = [path for number in range(len(world.nodes)) for path in world.layout.home(number).rglob("*")]
    places += [world.layout.output(node.name) for node in world.nodes]
    places += [path for host in world.hosts for path in host.home.rglob("*")]
    return [
        f"{what} is in {path.relative_to(world.layout.root)}"
        for path in places
        if path.is_file()
        for what, secret in secrets.items()
        if secret.encode() in path.read_bytes()
    ]


def _failures(world: World, plan: Plan) -> list[str]:
    """A traceback is a bug, even where it was contained; a worker whose files are gone may say so."""
    bereft = any(step.fault == "cache lost" for step in plan.steps)
    found = []
    for number, node in enumerate(world.nodes):
        places = [world.layout.output(node.name), *world.layout.home(number).glob("state/*/logs/*.log")]
        for host in world.hosts:
            places += [world.layout.output(host.name), *host.kept.glob("logs/*.log")]
        for path in places:
            text = path.read_text("utf-8", "replace") if path.exists() else ""
            if "Traceback" in text and not (bereft and "FileNotFoundError" in _error_of(text)):
                found.append(f"a traceback in {path.name}: {_error_of(text)}")
    return found


def _error_of(text: str) -> str:
    """Return the error that the first traceback ends with: of a chain the last."""
    error = ""
    for line in text[text.index("Traceback") :].splitlines():
        if _LOG_LINE.match(line):
            break
        error = line[:_SHOWN] if _ERROR_LINE.match(line) else error
    return error


@dataclass(frozen=True, slots=True)
class Books:
    """What a node's own records say."""

    states: Mapping[str, JobState]
    booked_wei: int  # of EMT, in all that its work has moved
    fees_wei: Mapping[str, int]  # by transaction
    unsettled: int = 0  # transactions that may still be mined

    @classmethod
    def of(cls, path: Path) -> Books:
        """Read a node's database, without changing it."""
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            states = dict(database.execute("SELECT job_id, state FROM jobs"))
            moved = database.execute("SELECT amount_wei FROM movements WHERE kind <> 'other'")
            booked_wei = sum(int(amount_wei) for (amount_wei,) in moved)
            fees = database.execute("SELECT tx_hash, fee_wei FROM transactions WHERE fee_wei IS NOT NULL")
            fees_wei = {tx_hash: int(fee_wei) for tx_hash, fee_wei in fees}
            signed = database.execute("SELECT count(*) FROM transactions WHERE state = 'signed'")
            (unsettled,) = signed.fetchone()
        states = {job_id: JobState(state) for job_id, state in states.items()}
        return cls(states, booked_wei, fees_wei, unsettled)


def _was_final(plan: Plan) -> bool:
    """Whether a reorganisation may have replaced blocks that the network calls final."""
    return plan.setup.confirmations <= DEEPEST and any("reorg" in step.fault for step in plan.steps)


def _unexplained(books: Books, mined: list[Mined], moved_wei: int, *, exactly: bool) -> list[str]:
    """The node's own records explain both balances to the wei.

    Not `exactly`: a transaction whose block was final and was replaced all the same may have cost another
    price in the end than the one that is booked.
    """
    found = _unexplained_emt(books, moved_wei)
    booked = dict(books.fees_wei)
    for one in mined:
        fee_wei = booked.pop(one.tx_hash, None)
        if fee_wei is None or (exactly and fee_wei != one.fee_wei):
            found.append(f"native: {one.function} with nonce {one.nonce} cost {one.fee_wei}, not booked so")
    return found + [f"native: {tx_hash[:10]} is booked and not on the chain" for tx_hash in booked]


def _unexplained_emt(books: Books, moved_wei: int) -> list[str]:
    if moved_wei == books.booked_wei:
        return []
    return [f"EMT: {moved_wei / 10**18:+} moved, the books explain {books.booked_wei / 10**18:+}"]


def _forgotten(books: Books, jobs: Mapping[JobId, ChainJob], operator: str) -> list[str]:
    """Every deposit of ours is in the books of the node."""
    return [
        f"the deposit of job {job_id[-3:]} is forgotten: {job.status.name} on the chain, "
        f"{books.states[job_id].value if job_id in books.states else 'unknown'} in the books"
        for job_id, job in jobs.items()
        if job.node.lower() == operator.lower()
        and job.status in (JobStatus.PROCESSING, JobStatus.SUBMITTED)
        and (job_id not in books.states or books.states[job_id].is_final)
    ]
