"""What happens to a job of ours, from its claim to its end."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import Asker, JobState, Severity
from emeth_tui.notices.notice import EventBody, Reason, Wei


@dataclass(frozen=True, slots=True)
class Resumed(EventBody):
    state: JobState


@dataclass(frozen=True, slots=True)
class JobPaused(EventBody):
    by: Asker


@dataclass(frozen=True, slots=True)
class JobPausedUntil(EventBody):
    by: Asker
    until_unix_s: int
    until: str  # by the owner's clock


@dataclass(frozen=True, slots=True)
class JobResumed(EventBody):
    by: Asker | None  # None when its pause has come to its end


@dataclass(frozen=True, slots=True)
class Declining(EventBody):
    by: Asker | None  # None when a pause would have made it late


@dataclass(frozen=True, slots=True)
class JobTrouble(EventBody):
    severity = Severity.WARNING

    reason: Reason


@dataclass(frozen=True, slots=True)
class JobStuck(EventBody):
    severity = Severity.ERROR

    state: JobState
    reason: Reason
    penalty_wei: Wei
    timeout_wei: Wei


@dataclass(frozen=True, slots=True)
class SetAside(EventBody):
    severity = Severity.ERROR

    reason: Reason
    penalty_wei: Wei
    timeout_wei: Wei


@dataclass(frozen=True, slots=True)
class GivingBack(EventBody):
    severity = Severity.WARNING

    reason: Reason
    penalty_wei: Wei
    timeout_wei: Wei


@dataclass(frozen=True, slots=True)
class Downloaded(EventBody):
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Training(EventBody):
    epochs: int
    tokens: int
    resumed_epoch: int


@dataclass(frozen=True, slots=True)
class EpochDone(EventBody):
    epoch: int
    epochs: int
    seconds: float
    train_loss: float
    valid_loss: float


@dataclass(frozen=True, slots=True)
class BackToBest(EventBody):
    """The model got no better; `best_epoch` is 0 where it never was better than as it came."""

    epoch: int
    best_epoch: int
    best_loss: float


@dataclass(frozen=True, slots=True)
class StepsSkipped(EventBody):
    severity = Severity.WARNING

    steps: int


@dataclass(frozen=True, slots=True)
class OutOfMemory(EventBody):
    severity = Severity.WARNING

    micro_batch: int


@dataclass(frozen=True, slots=True)
class Diverged(EventBody):
    severity = Severity.WARNING

    epoch: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Trained(EventBody):
    epochs: int
    valid_loss: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RunningLate(EventBody):
    severity = Severity.WARNING

    low_s: int
    high_s: int
    deadline_s: int


@dataclass(frozen=True, slots=True)
class Uploaded(EventBody):
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SubmissionHeld(EventBody):
    severity = Severity.ERROR

    reason: Reason
    deadline_s: int
    cost_wei: Wei


class Submitted(EventBody):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SubmissionUndone(EventBody):
    severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class ClaimUndone(EventBody):
    severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class EndSeen(EventBody):
    state: JobState
    blocks: int


@dataclass(frozen=True, slots=True)
class EndUnexplained(EventBody):
    severity = Severity.WARNING

    state: JobState
    longest_s: int


@dataclass(frozen=True, slots=True)
class EndUndone(EventBody):
    severity = Severity.WARNING

    state: JobState


@dataclass(frozen=True, slots=True)
class FinalEndUndone(EventBody):
    severity = Severity.ERROR

    state: JobState


@dataclass(frozen=True, slots=True)
class OrphanAdopted(EventBody):
    severity = Severity.WARNING

    state: JobState


@dataclass(frozen=True, slots=True)
class OrphanHeld(EventBody):
    severity = Severity.WARNING

    deposit_wei: Wei
    penalty_wei: Wei
    timeout_wei: Wei


@dataclass(frozen=True, slots=True)
class OrphanLeft(EventBody):
    severity = Severity.ERROR

    deposit_wei: Wei
    penalty_wei: Wei
    timeout_wei: Wei


@dataclass(frozen=True, slots=True)
class VerifiedAtLoss(EventBody):
    severity = Severity.ERROR

    lost_wei: Wei
    gas: int


@dataclass(frozen=True, slots=True)
class DepositKept(EventBody):
    severity = Severity.ERROR

    deposit_wei: Wei
    returned_wei: Wei


@dataclass(frozen=True, slots=True)
class SettledByRules(EventBody):
    severity = Severity.WARNING

    amount_wei: Wei


@dataclass(frozen=True, slots=True)
class Verified(EventBody):
    earned_wei: Wei
    gas: int
    epochs: int


@dataclass(frozen=True, slots=True)
class Declined(EventBody):
    severity = Severity.WARNING

    lost_wei: Wei


@dataclass(frozen=True, slots=True)
class Failed(EventBody):
    severity = Severity.ERROR

    lost_wei: Wei


@dataclass(frozen=True, slots=True)
class Timeout(EventBody):
    severity = Severity.ERROR

    lost_wei: Wei


@dataclass(frozen=True, slots=True)
class Lost(EventBody):
    severity = Severity.ERROR
