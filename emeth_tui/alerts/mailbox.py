"""What waits for one channel: the message that is on its way, and the alerts that gather for the next one.

A message keeps its id and its alerts from the first attempt on, so that a receiver can tell a repetition.
While it does not arrive, everything else gathers into one digest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from emeth_tui.alerts.alert import Alert, Message, new_id
from emeth_tui.backoff import Backoff
from emeth_tui.model import AlertTopic

MOST_KEPT = 100  # alerts of a message that are listed; the others are counted
SETTLE_S = 2.0  # trouble seldom comes alone
BACKOFF = Backoff(5.0, 900.0, jitter=0.3)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a channel, as it is stored."""

    sending: Message | None = None
    held: Message | None = None  # was on its way when quiet hours began, and waits for their end
    gathered: tuple[Alert, ...] = ()
    more: int = 0
    topics: dict[AlertTopic, int] = field(default_factory=dict)


class Mailbox:
    """One channel's alerts. Times are those of a monotonic clock, in seconds."""

    def __init__(
        self, waiting: Waiting | None = None, *, settle_s: float = SETTLE_S, backoff: Backoff = BACKOFF
    ) -> None:
        waiting = waiting or Waiting()
        self.sending = waiting.sending
        self._held = waiting.held
        self.failures = 0  # of the message on its way, in a row
        self._gathered = list(waiting.gathered)
        self._more = waiting.more
        self._topics = Counter(waiting.topics)
        self._settle_s = settle_s
        self._backoff = backoff
        self._settled_at = 0.0
        self._next_at = 0.0

    @property
    def waiting(self) -> Waiting:
        return Waiting(self.sending, self._held, tuple(self._gathered), self._more, dict(self._topics))

    @property
    def is_empty(self) -> bool:
        return self.sending is None and self._held is None and not self._gathered

    def put(self, alert: Alert, now: float) -> None:
        """Gather an alert for the next message."""
        if not self._gathered:
            self._settled_at = now + self._settle_s
        self._gathered.append(alert)
        self._topics[alert.topic] += 1
        if len(self._gathered) > MOST_KEPT:
            self._count_one_only()

    def _count_one_only(self) -> None:
        """Give up the newest alert of the most frequent topic: what is rare is not lost in a storm."""
        listed = Counter(alert.topic for alert in self._gathered)
        ((frequent, _count),) = listed.most_common(1)
        newest = max(index for index, alert in enumerate(self._gathered) if alert.topic is frequent)
        del self._gathered[newest]
        self._more += 1

    def due(self, now: float, *, quiet: bool, urgent: Collection[str]) -> Message | None:
        """Return the message to send now, None while none is due. In quiet hours what is urgent alone is."""
        if now < self._next_at:
            return None
        if quiet:
            self._hold_back(urgent)
        elif self.sending is None:
            self.sending, self._held = self._held, None
        if self.sending is None and self._gathered and now >= self._settled_at:
            self.sending = self._compose(urgent if quiet else tuple(topic.value for topic in AlertTopic))
        return None if quiet and self.sending and not _is_urgent(self.sending, urgent) else self.sending

    def _hold_back(self, urgent: Collection[str]) -> None:
        """Put a message aside until the quiet hours end, if it is not urgent."""
        if self.sending is not None and self._held is None and not _is_urgent(self.sending, urgent):
            self.sending, self._held = None, self.sending

    def settle(self) -> None:
        """Wait for no further alerts, and for no moment: nothing comes any more."""
        self._settled_at = self._next_at = 0.0

    def note_delivered(self, now: float, gather_s: float) -> None:
        """Note that a message has arrived; the next goes out after `gather_s` at the earliest."""
        self.sending, self.failures = None, 0
        self._next_at = now + gather_s

    def note_failed(self, now: float, at_least_s: float = 0.0) -> None:
        """Note that a message has not arrived: it is sent again, the later the more often it failed."""
        self.failures += 1
        self._next_at = now + max(at_least_s, self._backoff.delay_s(self.failures))

    def _compose(self, topics: Collection[str]) -> Message | None:
        """Take the alerts of some topics out of those that are gathered."""
        taken = tuple(alert for alert in self._gathered if alert.topic in topics)
        if not taken:
            return None
        everything = len(taken) == len(self._gathered)
        counts = self._topics if everything else Counter(alert.topic for alert in taken)
        message = Message(new_id(), taken, self._more if everything else 0, dict(counts))
        self._gathered = [alert for alert in self._gathered if alert.topic not in topics]
        self._topics = +(self._topics - counts)
        if everything:
            self._more = 0
        return message


def _is_urgent(message: Message, urgent: Collection[str]) -> bool:
    return any(topic in urgent for topic in message.topics)
