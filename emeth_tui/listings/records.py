"""The records: what `--json` and `--csv` hold, and the same for what the screen exports.

The schema is stable: a field keeps its name and meaning, and new ones come last. Amounts are decimal strings
of wei (JSON readers round numbers at 2^53), times are ISO 8601 in UTC, sentences are English.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from emeth_tui.listings.record_types import Address, Day, JobIdText, Time, TxHash, Wei, Worth


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job of this node."""

    job_id: JobIdText
    state: Annotated[str, Field(description="claiming, claimed, downloading … verified, failed, timeout")]
    by_hand: Annotated[bool, Field(description="whether the operator chose it")]
    language: str
    dataset: str
    dataset_bytes: int
    model: str
    epochs: int
    epochs_done: int
    validation_loss: Annotated[float | None, Field(description="of the last epoch, then of the result")]
    start_loss: Annotated[float | None, Field(description="validation loss before the training")]
    best_loss: Annotated[
        float | None, Field(description="least validation loss so far, the start's included")
    ]
    batch_size: Annotated[int, Field(description="blocks of an optimiser step, fixed by the claim")]
    fee_wei: Wei
    deposit_wei: Wei
    earned_wei: Annotated[Wei, Field(description="settled: 0 until the job has ended")]
    lost_wei: Annotated[Wei, Field(description="settled: 0 until the job has ended")]
    gas: Annotated[int, Field(description="of the verified job, which its day's reward depends on")]
    taken_at: Time
    deadline_at: Time
    submitted_at: Time | None
    ended_at: Time | None
    error: Annotated[str | None, Field(description="why it has stopped")]
    error_kind: str | None
    paused: bool
    paused_until: Annotated[Time | None, Field(description="when a pause ends by itself")]
    seen_end: Annotated[str | None, Field(description="how it ended, while that is not final")]
    energy_j: Annotated[float | None, Field(description="that devices took for it; null: not measured")]
    parts: Annotated[int, Field(description="over how many workers its training is shared out")]
    averaging: Annotated[
        str, Field(description="what its members hand over: fp32, all weights; int8, differences")
    ]


@dataclass(frozen=True, slots=True)
class StateRecord:
    """A state that a job went through."""

    state: str
    at: Time


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """A trained epoch: losses in nats per token."""

    epoch: int
    train_loss: float | None
    validation_loss: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class AverageRecord:
    """What the average after an epoch of a shared job took, transfers included."""

    epoch: int
    seconds: float
    bytes_up: Annotated[int, Field(description="the most that a member on another machine sent")]
    bytes_down: Annotated[int, Field(description="the most that a member on another machine received")]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a job on the disk."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A transaction that the node signed."""

    tx_hash: TxHash
    nonce: int
    purpose: Annotated[
        str, Field(description="approve, process, submit, decline, withdraw; request, cancel request")
    ]
    state: Annotated[str, Field(description="signed, mined, reverted, replaced")]
    job_id: JobIdText | None
    sent_at: Time
    gas_used: int | None
    fee_native_wei: Annotated[Wei | None, Field(description="paid for gas, in the chain's native token")]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened."""

    at: Time
    level: Annotated[str, Field(description="debug, info, warning, error")]
    event: Annotated[str, Field(description="its kind, such as epoch_done")]
    job_id: JobIdText | None
    message: str
    fields: Annotated[dict[str, Any], Field(description="those of its kind, as in the JSON log")]
    remedy: Annotated[str | None, Field(description="what to do, where something is wrong")]


@dataclass(frozen=True, slots=True)
class MovementRecord:
    """EMT that came (above 0) or went, in one log of one transaction; final, and so settled."""

    at: Time
    kind: Annotated[
        str, Field(description="claim, verify, reject, timeout, decline, withdraw, request, other")
    ]
    job_id: JobIdText | None
    amount_wei: Wei
    fee_native_wei: Annotated[
        Wei | None,
        Field(description="paid for gas by this account, once for each transaction; null where another paid"),
    ]
    tx_hash: TxHash
    log_index: int
    block_number: int
    currency: Annotated[str | None, Field(description="rewards.currency in the settings")]
    value: Annotated[Worth | None, Field(description="the amount at rewards.emt_price")]
    fee_value: Annotated[Worth | None, Field(description="the fee at rewards.native_price")]


@dataclass(frozen=True, slots=True)
class DeviceUseRecord:
    """A device's work on a job on one UTC day."""

    day: Day
    device: str
    work_s: float
    energy_j: Annotated[float | None, Field(description="null: not measured")]


