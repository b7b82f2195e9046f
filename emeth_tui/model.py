"""The node's vocabulary: jobs, their states and the table of allowed changes, money in wei. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from enum import Enum
from typing import Literal, NewType

JobId = NewType("JobId", str)  # "0x" and 32 lower-case hex digits (bytes16), checked by protocol.job_ids
WEI_PER_TOKEN = 10**18  # EMT and the native token both have 18 decimals (protocol.md §1, §2)
MJ_PER_KWH = 3_600_000_000  # thousandths of a joule
Averaging = Literal["fp32", "int8"]  # what members hand over: weights, or differences in a byte each
SECONDS_PER_DAY = 86_400  # a slot is one UTC day (protocol.md §1)
_LENGTH = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": SECONDS_PER_DAY, "w": 7 * SECONDS_PER_DAY}
MAX_LIFETIME_S = 10_000 * SECONDS_PER_DAY  # of a requested job


class Language(str, Enum):
    """The languages that jobs come in (protocol.md §6)."""

    EN = "en"
    JA = "ja"


class JobState(str, Enum):
    """Where a job stands with us. The chain's own view is `protocol.contracts.JobStatus`."""

    CLAIMING = "claiming"
    CLAIMED = "claimed"
    DOWNLOADING = "downloading"
    PREPARING = "preparing"
    TRAINING = "training"
    UPLOADING = "uploading"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    FAILED = "failed"
    TIMEOUT = "timeout"
    DECLINED = "declined"
    CANCELED = "canceled"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        return not TRANSITIONS[self]

    @property
    def holds_deposit(self) -> bool:
        """Whether our deposit is locked in the contract while a job is in this state."""
        return not self.is_final and self is not JobState.CLAIMING


_S = JobState
_ENDED_ELSEWHERE = frozenset({_S.TIMEOUT, _S.DECLINED, _S.LOST})
# A reorganisation can take a claim back out of the chain: every state may return to CLAIMING.
_SEEN_ON_CHAIN = _ENDED_ELSEWHERE | {_S.SUBMITTED, _S.CLAIMING}

# From each state, the states that may follow. A step back (TRAINING -> DOWNLOADING) is a restart that found
# less on disk than the store remembered; a step to SUBMITTED past others, one that found more on the chain.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    _S.CLAIMING: frozenset({_S.CLAIMED, _S.SUBMITTING, _S.SUBMITTED, _S.CANCELED}) | _ENDED_ELSEWHERE,
    _S.CLAIMED: frozenset({_S.DOWNLOADING}) | _SEEN_ON_CHAIN,
    _S.DOWNLOADING: frozenset({_S.PREPARING}) | _SEEN_ON_CHAIN,
    _S.PREPARING: frozenset({_S.TRAINING, _S.DOWNLOADING}) | _SEEN_ON_CHAIN,
    _S.TRAINING: frozenset({_S.UPLOADING, _S.PREPARING, _S.DOWNLOADING}) | _SEEN_ON_CHAIN,
    _S.UPLOADING: frozenset({_S.SUBMITTING, _S.PREPARING, _S.DOWNLOADING}) | _SEEN_ON_CHAIN,
    _S.SUBMITTING: frozenset({_S.UPLOADING}) | _SEEN_ON_CHAIN,
    # So it can a submission: SUBMITTED -> SUBMITTING.
    _S.SUBMITTED: frozenset({_S.VERIFIED, _S.FAILED, _S.SUBMITTING, _S.CLAIMING}) | _ENDED_ELSEWHERE,
    _S.VERIFIED: frozenset(),
    _S.FAILED: frozenset(),
    _S.TIMEOUT: frozenset(),
    _S.DECLINED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.LOST: frozenset(),
}


class AskedAt(str, Enum):
    """Where a command to the node was given."""

    NODE_SCREEN = "node_screen"  # in the terminal that the node was started in
    ATTACHED_SCREEN = "attached_screen"
    COMMAND_LINE = "command_line"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who gave the node a command. `pid` and `user` are another process's, as the system knows them."""

    place: AskedAt
    pid: int | None = None
    user: str = ""


OPERATOR = Asker(AskedAt.NODE_SCREEN)


