"""A scripted node: the interface of engine.node.Node, a stopped clock, calls recorded."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from emeth_tui.control.client import Attachment
from emeth_tui.engine.context import Context, LiveSettings
from emeth_tui.engine.disk import DiskUsage
from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.events import Subscription
from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.market.rules import Offer
from emeth_tui.engine.market.standstill import Standstill
from emeth_tui.engine.money.costs import NO_COSTS, DayCosts
from emeth_tui.engine.requester.orders import Estimate, FetchedModel, Order
from emeth_tui.engine.requester.terms import Wish, terms_of
from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.engine.settings_editor import SettingChange, SettingsEditor, SettingsView
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.engine.view.records import JobRecord
from emeth_tui.engine.view.series import STEPS_S, Series, Span, WorkerSeries
from emeth_tui.engine.view.snapshot import Deposits, Forecast, Snapshot, TodaysShare
from emeth_tui.errors import JobError
from emeth_tui.job import Job
from emeth_tui.model import (
    OPERATOR,
    Asker,
    Head,
    JobId,
    JobState,
    JournaledTransaction,
    Language,
    ServiceName,
    TransactionState,
    WorkerPhase,
    token_to_wei,
)
from emeth_tui.network.overview import Day, NodeShare, NodeTotals, Overview
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import EpochDone, JobStuck, Submitted
from emeth_tui.notices.events.market import ClaimsResumed
from emeth_tui.notices.events.node import ServiceLost, Withdrawn
from emeth_tui.notices.notice import EventBody, Reason
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import (
    ClaimingPaused,
    FinishingFirst,
    MissesMargin,
    PausedByOperator,
    TimeMeasured,
    WorkersBusy,
)
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, ChainJob, JobStatus, SlotShare
from emeth_tui.protocol.info_api import ListedJob
from emeth_tui.settings import Network, Settings, load_network, settings_layers
from emeth_tui.store.jobs import AverageRecord, EpochRecord
from emeth_tui.store.requests import StoredRequest
from emeth_tui.training.data.measuring import Measured
from emeth_tui.workers.views import WorkerView
from tests.factories import make_job, make_transaction

NOW = 1_700_056_999.0  # 2023-11-15 14:03:19 UTC
ATTACHED_TO = Attachment(4242, NOW - 100_000)
TRAINING_ID = JobId("0x6f2a" + "0" * 26 + "c1")
SECOND_ID = JobId("0x4d07" + "1" * 26 + "9e")
PENDING_ID = JobId("0x91b0" + "2" * 26 + "77")
OLD_PENDING_ID = JobId("0xc3d9" + "3" * 26 + "02")
VERIFIED_ID = JobId("0x2b" + "7" * 30)
ENDED_ID = JobId("0x77aa" + "4" * 26 + "10")


@dataclass(eq=False, slots=True)
class StandInWorker:
    """A worker of which its view is all that counts."""

    view: WorkerView
    device: str = "cuda:0"
    kind: str = "a GPU"
    host: str = ""
    usable: bool = True


def training_job(**changes: Any) -> Job:
    """A Japanese job in its 13th epoch of 30."""
    values = {
        "job_id": TRAINING_ID,
        "state": JobState.TRAINING,
        "language": Language.JA,
        "dataset_bytes": 1_240_000,
        "fee_wei": token_to_wei("20.123456789"),
        "deposit_wei": token_to_wei("20.123456789"),
        "deadline_unix_s": int(NOW) + 14_540,
        "epochs_done": 12,
        "valid_loss": 2.63,
        "start_loss": 3.4812,
        "best_loss": 2.61,
        "created_at_unix_s": NOW - 4_000,
    }
    return make_job(**{**values, **changes})


def second_job(**changes: Any) -> Job:
    values = {
        "job_id": SECOND_ID,
        "state": JobState.TRAINING,
        "dataset_bytes": 64_000,
        "deadline_unix_s": int(NOW) + 1_500,
        "epochs_done": 3,
        "valid_loss": 3.11,
        "created_at_unix_s": NOW - 900,
    }
    return make_job(**{**values, **changes})


def pending_job(job_id: JobId, age_s: float, **changes: Any) -> Job:
    values = {
        "job_id": job_id,
        "state": JobState.SUBMITTED,
        "dataset_bytes": 64_000,
        "submitted_at_unix_s": NOW - age_s,
        "epochs_done": 30,
        "valid_loss": 2.1,
    }
    return make_job(**{**values, **changes})


def ended_job() -> Job:
    return make_job(
        job_id=ENDED_ID,
        state=JobState.VERIFIED,
        dataset_bytes=8_192,
        epochs_done=30,
        gas=5,
        earned_wei=token_to_wei(10),
        created_at_unix_s=NOW - 20_000,
        ended_at_unix_s=NOW - 9_000,
    )


def training_worker(**changes: Any) -> WorkerView:
    values: dict[str, Any] = {
        "index": 0,
        "device": "cuda:0",
        "device_name": "NVIDIA RTX 4090",
        "pid": 4242,
        "phase": WorkerPhase.TRAINING,
        "job_id": TRAINING_ID,
        "epoch": 12,
        "epochs": 30,
        "step": 410,
        "steps": 1_000,
        "train_loss": 2.41,
        "valid_loss": 2.63,
        "tokens_per_s": 31_240.0,
    }
    return WorkerView(**{**values, **changes})


def second_worker(**changes: Any) -> WorkerView:
    values = {
        "index": 1,
        "device": "cuda:1",
        "job_id": SECOND_ID,
        "epoch": 3,
        "step": 20,
        "steps": 80,
        "train_loss": 3.02,
        "tokens_per_s": 840.0,
    }
    return training_worker(**{**values, **changes})


def event(body: EventBody, ago_s: float, job_id: JobId | None = None) -> Event:
    return Event(NOW - ago_s, body.severity, body, job_id)


EVENTS = (
    event(
        Withdrawn(19_674, token_to_wei(512), 40, 22_500, token_to_wei(700), token_to_wei(1_212)),
        3_600,
    ),
    event(Submitted(), 660, OLD_PENDING_ID),
    event(Submitted(), 245, PENDING_ID),
    event(ServiceLost(ServiceName.STORAGE, Foreign("connection refused")), 190),
    event(
        JobStuck(
            JobState.TRAINING,
            Foreign("dataset 漢字とかな.txt is not UTF-8"),
            token_to_wei(4),
            token_to_wei(6),
        ),
        120,
        ENDED_ID,
    ),
    event(EpochDone(12, 30, 63.1, 2.5, 2.63), 21, TRAINING_ID),
)


def listed(job_id: str, fee: str, size_bytes: int, in_s: int) -> ListedJob:
    return ListedJob(
        job_id=JobId(job_id),
        owner="0x" + "5" * 40,
        status=0,
        dataset="text.txt",
        dataset_bytes=size_bytes,
        fee_wei=token_to_wei(fee),
        deadline_unix_s=int(NOW) + in_s,
    )


OFFERS = (
    Offer(listed("0xaaaa" + "6" * 28, "28", 2_400_000, 30_000), Duration(380.0, 403.0, 460.0), None),
    Offer(
        listed("0xbbbb" + "7" * 28, "24.5", 90_000_000, 9_000),
        Duration(17_200.0, 18_400.0, 19_180.0),
        MissesMargin(13_780, TimeMeasured(17_200, 19_180)),
    ),
)


def forecast(job_id: JobId, low_s: float, high_s: float, deadline_in_s: float) -> Forecast:
    return Forecast(job_id, Duration(low_s, (low_s + high_s) / 2, high_s), deadline_in_s - high_s)


GPUS = (
    GpuReading("cuda:0", 97, 8_900_000_000, 71, 251.0),
    GpuReading("cuda:1", 88, 7_100_000_000, 86, 244.0),
)


def snapshot(**changes: Any) -> Snapshot:
    """A node in the middle of a good afternoon, with any field changed."""
    slot = int(NOW) // 86_400
    days = tuple(
        SlotShare(slot - back, own, 0, 22_500, token_to_wei(288_000))
        for back, own in zip(range(7, 0, -1), (40, 55, 20, 80, 95, 61, 78), strict=True)
    )
    values: dict[str, Any] = {
        "at_unix_s": NOW,
        "network": "round3-2",
        "chain_id": 60_001,
        "native_symbol": "ALT",
        "address": "0x12ab" + "c" * 32 + "9f3e",
        "head": Head(1_204_331, "0x" + "e" * 64, int(NOW) - 3),
        "rates": ROUND_3_2_RATES,
        "workers": (training_worker(), second_worker()),
        "gpus": GPUS,
        "jobs": (
            training_job(),
            second_job(),
            pending_job(PENDING_ID, 245, fee_wei=token_to_wei(34)),
            pending_job(OLD_PENDING_ID, 660, language=Language.JA, dataset_bytes=240_000),
        ),
        "forecasts": (
            forecast(TRAINING_ID, 2_540, 2_750, 14_540),
            forecast(SECOND_ID, 1_210, 1_370, 1_500),
        ),
        "ended_today": (ended_job(),),
        "offers": OFFERS,
        "listed": len(OFFERS),
        "deposits": Deposits(
            free_wei=token_to_wei("1240.5"),
            locked_wei=token_to_wei("94.123456789"),
            at_risk_wei=token_to_wei("10.03"),
            returned_today_wei=token_to_wei(20),
            lost_today_wei=0,
            native_wei=token_to_wei("3.2"),
            native_per_transaction_wei=token_to_wei("0.004"),
        ),
        "disk": DiskUsage(
            used_bytes=41_200_000_000,
            committed_bytes=43_000_000_000,
            limit_bytes=60_000_000_000,
            free_bytes=212_000_000_000,
            by_job=((TRAINING_ID, 30_000_000_000), (SECOND_ID, 9_800_000_000), (PENDING_ID, 1_400_000_000)),
        ),
        "today": TodaysShare(
            SlotShare(slot, 1_164, 1_164, 48_900, token_to_wei(288_000)),
            (slot + 1) * 86_400,
            (SlotShare(slot - 1, 78, 78, 22_500, token_to_wei(288_000)),),
            days,
        ),
        "claims_paused": None,
        "stopping": "",
        "standstill": Standstill(WorkersBusy(), NOW - 1_380),
        "services": (ServiceStatus(ServiceName.CHAIN), ServiceStatus(ServiceName.INFO_SERVER)),
        "events": EVENTS,
    }
    return Snapshot(**{**values, **changes})


def settings_editor(path: Path) -> SettingsEditor:
    """The engine's own keeping of settings, for a node whose fee limits are given on the command line."""
    layers = settings_layers(path, environment={}, overrides={"claims.max_fee_emt": 25})
    layers = replace(layers, must_exist=False)
    settings = layers.combine('network = "round3-2"\n')
    context = StandInContext(LiveSettings(settings), load_network(settings, environment={}))
    return SettingsEditor(
        cast(Context, context), replace(layers, options={**layers.options, "network": "round3-2"})
    )


