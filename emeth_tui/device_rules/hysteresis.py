"""A state that changes only after its cause has lasted for a time without a break, in either direction."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Hysteresis:
    """On after `on_after_s` of cause, off again after `off_after_s` without."""

    on_after_s: float
    off_after_s: float
    is_on: bool = False
    _turning_since: float | None = field(default=None, init=False)

    def take(self, now_s: float, *, turn_on: bool, turn_off: bool) -> bool:
        """Take what is so now, and return the state. `now_s` is of a clock that only goes on."""
        if not (turn_off if self.is_on else turn_on):
            self._turning_since = None
            return self.is_on
        if self._turning_since is None:
            self._turning_since = now_s
        if now_s - self._turning_since >= (self.off_after_s if self.is_on else self.on_after_s):
            self.is_on = not self.is_on
            self._turning_since = None
        return self.is_on