class Severity(str, Enum):
    """How much an event matters to the operator."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class AlertTopic(str, Enum):
    """What an alert is about; the owner chooses among these."""

    JOB_AT_RISK = "job_at_risk"
    VERIFICATION_FAILED = "verification_failed"
    DEPOSIT_KEPT = "deposit_kept"
    CLAIMING_STOPPED = "claiming_stopped"
    DEVICE_LOST = "device_lost"
    DEVICE_HELD = "device_held"  # by its hours, or a rule
    ENDPOINT = "endpoint"
    DISK = "disk"
    BALANCE_LOW = "balance_low"
    DAY_RESULT = "day_result"
    TROUBLE = "trouble"  # any other error


class ServiceName(str, Enum):
    """What a node needs an answer from."""

    CHAIN = "chain"
    STORAGE = "storage"
    INFO_SERVER = "info server"
    NODE = "node"  # for a view of a node in another process


class WorkerPhase(Enum):
    """What a worker is doing."""

    STARTING = "starting"
    IDLE = "idle"
    PREPARING = "preparing"
    TRAINING = "training"
    VALIDATING = "validating"
    AVERAGING = "averaging"  # its part of an epoch is trained: it waits for the other members
    SAVING = "saving"
    PAUSED = "paused"
    WRITING_RESULT = "writing result"
    STOPPING = "stopping"
    RESTARTING = "restarting"  # its process died with a job; a new one goes on from the checkpoint
    AWAY = "away"  # its host is not reached; a job that it has goes on there
    DOWN = "down"  # there is no process: it died without a job, or the device did not start
    CLOSED = "closed"


class TransactionState(str, Enum):
    """Where a transaction of ours stands."""

    SIGNED = "signed"  # in the journal; may or may not have reached the network
    MINED = "mined"
    REVERTED = "reverted"
    REPLACED = "replaced"  # the same nonce was mined with other bytes (a fee bump)


@dataclass(frozen=True, slots=True)
class JournaledTransaction:
    """A transaction as the journal keeps it, written before it is sent.

    `raw` are the signed bytes: after a restart these same bytes go out again, never new ones.
    """

    tx_hash: str
    nonce: int
    purpose: str  # `clients.transactions.requests.Purpose`
    job_id: JobId | None
    raw: bytes
    state: TransactionState
    created_at_unix_s: float
    gas_used: int | None = None
    fee_wei: int | None = None  # native token paid for gas
    block_number: int | None = None  # that it was mined or reverted in


@dataclass(frozen=True, slots=True)
class BegunUpload:
    """An upload of a result as it is kept across restarts.

    `file` says which file it is of; `sealed` is what the storage announced, for nobody but the account's own
    key to read; `etags` are those of the parts that have arrived, by number.
    """

    file: str
    sealed: bytes
    etags: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block."""

    number: int
    hash: str
    timestamp_unix_s: int


@dataclass(frozen=True, slots=True)
class EarlierPrices:
    """What held before a time; None for what an entry does not name."""

    before_unix_s: float
    emt: Decimal | None = None
    native: Decimal | None = None
    energy: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What one token is worth in a currency, and a kWh costs, by the owner; None for what has no price.

    They hold now; `earlier` ones, the earliest first, held before a time.
    """

    currency: str = ""
    emt: Decimal | None = None
    native: Decimal | None = None
    energy: Decimal | None = None  # of 1 kWh
    earlier: tuple[EarlierPrices, ...] = ()

    def at(self, unix_s: float | None) -> Prices:
        """Return the prices that held at a time; at None, those of now."""
        if unix_s is None or not self.earlier:
            return self
        held = [one for one in self.earlier if unix_s < one.before_unix_s]
        return Prices(
            self.currency,
            next((one.emt for one in held if one.emt is not None), self.emt),
            next((one.native for one in held if one.native is not None), self.native),
            next((one.energy for one in held if one.energy is not None), self.energy),
        )


NO_PRICES = Prices()


def worth(amount_wei: int | None, price: Decimal | None) -> Decimal | None:
    """Return what an amount is worth, to eight decimals; None where it or its price is not known."""
    if amount_wei is None or price is None:
        return None
    with localcontext(Context(prec=100)):
        return (price * amount_wei / WEI_PER_TOKEN).quantize(Decimal("1e-8"))


def energy_worth(energy_mj: int | None, price: Decimal | None) -> Decimal | None:
    """Return what energy in thousandths of a joule costs at a price of 1 kWh, to eight decimals."""
    if energy_mj is None or price is None:
        return None
    with localcontext(Context(prec=100)):
        return (price * energy_mj / MJ_PER_KWH).quantize(Decimal("1e-8"))


def net_worth(prices: Prices, emt_wei: int, fee_wei: int, energy_mj: int | None) -> Decimal | None:
    """Return what is left of EMT after fees and energy; None where a price is missing that this needs."""
    earned = worth(emt_wei, prices.emt)
    fees = worth(fee_wei, prices.native) if fee_wei else Decimal(0)
    energy = energy_worth(energy_mj, prices.energy) if energy_mj else Decimal(0)
    return None if earned is None or fees is None or energy is None else earned - fees - energy


def lifetime_in(text: str) -> int | None:
    """Return the seconds until a deadline such as 90m, 6h or 2d; None for what is none, or out of bounds."""
    match = _LENGTH.fullmatch(text.strip().lower())
    seconds = int(match[1]) * _UNITS_S[match[2]] if match else 0
    return seconds if 1 <= seconds <= MAX_LIFETIME_S else None


def format_token(amount_wei: int, places: int = 2) -> str:
    """Show wei as tokens with `places` decimals, rounded towards zero: `1,240.50`."""
    sign = "-" if amount_wei < 0 else ""
    scaled = abs(amount_wei) // 10 ** (18 - places)
    whole, fraction = divmod(scaled, 10**places)
    return f"{sign}{whole:,}.{fraction:0{places}d}" if places else f"{sign}{whole:,}"


def token_to_wei(amount: Decimal | int | str) -> int:
    """Turn an amount of tokens into wei exactly.

    Raise ValueError for more than 18 decimals, and for what is no amount.
    """
    try:
        with localcontext(Context(prec=100)):  # the default of 28 digits is less than a uint256 has
            scaled = Decimal(amount) * WEI_PER_TOKEN
        wei = int(scaled)
    except ArithmeticError as error:  # decimal's own errors are no ValueErrors
        raise ValueError(f"{amount} is not an amount") from error
    if scaled != wei:
        raise ValueError(f"{amount} has more than 18 decimals")
    return wei
