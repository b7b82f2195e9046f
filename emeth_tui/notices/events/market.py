"""What happens between the market and a claim."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import Asker, Language, Severity
from emeth_tui.notices.notice import EventBody, Reason, Wei


@dataclass(frozen=True, slots=True)
class Claiming(EventBody):
    language: Language
    dataset_bytes: int
    fee_wei: Wei
    deposit_wei: Wei
    low_s: int
    high_s: int


@dataclass(frozen=True, slots=True)
class Claimed(EventBody):
    deposit_wei: Wei


@dataclass(frozen=True, slots=True)
class Chosen(EventBody):
    by: Asker


@dataclass(frozen=True, slots=True)
class ClaimLost(EventBody):
    reason: Reason


class Canceled(EventBody):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ClaimsPaused(EventBody):
    severity = Severity.WARNING

    reason: Reason


@dataclass(frozen=True, slots=True)
class ClaimsHeld(EventBody):
    severity = Severity.ERROR

    reason: Reason


@dataclass(frozen=True, slots=True)
class ClaimsResumed(EventBody):
    by: Asker | None = None  # None when a limit that had stopped it no longer does


@dataclass(frozen=True, slots=True)
class PauseLifted(EventBody):
    """Claiming is no longer paused, and still nothing is claimed."""

    reason: Reason
    by: Asker | None


@dataclass(frozen=True, slots=True)
class Idle(EventBody):
    reason: Reason


@dataclass(frozen=True, slots=True)
class ModelFetching(EventBody):
    model: str


@dataclass(frozen=True, slots=True)
class ModelReady(EventBody):
    model: str


@dataclass(frozen=True, slots=True)
class ModelTrouble(EventBody):
    severity = Severity.WARNING

    model: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class RateDiffers(EventBody):
    severity = Severity.WARNING

    name: str
    actual_percent: float
    published_percent: float


@dataclass(frozen=True, slots=True)
class VerifierFeeDiffers(EventBody):
    severity = Severity.WARNING

    actual_wei: Wei
    published_wei: Wei
