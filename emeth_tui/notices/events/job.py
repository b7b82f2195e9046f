"""What happens to a job of ours, from its claim to its end."""

from __future__ import annotations

from emeth_tui.model import Asker, JobState, Severity
from emeth_tui.notices.notice import EventBody, Reason, Wei


class Resumed(EventBody):
    state: JobState


class JobPaused(EventBody):
    by: Asker


class JobPausedUntil(EventBody):
    by: Asker
    until_unix_s: int
    until: str  # by the owner's clock


class JobResumed(EventBody):
    by: Asker | None  # None when its pause has come to its end


class Declining(EventBody):
    by: Asker | None  # None when a pause would have made it late


class SharedOut(EventBody):
    parts: int
    devices: str
    alone_s: int
    together_s: int


class MemberReplaced(EventBody):
    part: int
    parts: int
    device: str
    epoch: int


class MemberLost(EventBody):
    severity = Severity.WARNING

    part: int
    parts: int
    device: str
    reason: Reason


class JobTrouble(EventBody):
    severity = Severity.WARNING

    reason: Reason


class JobStuck(EventBody):
    severity = Severity.ERROR

    state: JobState
    reason: Reason
    penalty_wei: Wei
    timeout_wei: Wei


class SetAside(EventBody):
    severity = Severity.ERROR

    reason: Reason
    penalty_wei: Wei
    timeout_wei: Wei


class GivingBack(EventBody):
    severity = Severity.WARNING

    reason: Reason
    penalty_wei: Wei
    timeout_wei: Wei


class Downloaded(EventBody):
    size_bytes: int


class Training(EventBody):
    epochs: int
    tokens: int
    resumed_epoch: int


class EpochDone(EventBody):
    epoch: int
    epochs: int
    seconds: float
    train_loss: float
    valid_loss: float


class BackToBest(EventBody):
    """The model got no better; `best_epoch` is 0 where it never was better than as it came."""

    epoch: int
    best_epoch: int
    best_loss: float


class StepsSkipped(EventBody):
    severity = Severity.WARNING

    steps: int


class OutOfMemory(EventBody):
    severity = Severity.WARNING

    micro_batch: int


class Diverged(EventBody):
    severity = Severity.WARNING

    epoch: int
    reason: Reason


class Trained(EventBody):
    epochs: int
    valid_loss: float
    size_bytes: int


class StatesDrawn(EventBody):
    """`epochs` as people read them: "6, 9"."""

    epochs: str
    limit_s: int


class StatesDelivered(EventBody):
    epoch: int
    size_bytes: int


class StatesLost(EventBody):
    severity = Severity.ERROR


class RunningLate(EventBody):
    severity = Severity.WARNING

    low_s: int
    high_s: int
    deadline_s: int


class Uploaded(EventBody):
    size_bytes: int


class SubmissionHeld(EventBody):
    severity = Severity.ERROR

    reason: Reason
    deadline_s: int
    cost_wei: Wei


class Submitted(EventBody):
    pass


class SubmissionUndone(EventBody):
    severity = Severity.WARNING


class ClaimUndone(EventBody):
    severity = Severity.WARNING


class EndSeen(EventBody):
    state: JobState
    blocks: int


class EndUnexplained(EventBody):
    severity = Severity.WARNING

    state: JobState
    longest_s: int


class EndUndone(EventBody):
    severity = Severity.WARNING

    state: JobState


class FinalEndUndone(EventBody):
    severity = Severity.ERROR

    state: JobState


class OrphanAdopted(EventBody):
    severity = Severity.WARNING

    state: JobState


class OrphanHeld(EventBody):
    severity = Severity.WARNING

    deposit_wei: Wei
    penalty_wei: Wei
    timeout_wei: Wei


class OrphanLeft(EventBody):
    severity = Severity.ERROR

    deposit_wei: Wei
    penalty_wei: Wei
    timeout_wei: Wei


class VerifiedAtLoss(EventBody):
    severity = Severity.ERROR

    lost_wei: Wei
    gas: int


class DepositKept(EventBody):
    severity = Severity.ERROR

    deposit_wei: Wei
    returned_wei: Wei


class SettledByRules(EventBody):
    severity = Severity.WARNING

    amount_wei: Wei


class Verified(EventBody):
    earned_wei: Wei
    gas: int
    epochs: int


class Declined(EventBody):
    severity = Severity.WARNING

    lost_wei: Wei


class Failed(EventBody):
    severity = Severity.ERROR

    lost_wei: Wei


class RejectionHeld(EventBody):
    severity = Severity.WARNING

    reason: Reason
    until_unix_s: int


class Appealed(EventBody):
    pass


class AppealFailed(EventBody):
    severity = Severity.WARNING

    reason: Reason


class RejectionExplained(EventBody):
    severity = Severity.WARNING

    reason: Reason


class Timeout(EventBody):
    severity = Severity.ERROR

    lost_wei: Wei


class Lost(EventBody):
    severity = Severity.ERROR
