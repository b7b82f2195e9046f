"""Loss and speed of a running training, gathered without making the device wait."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from emeth_tui.training.reports import Work
from emeth_tui.training.run.divergence import Reading

Clock = Callable[[], float]
REPORT_EVERY_S = 0.25
_SMOOTHING_S = 3.0  # tokens/s shown is a mean over about this long


class LossMeter:
    """The running epoch's loss. Sums stay on the device; only `read` waits for it.

    A step that was not applied, because something in it was no finite number, adds nothing to the loss.
    """

    def __init__(self, device: torch.device) -> None:
        # Summed loss and predicted tokens of the epoch; skipped steps of the whole training.
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)
        self._read_loss = 0.0
        self._read_tokens = 0.0

    def start(self, loss_sum: float = 0.0, tokens: float = 0.0, skipped: int = 0) -> None:
        """Begin an epoch, or go on within one."""
        self._sums.copy_(torch.tensor([loss_sum, tokens, skipped], dtype=torch.float64))
        self._read_loss, self._read_tokens = loss_sum, tokens

    def add(self, mean_loss: Tensor, tokens: int, finite: Tensor, skipped: Tensor) -> None:
        """Count one step; `finite`, and `skipped` if it counts as that, are booleans on the device."""
        self._sums[0] += torch.where(finite, mean_loss.detach(), 0.0) * tokens
        self._sums[1] += finite * tokens
        self._sums[2] += skipped

    def read(self) -> Reading:
        """Return the epoch so far."""
        loss_sum, tokens, skipped = self._sums.tolist()
        return Reading(loss_sum, tokens, int(skipped))

    def recent_mean(self, reading: Reading) -> float:
        """Return the mean loss per token since the last call, given what `read` returned."""
        tokens = reading.tokens - self._read_tokens
        mean = (reading.loss_sum - self._read_loss) / tokens if tokens else 0.0
        self._read_loss, self._read_tokens = reading.loss_sum, reading.tokens
        return mean


class Pace:
    """How fast tokens are trained, when a report is due. Pauses do not count.

    `validating` and `saving` mark work that is not training, so that `work` can count the times apart.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._started = self._window_started = clock()
        self._tokens = self._window_tokens = 0
        self._tokens_per_s = 0.0
        self._paused_at = 0.0
        self._validated_tokens = 0
        self._validated_s = self._saving_s = 0.0

    def work(self) -> Work:
        """Return what has been done and how long it took, up to the last step, validation or checkpoint."""
        elsewhere_s = self._validated_s + self._saving_s
        return Work(
            trained_tokens=self._tokens,
            trained_s=max(0.0, self._elapsed_s() - elsewhere_s),
            validated_tokens=self._validated_tokens,
            validated_s=self._validated_s,
            saving_s=self._saving_s,
        )

    @contextlib.contextmanager
    def validating(self, tokens: int) -> Iterator[None]:
        """Count what happens within as the validation of so many tokens."""
        started_s = self._elapsed_s()
        yield
        self._validated_tokens += tokens
        self._validated_s += self._elapsed_s() - started_s

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """Count what happens within as the making of a checkpoint."""
        started_s = self._elapsed_s()
        yield
        self._saving_s += self._elapsed_s() - started_s

    def add(self, tokens: int) -> None:
        """Count one step's tokens."""
        self._tokens += tokens
        self._window_tokens += tokens

    def due(self) -> bool:
        """Return whether the last report is old enough for another."""
        return self._clock() - self._window_started >= REPORT_EVERY_S

    def tokens_per_s(self) -> float:
        """Close the current window and return the smoothed speed."""
        now = self._clock()
        window = max(now - self._window_started, 1e-9)
        speed = self._window_tokens / window
        weight = min(1.0, window / _SMOOTHING_S) if self._tokens_per_s else 1.0
        self._tokens_per_s += weight * (speed - self._tokens_per_s)
        self._window_started, self._window_tokens = now, 0
        return self._tokens_per_s

    def pause(self) -> None:
        """Stop the clock."""
        self._paused_at = self._clock()

    def resume(self) -> None:
        """Start the clock again."""
        now = self._clock()
        self._started += now - self._paused_at
        self._window_started, self._window_tokens = now, 0

    def _elapsed_s(self) -> float:
        return self._clock() - self._started


class Throttle:
    """Allows a call at most once in REPORT_EVERY_S."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._last = -REPORT_EVERY_S

    def due(self) -> bool:
        """Return whether it is time again; the next time counts from now."""
        now = self._clock()
        if now - self._last < REPORT_EVERY_S:
            return False
        self._last = now
        return True