@dataclass(frozen=True, slots=True)
class NetRecord:
    """What is left of a job, settled, at the owner's prices; its part of the day's reward is not in it."""

    currency: str | None
    value: Annotated[Worth | None, Field(description="earned - lost at rewards.emt_price")]
    fee_value: Annotated[Worth | None, Field(description="its transactions' fees at rewards.native_price")]
    energy_value: Annotated[Worth | None, Field(description="its energy at rewards.energy_price")]
    net: Annotated[Worth | None, Field(description="value - fee_value - energy_value; null: no price")]


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device over some days: what it took, and its part of what jobs brought, by time."""

    device: str
    work_s: float
    energy_j: Annotated[float | None, Field(description="null: not measured")]
    emt_wei: Annotated[Wei, Field(description="settled, with its part of the days' rewards")]
    currency: Annotated[str | None, Field(description="rewards.currency in the settings")]
    value: Annotated[Worth | None, Field(description="the amount at rewards.emt_price")]
    energy_value: Annotated[Worth | None, Field(description="the energy at rewards.energy_price")]
    net: Annotated[Worth | None, Field(description="value - energy_value; null: no price")]


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Everything that the node knows about one job."""

    job: JobRecord
    states: list[StateRecord]
    epochs: list[EpochRecord]
    transactions: list[TransactionRecord]
    movements: list[MovementRecord]
    files: list[FileRecord]
    events: list[EventRecord]
    devices: list[DeviceUseRecord]
    net: NetRecord
    averages: Annotated[list[AverageRecord], Field(description="of a job that is shared out")]


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """A job on offer, as the node judges it; what is expected is an estimate."""

    job_id: JobIdText
    suitable: bool
    refusal: Annotated[str | None, Field(description="why it is not taken by itself")]
    refusal_kind: str | None
    fee_wei: Wei
    deposit_wei: Wei
    expected_reward_wei: Wei
    expected_profit_wei: Wei
    expected_gas: int
    language: str | None
    dataset: str
    dataset_bytes: int
    deadline_at: Time
    needed_low_s: float
    needed_high_s: float
    measured: Annotated[bool, Field(description="whether this node's own measurements say so")]
    requester: str
    expected_energy_j: Annotated[float | None, Field(description="that its device should take")]
    expected_net: Annotated[Worth | None, Field(description="after fees and energy, at the owner's prices")]


@dataclass(frozen=True, slots=True)
class DayRecord:
    """One UTC day: what is settled, and apart from it what is estimated."""

    day: Day
    ended: int
    verified: int
    costly: Annotated[int, Field(description="jobs that ended with a penalty")]
    gas: int
    earned_wei: Annotated[Wei, Field(description="settled: fees less the verifier's")]
    lost_wei: Annotated[Wei, Field(description="settled: penalties and deposits kept")]
    reward_wei: Annotated[Wei, Field(description="settled: withdrawn for this day")]
    total_wei: Annotated[Wei, Field(description="settled: earned - lost + reward")]
    reward_state: Annotated[
        str, Field(description="none, open (the day goes on), waiting (not withdrawn), withdrawn or unknown")
    ]
    estimated_reward_wei: Annotated[Wei, Field(description="not settled, in no total")]
    fee_native_wei: Annotated[Wei, Field(description="paid for gas, in the chain's native token")]
    currency: Annotated[str | None, Field(description="rewards.currency in the settings")]
    value: Annotated[Worth | None, Field(description="the settled total at rewards.emt_price")]
    fee_value: Annotated[Worth | None, Field(description="the fees at rewards.native_price")]
    energy_j: Annotated[float | None, Field(description="that devices took for jobs; null: not measured")]
    energy_value: Annotated[Worth | None, Field(description="the energy at rewards.energy_price")]
    net: Annotated[Worth | None, Field(description="value - fee_value - energy_value; null: no price")]


