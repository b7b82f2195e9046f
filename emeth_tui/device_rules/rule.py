"""A rule: the figure that it looks at, when a device is held by it, and when that goes on.

[DEVICE] FIGURE above|below LIMIT [for TIME] until LIMIT [for TIME]
[DEVICE] on-battery [for TIME] [until mains [for TIME]]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

HOLD_AFTER_S = 10.0
GO_ON_AFTER_S = 60.0
LONGEST_S = 86_400
_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_TIME = r"(?:\s+for\s+(?P<{}>\d{{1,5}})\s*(?P<{}_unit>[smh]))?"
_NUMBER = r"\d{1,9}(?:\.\d{1,3})?"
_RULE = re.compile(
    r"(?:(?P<device>cpu|cuda:\d+)\s+)?"
    r"(?:on-battery"
    + _TIME.format("battery_hold", "battery_hold")
    + r"(?:\s+until\s+mains"
    + _TIME.format("battery_go", "battery_go")
    + r")?"
    r"|(?P<figure>[a-z-]+)\s+(?P<side>above|below)\s+(?P<limit>"
    + _NUMBER
    + ")"
    + _TIME.format("hold", "hold")
    + r"\s+until\s+(?P<until>"
    + _NUMBER
    + ")"
    + _TIME.format("go", "go")
    + ")"
)


class Figure(str, Enum):
    """What rules look at, by the name that settings give it."""

    TEMPERATURE = "temperature"  # of the GPU, in °C
    MEMORY_TEMPERATURE = "memory-temperature"  # of the GPU's memory, in °C
    MARGIN = "margin"  # °C left until the GPU slows down, by its hottest sensor
    POWER = "power"  # of the GPU, in W
    FAN = "fan"  # of the GPU, in percent
    OTHERS_GPU_MEMORY = "others-gpu-memory"  # of the GPU in other programs' hands, in MB
    OTHERS_CPU = "others-cpu"  # of all cores together, in percent
    FREE_MEMORY = "free-memory"  # of the machine, in MB
    BATTERY = "battery"  # charge in percent
    ON_BATTERY = "on-battery"  # 1 without mains, else 0


LOW_IS_BAD = frozenset({Figure.MARGIN, Figure.FREE_MEMORY, Figure.BATTERY})
OF_GPUS = frozenset(
    {
        Figure.TEMPERATURE,
        Figure.MEMORY_TEMPERATURE,
        Figure.MARGIN,
        Figure.POWER,
        Figure.FAN,
        Figure.OTHERS_GPU_MEMORY,
    }
)


class WrongSide(ValueError):
    """A rule that holds devices while its figure is fine."""

    def __init__(self, text: str, figure: Figure) -> None:
        super().__init__(text)
        self.figure = figure
        self.side = "below" if figure in LOW_IS_BAD else "above"


class LimitsReversed(ValueError):
    """A rule by which a device would go on where it has to rest."""


@dataclass(frozen=True, slots=True)
class HoldRule:
    """One rule. `device` is "" for every device."""

    device: str
    figure: Figure
    limit: float
    until: float
    hold_after_s: float = HOLD_AFTER_S
    go_on_after_s: float = GO_ON_AFTER_S

    @classmethod
    def of(cls, text: str) -> HoldRule:
        """Read a rule. Raise ValueError with it when it is not understood."""
        match = _RULE.fullmatch(" ".join(text.split()))
        if match is None:
            raise ValueError(text)
        device = match["device"] or ""
        if match["figure"] is None:
            return cls(
                device,
                Figure.ON_BATTERY,
                1.0,
                0.0,
                _seconds(match, "battery_hold", HOLD_AFTER_S, text),
                _seconds(match, "battery_go", GO_ON_AFTER_S, text),
            )
        figure, limit, until = _figure(match["figure"], text), float(match["limit"]), float(match["until"])
        if device == "cpu" and figure in OF_GPUS:
            raise ValueError(text)  # it would never hold anything
        low_is_bad = figure in LOW_IS_BAD
        if low_is_bad != (match["side"] == "below"):
            raise WrongSide(text, figure)
        if until <= limit if low_is_bad else until >= limit:
            raise LimitsReversed(text)
        hold_s = _seconds(match, "hold", HOLD_AFTER_S, text)
        return cls(device, figure, limit, until, hold_s, _seconds(match, "go", GO_ON_AFTER_S, text))

    def applies_to(self, device: str) -> bool:
        return self.device in {"", device}

    def is_over(self, value: float) -> bool:
        """Whether a value is one to rest at."""
        if self.figure in LOW_IS_BAD:
            return value < self.limit
        return value >= self.limit if self.figure is Figure.ON_BATTERY else value > self.limit

    def is_fine(self, value: float) -> bool:
        """Whether a value is one to go on at."""
        return value >= self.until if self.figure in LOW_IS_BAD else value <= self.until


def rules_of(texts: Iterable[str]) -> tuple[HoldRule, ...]:
    """Read rules. Raise ValueError with the one that is not understood."""
    return tuple(HoldRule.of(text) for text in texts)


def _figure(name: str, text: str) -> Figure:
    try:
        figure = Figure(name)
    except ValueError:
        raise ValueError(text) from None
    if figure is Figure.ON_BATTERY:
        raise ValueError(text)
    return figure


def _seconds(match: re.Match[str], name: str, default: float, text: str) -> float:
    if match[name] is None:
        return default
    seconds = int(match[name]) * _SECONDS[match[f"{name}_unit"]]
    if seconds > LONGEST_S:
        raise ValueError(text)
    return float(seconds)
