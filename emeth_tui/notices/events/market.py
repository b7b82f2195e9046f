"""What happens between the market and a claim."""

from __future__ import annotations

from emeth_tui.model import Asker, Language, Severity
from emeth_tui.notices.notice import EventBody, Reason, Wei


class Claiming(EventBody):
    language: Language
    dataset_bytes: int
    fee_wei: Wei
    deposit_wei: Wei
    low_s: int
    high_s: int


class Claimed(EventBody):
    deposit_wei: Wei


class Chosen(EventBody):
    by: Asker


class ClaimLost(EventBody):
    reason: Reason


class Canceled(EventBody):
    pass


class ClaimsPaused(EventBody):
    severity = Severity.WARNING

    reason: Reason


class ClaimsHeld(EventBody):
    severity = Severity.ERROR

    reason: Reason


class ClaimsResumed(EventBody):
    by: Asker | None = None  # None when a limit that had stopped it no longer does


class PauseLifted(EventBody):
    """Claiming is no longer paused, and still nothing is claimed."""

    reason: Reason
    by: Asker | None


class Idle(EventBody):
    reason: Reason


class ModelFetching(EventBody):
    model: str


class ModelReady(EventBody):
    model: str


class ModelTrouble(EventBody):
    severity = Severity.WARNING

    model: str
    reason: Reason


class RateDiffers(EventBody):
    severity = Severity.WARNING

    name: str
    actual_percent: float
    published_percent: float


class VerifierFeeDiffers(EventBody):
    severity = Severity.WARNING

    actual_wei: Wei
    published_wei: Wei