@dataclass(frozen=True, slots=True)
class MonthRecord:
    """One month, UTC: its deposits, and its days."""

    month: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]
    deposits_taken_wei: Annotated[Wei, Field(description="staked in the month")]
    deposits_returned_wei: Wei
    deposits_kept_wei: Annotated[Wei, Field(description="penalties and deposits that did not come back")]
    deposits_held_wei: Annotated[Wei, Field(description="in the contract at its end, or now")]
    days: list[DayRecord]
    energy_j: Annotated[float | None, Field(description="that devices took for jobs; null: not measured")]
    net: Annotated[Worth | None, Field(description="of its days together; null: no price")]


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process and its device."""

    index: int
    device: str
    device_name: str
    pid: int | None
    phase: str
    job_id: JobIdText | None
    epoch: Annotated[int, Field(description="whole epochs done")]
    epochs: int
    step: int
    steps: int
    train_loss: Annotated[float | None, Field(description="of its job; null: no job, or not known yet")]
    validation_loss: Annotated[float | None, Field(description="of its job; null: no job, or not known yet")]
    tokens_per_s: Annotated[float | None, Field(description="null while it does not train")]
    held: Annotated[str | None, Field(description="why its device rests, by its hours for example")]
    finishing: Annotated[
        JobIdText | None, Field(description="the job that is finished first, though the device is held")
    ]
    held_kind: Annotated[str | None, Field(description="the kind of that reason, such as gpu_hot")]
    held_since: Annotated[Time | None, Field(description="since when the device is held")]
    part: Annotated[int, Field(description="which of a shared job's parts it trains, else 1")]
    parts: Annotated[int, Field(description="over how many workers its job is shared out")]


@dataclass(frozen=True, slots=True)
class ComingRecord:
    """What the hours or a timed pause change next."""

    at: Time
    what: str
    kind: str


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A service that the node depends on."""

    name: str
    works: bool
    broken_since: Time | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class StatusRecord:
    """The node at a moment; what is not known, or needs a running node, is null."""

    running: bool
    pid: int | None
    version: str | None
    at: Time
    network: str
    chain_id: int
    address: str | None
    block: int | None
    block_at: Time | None
    stopping: Annotated[str, Field(description='"", draining or stopping')]
    claims_paused: Annotated[str | None, Field(description="by whom or why claiming is paused")]
    not_claiming: Annotated[str | None, Field(description="why nothing is claimed now, paused or not")]
    not_claiming_kind: str | None
    not_claiming_since: Time | None
    free_wei: Wei | None
    locked_wei: Wei | None
    at_risk_wei: Wei | None
    native_wei: Wei | None
    gas_today: int | None
    estimated_reward_wei: Annotated[Wei | None, Field(description="for today so far: an estimate")]
    waiting_rewards_wei: Annotated[Wei | None, Field(description="of closed days, not withdrawn yet")]
    disk_used_bytes: int | None
    disk_limit_bytes: int | None
    workers: list[WorkerRecord]
    jobs: Annotated[
        list[JobRecord], Field(description="those under way, and those that wait for the verifier")
    ]
    services: list[ServiceRecord]
    coming: Annotated[list[ComingRecord], Field(description="the soonest first")]
    claims_paused_until: Annotated[Time | None, Field(description="when that pause ends by itself")]


@dataclass(frozen=True, slots=True)
class SettingRecord:
    """A setting in effect."""

    key: str
    value: Annotated[
        str,
        Field(
            description='as an environment variable would hold it, "" for none; what may be secret in the '
            "network's URLs is left out"
        ),
    ]
    origin: Annotated[str, Field(description="default, file, this run, environment, command line")]
    pending: Annotated[str | None, Field(description="the file's value, after a restart")]
    at_run_time: Annotated[bool, Field(description="whether it can change while the node runs")]
    meaning: str