class StandInContext:
    """What of a node's context the settings touch."""

    def __init__(self, live: LiveSettings, network: Network) -> None:
        self.live, self.network = live, network
        self.disk = SimpleNamespace(limit_bytes=0)
        self.events = SimpleNamespace(publish=lambda _body: None)

    @property
    def settings(self) -> Settings:
        return self.live.now


def _wavy(worker: WorkerView, gpu: GpuReading | None, points: int) -> WorkerSeries:
    """Half of the span is known, the newest value is the snapshot's."""

    def wave(newest: float | None, part: float) -> tuple[float | None, ...]:
        if newest is None:
            return ()
        back = range(points // 2, -1, -1)
        known = [round(newest * (1 + part * math.sin(step / points * 20)), 2) for step in back]
        return tuple(known)

    return WorkerSeries(
        worker.index,
        worker.device,
        tokens_per_s=wave(worker.tokens_per_s, 0.25),
        load_percent=wave(gpu.load_percent, 0.03) if gpu else (),
        memory_bytes=wave(gpu.memory_used_bytes, 0.05) if gpu else (),
        temperature_c=wave(gpu.temperature_c, 0.05) if gpu else (),
        power_w=wave(gpu.power_w, 0.2) if gpu else (),
        loss=wave(worker.train_loss, 0.02),
    )


OUR_ADDRESS = "0x9f3aBb4C2e5D6f708192A3b4C5d6E7F8091a2B3c"
RIVAL_ADDRESS = "0x1111222233334444555566667777888899990000"


def seen_network(**changes: Any) -> Overview:
    """A network of two nodes in its second day."""
    day_wei = token_to_wei(288_000)
    today = (NodeShare(OUR_ADDRESS, 30, day_wei * 3 // 4, 0), NodeShare(RIVAL_ADDRESS, 10, day_wei // 4, 0))
    ended = (
        NodeShare(RIVAL_ADDRESS, 60, day_wei * 2 // 3, day_wei * 2 // 3),
        NodeShare(OUR_ADDRESS, 30, day_wei // 3, 0),
    )
    values: dict[str, Any] = {
        "head": Head(1_203_040, "0x" + "e" * 64, int(NOW) - 2),
        "core_address": "0x" + "c0" * 20,
        "token_address": "0x" + "e1" * 20,
        "owner": "0x" + "0a" * 20,
        "verifier": "0x" + "7e" * 20,
        "minter": "0x" + "c0" * 20,
        "supply_wei": token_to_wei(1_000_000),
        "rates": ROUND_3_2_RATES,
        "start_slot": 19_675,
        "today": 19_676,
        "day_reward_wei": day_wei,
        "jobs": {JobStatus.REQUESTED: 1, JobStatus.VERIFIED: 6},
        "days": (Day(19_676, False, 40, day_wei, today), Day(19_675, True, 90, day_wei, ended)),
        "nodes": (
            NodeTotals(RIVAL_ADDRESS, 4, token_to_wei(60), 70, day_wei * 2 // 3, day_wei * 2 // 3),
            NodeTotals(OUR_ADDRESS, 2, token_to_wei(30), 60, day_wei // 3, 0),
        ),
    }
    return Overview(**{**values, **changes})


def requested(job_id: JobId, name: str, **changes: Any) -> StoredRequest:
    values: dict[str, Any] = {
        "job_id": job_id,
        "account": f"{OUR_ADDRESS.lower()} 0x{'c0' * 20}",
        "path": Path("/home/operator/texts") / name,
        "content": "c" * 64,
        "dataset_bytes": 640_000,
        "language": Language.EN,
        "epochs": 30,
        "fee_wei": token_to_wei(20),
        "deadline_unix_s": int(NOW) + 20_000,
        "model": "gpt2-medium",
        "private": False,
        "created_at_unix_s": NOW - 3_000,
        "dataset": "a.txt",
        "requested_at_unix_s": NOW - 2_900,
    }
    return StoredRequest(**{**values, **changes})


def followed_jobs() -> list[FollowedJob]:
    """One whose request broke off, one in training, one that is verified."""
    unfinished = requested(
        JobId("0x5e" + "6" * 30), "詩.txt", language=Language.JA, dataset="", requested_at_unix_s=None
    )
    training = requested(JobId("0x3c" + "5" * 30), "novel.txt")
    verified = requested(VERIFIED_ID, "tales.txt", created_at_unix_s=NOW - 90_000)
    done = chain_job(verified, status=JobStatus.VERIFIED, submitted_at_unix_s=int(NOW) - 60_000)
    return [
        FollowedJob(unfinished, None),
        FollowedJob(training, chain_job(training)),
        FollowedJob(verified, done),
    ]


def estimated(order: Order) -> Estimate:
    """What an order comes to on an account with 120 EMT."""
    deadline_unix_s = int(NOW) + order.lifetime_s
    wish = Wish(640_000, order.language, order.epochs, order.fee_wei, deadline_unix_s)
    network = load_network(Settings(network="round3-2"), environment={})
    return Estimate(
        measured=Measured(640_000, "c" * 64, 151_204, 11_380),
        wish=wish,
        terms=terms_of(wish, network, ROUND_3_2_RATES, NOW),
        model=network.models[order.language],
        address=snapshot().address,
        balance_wei=token_to_wei(120),
        now_unix_s=NOW,
    )


def compared(*prompts: str) -> dict[str, Any]:
    """What a comparison finds of a result that has learned."""
    start, result = "the the of a and, the", "lit, and the boat comes home before the tide."
    shown = prompts or ("A lamp is", "Who waits there?")
    return {
        "epochs": 30,
        "hash": "ab" * 32,
        "claimed_loss": 2.1034,
        "loss": 2.1041,
        "start_loss": 3.4812,
        "samples": [{"prompt": prompt, "start": start, "result": result} for prompt in shown],
    }


def chain_job(request: StoredRequest, **changes: Any) -> ChainJob:
    """What the chain has of a requested job that another node trains."""
    values: dict[str, Any] = {
        "job_id": request.job_id,
        "owner": OUR_ADDRESS,
        "deadline_unix_s": request.deadline_unix_s,
        "fee_wei": request.fee_wei,
        "status": JobStatus.PROCESSING,
        "requested_at_unix_s": int(NOW) - 2_900,
        "program_id": 1,
        "param": '{"language": "en", "epoch": 30}',
        "dataset": request.dataset,
        "result": "",
        "node": RIVAL_ADDRESS,
        "deposit_wei": request.fee_wei,
        "gas": 0,
        "started_at_unix_s": int(NOW) - 2_000,
        "submitted_at_unix_s": 0,
        "verified_at_unix_s": 0,
    }
    return ChainJob(**{**values, **changes})


class StandInRecords:
    """Records of one job with every part, and a little history."""

    def __init__(self, node: StandInNode) -> None:
        self._node = node
        self.log_dir: Path | None = None
        self.seen_network = seen_network()
        self.followed: Sequence[FollowedJob] = followed_jobs()
        self.costs = NO_COSTS

    async def job(self, job_id: JobId) -> JobRecord | None:
        job = next((job for job in await self.history() if job.job_id == job_id), None)
        if job is None:
            return None
        states = (
            (JobState.CLAIMING, NOW - 4_000),
            (JobState.CLAIMED, NOW - 3_990),
            (JobState.DOWNLOADING, NOW - 3_989),
            (JobState.PREPARING, NOW - 3_950),
            (JobState.TRAINING, NOW - 3_900),
        )
        epochs = tuple(
            EpochRecord(number, 4.2 / number**0.2, 4.1 / number**0.18, 63.1, f"{number:02d}" + "ab" * 31)
            for number in range(1, 13)
        )
        held = (("checkpoint-12.pt", 4_260_000_000), ("dataset.txt", 1_240_000), ("漢字.txt", 12))
        averages = tuple(AverageRecord(n, 2.0 + n / 10, 419_430_400, 419_430_444) for n in range(1, 13))
        shared = averages if job.parts > 1 else ()
        return JobRecord(job, states, epochs, tuple(self._transactions(job_id)), EVENTS[-1:], held, shared)

    async def history(self) -> Sequence[Job]:
        return [*self._node.picture.jobs, ended_job()]

    async def day_costs(self) -> DayCosts:
        return self.costs

    async def older_jobs(self, than: JobId | None, limit: int) -> Sequence[Job]:
        jobs = [*await self.history()]
        first = 0 if than is None else 1 + [job.job_id for job in jobs].index(than)
        return jobs[first : first + limit]

    async def transactions(self, limit: int) -> Sequence[JournaledTransaction]:
        return [*self._transactions(TRAINING_ID), *self._transactions(PENDING_ID)][:limit]

    def _transactions(self, job_id: JobId) -> list[JournaledTransaction]:
        return [
            make_transaction(
                job_id=job_id,
                state=TransactionState.MINED,
                gas_used=91_234,
                fee_wei=91_234 * 1_500_000_000,
                block_number=1_203_000,
                created_at_unix_s=NOW - 3_995,
            ),
            make_transaction(
                job_id=job_id, nonce=6, purpose="submit", tx_hash="0x" + "cd" * 32, created_at_unix_s=NOW - 12
            ),
        ]

    async def series(self, span: Span, points: int) -> Series:
        """A little faster and slower, as warm as the snapshot says at the end."""
        snapshot = self._node.picture
        gpus = {gpu.device: gpu for gpu in snapshot.gpus}
        workers = tuple(_wavy(worker, gpus.get(worker.device), points) for worker in snapshot.workers)
        return Series(span, STEPS_S[span], workers)

    async def network(self) -> Overview:
        return self.seen_network

    async def requests(self) -> Sequence[FollowedJob]:
        return self.followed

    async def chain_record(self, job_id: JobId) -> ChainJob | None:
        self._node.calls.append(("chain_record", job_id))
        return ChainJob(
            job_id=job_id,
            owner="0x" + "5" * 40,
            deadline_unix_s=int(NOW) + 14_540,
            fee_wei=token_to_wei("20.123456789"),
            status=JobStatus.PROCESSING,
            requested_at_unix_s=int(NOW) - 5_000,
            program_id=1,
            param='{"language": "ja", "epoch": 30}',
            dataset="text.txt",
            result="",
            node=self._node.picture.address,
            deposit_wei=token_to_wei("20.123456789"),
            gas=0,
            started_at_unix_s=int(NOW) - 3_990,
            submitted_at_unix_s=0,
            verified_at_unix_s=0,
        )

    async def settings(self) -> SettingsView:
        view = self._node.settings_editor.view()
        return replace(view, exists=view.error is None)

    async def logs(self) -> Sequence[Path]:
        return [Path("node.log"), Path("worker-0.log")]

    async def log_tail(self, path: Path, max_bytes: int = 64_000) -> Sequence[str]:
        if path.name != "node.log":
            return ["worker 0 is ready on cuda:0"]
        level = {7: "WARNING", 9: "ERROR  "}
        return [
            f"2023-11-15T14:02:{second:02d}.000Z {level.get(second, 'INFO   ')} emeth_tui.engine: no {second}"
            for second in range(30)
        ]

    async def log_search(self, path: Path, words: Sequence[str], limit: int) -> Sequence[str]:
        matching = [line for line in await self.log_tail(path) if all(w in line.lower() for w in words)]
        return matching[-limit:]


def paused(reason: Reason, ago_s: float = 0) -> Standstill:
    return Standstill(ClaimingPaused(reason), NOW - ago_s)


class StandInNode:
    """Shows `picture`, writes every command down in `calls`, refuses those in `refusals`."""

    def __init__(self, picture: Snapshot | None = None) -> None:
        self.picture = picture or snapshot()
        self.attached_to: Attachment | None = None
        self.screens: list[tuple[Asker, bool]] = []
        self.pauses: list[tuple[int | None, str]] = []  # for how long, in seconds or until when
        self.calls: list[tuple[str, object]] = []
        self.askers: list[Asker] = []
        self.failures: list[tuple[str, Reason, Asker]] = []  # that nobody waited for
        self.refusals: dict[str, Reason] = {}
        self.subscription = Subscription()
        self.snapshots_taken = 0
        self.records = StandInRecords(self)
        self.settings_editor = settings_editor(Path("/home/operator/.config/emeth-tui/config.toml"))
        self.screen_left = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.finished: list[str] = []

    def snapshot(self) -> Snapshot:
        self.snapshots_taken += 1
        return self.picture

    def subscribe(self) -> Subscription:
        return self.subscription

    def change(self, **changes: Any) -> None:
        """Change the snapshot, and notify subscribers."""
        self.picture = replace(self.picture, **changes)
        self.subscription.offer_event(event(ClaimsResumed(), 0))

    def change_job(self, job_id: JobId, **changes: Any) -> None:
        jobs = tuple(replace(j, **changes) if j.job_id == job_id else j for j in self.picture.jobs)
        self.change(jobs=jobs)

    def _called(self, name: str, argument: object = None, *, by: Asker) -> None:
        self.calls.append((name, argument))
        self.askers.append(by)
        if name in self.refusals:
            raise JobError(self.refusals[name])

    async def pause_job(
        self, job_id: JobId, *, for_s: int | None = None, until: str = "", by: Asker = OPERATOR
    ) -> str:
        self._called("pause_job", job_id, by=by)
        self.pauses.append((for_s, until))
        self.change_job(job_id, paused=True)
        return until or (f"in {for_s} s" if for_s else "")

    async def resume_job(self, job_id: JobId, *, by: Asker = OPERATOR) -> None:
        self._called("resume_job", job_id, by=by)
        self.change_job(job_id, paused=False)

    async def pause_claims(self, *, for_s: int | None = None, until: str = "", by: Asker = OPERATOR) -> str:
        self._called("pause_claims", by=by)
        self.pauses.append((for_s, until))
        self.change(claims_paused=PausedByOperator(by), standstill=paused(PausedByOperator(by)))
        return until or (f"in {for_s} s" if for_s else "")

    async def resume_claims(self, *, by: Asker = OPERATOR) -> None:
        self._called("resume_claims", by=by)
        self.change(claims_paused=None, standstill=None)

    async def finish_then_pause(self, *, by: Asker = OPERATOR) -> None:
        self._called("finish_then_pause", by=by)
        self.change(claims_paused=FinishingFirst(by), standstill=paused(FinishingFirst(by)))

    async def claim_job(self, job_id: JobId, *, by: Asker = OPERATOR) -> None:
        self._called("claim_job", job_id, by=by)
        await self.may_go_on.wait()
        self.finished.append("claim_job")

    async def decline_job(self, job_id: JobId, *, by: Asker = OPERATOR) -> None:
        self._called("decline_job", job_id, by=by)
        self.change(jobs=tuple(job for job in self.picture.jobs if job.job_id != job_id))

    async def withdraw(self, slots: Collection[int] = (), *, by: Asker = OPERATOR) -> int:
        self._called("withdraw", tuple(slots) or None, by=by)
        return token_to_wei(812)

    async def estimate_request(self, order: Order, *, by: Asker = OPERATOR) -> Estimate:
        self._called("estimate_request", order, by=by)
        return estimated(order)

    async def request_job(self, order: Order, *, by: Asker = OPERATOR) -> FollowedJob:
        self._called("request_job", order, by=by)
        made = requested(JobId("0x7e" + "8" * 30), order.path.name, path=order.path, fee_wei=order.fee_wei)
        self.records.followed = [FollowedJob(made, None), *self.records.followed]
        return self.records.followed[0]

    async def cancel_request(self, job_id: JobId, *, by: Asker = OPERATOR) -> None:
        self._called("cancel_request", job_id, by=by)

    async def fetch_result(self, job_id: JobId, directory: Path, *, by: Asker = OPERATOR) -> FetchedModel:
        self._called("fetch_result", (job_id, directory), by=by)
        return FetchedModel(job_id, directory, True, 1_420_000_000, compared())

    async def compare_result(
        self, job_id: JobId, prompts: Sequence[str] = (), *, by: Asker = OPERATOR
    ) -> dict[str, Any]:
        self._called("compare_result", (job_id, tuple(prompts)), by=by)
        return compared(*prompts)

    async def change_setting(self, key: str, text: str, *, by: Asker = OPERATOR) -> Sequence[SettingChange]:
        self._called("change_setting", (key, text), by=by)
        return await self.settings_editor.change(key, text, by)

    async def reload_settings(self, *, by: Asker = OPERATOR) -> Sequence[SettingChange]:
        self._called("reload_settings", by=by)
        return await self.settings_editor.reload(by)

    async def drain(self, *, by: Asker = OPERATOR) -> None:
        self._called("drain", by=by)
        self.change(stopping="draining")

    async def drain_host(self, name: str, *, undo: bool = False, by: Asker = OPERATOR) -> None:
        self._called("drain_host", (name, undo), by=by)
        hosts = self.picture.hosts
        self.change(hosts=tuple(replace(h, draining=not undo) if h.name == name else h for h in hosts))

    async def request_stop(self, *, by: Asker = OPERATOR) -> None:
        self._called("request_stop", by=by)
        self.change(stopping="stopping")

    def begin_to_stop(self, by: Asker) -> None:
        self._called("begin_to_stop", by=by)

    def note_failed(self, command: str, reason: Reason, by: Asker) -> None:
        self.failures.append((command, reason, by))

    def note_screen(self, by: Asker, *, attached: bool) -> None:
        self.screens.append((by, attached))
        if not attached:
            self.screen_left.set()
