"""A figure and its range, computed from measurements: the newest count most, outliers little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emeth_tui.store.measurements import Measurement, Quantity

HALF_LIFE = 4.0  # a measurement counts half after this many newer ones
LOW_SHARE, HIGH_SHARE = 0.1, 0.9  # the shares of all measurements' weight below the ends of a range
LEAST_SPREAD = 0.03  # no figure is more certain than this
FEW_SPREAD = 0.25  # added for a single measurement, half of it for two, and so on
LEAST_WORTH = 0.25  # of a full measurement, however short they all were

# How much of its `per` makes a full measurement: a short one says little.
FULL_MEASUREMENT: Mapping[Quantity, float] = {
    Quantity.TRAINING: 5.0,  # s
    Quantity.VALIDATION: 1.0,  # s
    Quantity.SAVING: 60.0,  # s of training
    Quantity.LOADING: 1.0,  # starts
    Quantity.TOKENISING: 1.0,  # s
    Quantity.TOKENS: 50_000.0,  # bytes
    Quantity.VALID_TOKENS: 50_000.0,  # bytes
    Quantity.WRITING: 1.0,  # results
    Quantity.DOWNLOAD: 1.0,  # s
    Quantity.UPLOAD: 1.0,  # s
    Quantity.SENDING: 1.0,  # s
    Quantity.FETCHING: 1.0,  # s
    Quantity.AVERAGING: 1.0,  # s
}


@dataclass(frozen=True, slots=True)
class Range:
    """A figure and its range: low <= expected <= high."""

    low: float
    expected: float
    high: float

    def __add__(self, other: Range) -> Range:
        """Add two figures as if their worst cases coincided: they need not be independent."""
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Multiply this figure by a `factor` that is not negative."""
        return Range(self.low * factor, self.expected * factor, self.high * factor)

    def product(self, other: Range) -> Range:
        """Multiply two figures that are not negative."""
        return Range(self.low * other.low, self.expected * other.expected, self.high * other.high)

    def at_rate(self, rate: Range) -> Range:
        """Return how long this amount takes at a rate above 0."""
        return Range(self.low / rate.high, self.expected / rate.expected, self.high / rate.low)

    def worse(self, other: Range) -> Range:
        """Return the higher of each bound."""
        return Range(max(self.low, other.low), max(self.expected, other.expected), max(self.high, other.high))


NOTHING = Range(0.0, 0.0, 0.0)


def exactly(value: float) -> Range:
    """Return a figure that is known exactly."""
    return Range(value, value, value)


def figure(measurements: Sequence[Measurement]) -> Range:
    """Return the figure of one quantity from its measurements, oldest first; at least one is needed."""
    worths = [min(1.0, one.per / FULL_MEASUREMENT[one.gauge.quantity]) for one in measurements]
    newest = len(measurements) - 1
    weighted = sorted(
        (one.value, worth * 0.5 ** ((newest - index) / HALF_LIFE))
        for index, (one, worth) in enumerate(zip(measurements, worths, strict=True))
    )
    expected = _quantile(weighted, 0.5)
    room = 1.0 + LEAST_SPREAD + FEW_SPREAD / max(LEAST_WORTH, sum(worths))
    return Range(
        min(_quantile(weighted, LOW_SHARE), expected / room),
        expected,
        max(_quantile(weighted, HIGH_SHARE), expected * room),
    )


def spanning(ranges: Sequence[Range]) -> Range:
    """Return the range that covers all of some, at least one."""
    expected = sorted(each.expected for each in ranges)
    return Range(
        min(each.low for each in ranges), expected[len(expected) // 2], max(each.high for each in ranges)
    )


def _quantile(weighted: Sequence[tuple[float, float]], share: float) -> float:
    """Return the value below which this share of all the weight lies."""
    wanted = share * sum(weight for _value, weight in weighted)
    for value, weight in weighted:
        wanted -= weight
        if wanted <= 0.0:
            return value
    return weighted[-1][0]