@dataclass(frozen=True, slots=True)
class JobOutcomeRecord:
    """What a command has done with a job."""

    job_id: JobIdText
    done: bool
    cost_wei: Annotated[Wei | None, Field(description="what declining it has cost")]
    reason: Annotated[str | None, Field(description="why it was not done")]
    reason_kind: str | None


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A setting that a command has changed; values as an environment variable would hold them."""

    key: str
    before: str
    after: str
    in_effect: Annotated[bool, Field(description="false: from the node's next start")]


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """What a command has done; the same for every command that acts."""

    command: Annotated[str, Field(description="pause, resume, finish, claim, decline, withdraw …")]
    done: Annotated[bool, Field(description="whether all of it is done; else the exit code is not 0")]
    pid: Annotated[int | None, Field(description="of the node that did it; null: this command, or nobody")]
    jobs: Annotated[list[JobOutcomeRecord], Field(description="one by one, where it is about jobs")]
    withdrawn_wei: Annotated[Wei | None, Field(description="by withdraw")]
    changes: Annotated[list[ChangeRecord], Field(description="of settings")]
    until: Annotated[Time | None, Field(description="when a pause ends by itself")]
    reason: Annotated[str | None, Field(description="why something was not done")]
    reason_kind: str | None


@dataclass(frozen=True, slots=True)
class ThemeRecord:
    """A theme of the screen."""

    name: str
    title: str
    own: Annotated[bool, Field(description="whether it is the user's, and none that ships")]
    chosen: bool


@dataclass(frozen=True, slots=True)
class HostJobRecord:
    """A job, or a part of one, that a device of another machine has."""

    job_id: str
    device: str
    checkpoint_age_s: Annotated[
        float | None, Field(description="since when the node has its newest checkpoint; none yet without")
    ]


@dataclass(frozen=True, slots=True)
class HostRecord:
    """Another machine that trains for this node. Without a running node, most of it is not known."""

    name: str
    destination: Annotated[str, Field(description="as ssh takes it; over TLS, address and port")]
    joined: Annotated[bool, Field(description="whether it is reached")]
    draining: Annotated[bool, Field(description="whether it gets no new jobs")]
    away_s: Annotated[float, Field(description="for how long it has not been reached")]
    reason: str | None
    reason_kind: str | None
    devices: list[str]
    emeth_tui: Annotated[str, Field(description="its version there; empty before it was reached")]
    python: str
    torch: str
    free_bytes: int | None
    lacks: Annotated[
        str | None, Field(description="what it lacked for jobs: a model, or room for the last on offer")
    ]
    lacks_kind: str | None
    checkpoint_age_s: Annotated[float | None, Field(description="the greatest of those of its jobs")]
    jobs: list[HostJobRecord]
    transport: Annotated[str, Field(description="`ssh` or `tls`")]
    joined_s: Annotated[float, Field(description="for how long it has been reached")]
    differs: Annotated[list[str], Field(description="which of its versions are not the node's")]
    out_bytes: Annotated[int, Field(description="of files that went there since the node started")]
    home_bytes: Annotated[int, Field(description="of files that came home since the node started")]
    out_bytes_per_s: Annotated[float, Field(description="while files move")]
    home_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What keys of the screen do."""

    action: Annotated[str, Field(description="its name under [keys] in the settings file")]
    keys: list[str]
    where: str
    meaning: str


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """The program's version, and the schema's."""

    version: str
    schema: int
    python: str
    newest: Annotated[str | None, Field(description="on PyPI, with `--check-update`; null: not asked")]


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account as the chain alone shows it. What a job's node alone knows is empty or 0."""

    at: Time
    network: str
    chain_id: int
    address: Address
    block: int
    block_at: Time
    oldest_block: Annotated[int, Field(description="what is older was not read")]
    free_wei: Wei
    locked_wei: Wei
    at_risk_wei: Wei
    native_wei: Wei
    gas_today: int
    estimated_reward_wei: Wei
    waiting_rewards_wei: Annotated[Wei, Field(description="of closed days, not withdrawn")]
    jobs: Annotated[list[JobRecord], Field(description="the newest claim first")]
    days: Annotated[list[DayRecord], Field(description="with jobs or gas, the newest first")]
    events: Annotated[list[EventRecord], Field(description="the newest last")]
