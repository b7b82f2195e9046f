"""How long a job takes: ranges from measurements, monotone in the work; until then, the formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.engine.estimates.durations import (
    Duration,
    Phase,
    Remaining,
    Task,
    by_formula,
    by_measurement,
    gauge_for,
)
from emeth_tui.engine.estimates.ranges import FULL_MEASUREMENT, Range, figure
from emeth_tui.model import Language
from emeth_tui.store.measurements import Gauge, Measurement, Quantity

TASK = Task(dataset_bytes=1_000_000, epochs=30, language=Language.EN, model="gpt2-medium", batch_size=16)
HOST = "storage.example"
GPU = "a GPU"

values = st.floats(min_value=1e-3, max_value=1e6)
spans = st.lists(values, min_size=3, max_size=3).map(lambda three: Range(*sorted(three)))
known_figures = st.fixed_dictionaries(
    {Quantity.TRAINING: spans, Quantity.TOKENS: spans},
    optional={
        quantity: spans for quantity in Quantity if quantity not in {Quantity.TRAINING, Quantity.TOKENS}
    },
)


def estimate(known: Mapping[Quantity, Range], task: Task = TASK) -> Duration:
    def figure_of(gauge: Gauge) -> Range | None:
        assert gauge == gauge_for(gauge.quantity, task, device=GPU, host=HOST)
        return known.get(gauge.quantity)

    duration = by_measurement(task, Remaining.all_of(task), device=GPU, host=HOST, figures=figure_of)
    assert duration is not None
    return duration


def speeds(*tokens_per_s: float, seconds: float = 10.0) -> list[Measurement]:
    gauge = gauge_for(Quantity.TRAINING, TASK, device=GPU)
    return [Measurement(gauge, one * seconds, seconds) for one in tokens_per_s]


@given(known_figures)
def test_a_range_is_a_range(known: Mapping[Quantity, Range]) -> None:
    duration = estimate(known)

    assert 0.0 < duration.low_s <= duration.expected_s <= duration.high_s
    assert all(0.0 <= one.seconds.low <= one.seconds.expected <= one.seconds.high for one in duration.phases)
    assert duration.expected_s == pytest.approx(sum(one.seconds.expected for one in duration.phases))


@given(known_figures, st.integers(0, 10**9), st.integers(0, 10**9), st.integers(30, 1_000))
def test_more_bytes_never_take_less(
    known: Mapping[Quantity, Range], size_bytes: int, more: int, epochs: int
) -> None:
    small = replace(TASK, dataset_bytes=size_bytes, epochs=epochs)
    large = replace(small, dataset_bytes=size_bytes + more)

    assert _at_most(estimate(known, small), estimate(known, large))
    assert _at_most(by_formula(small, Remaining.all_of(small)), by_formula(large, Remaining.all_of(large)))


@given(known_figures, st.integers(30, 1_000), st.integers(0, 1_000))
def test_more_epochs_never_take_less(known: Mapping[Quantity, Range], epochs: int, more: int) -> None:
    few = replace(TASK, epochs=epochs)
    many = replace(TASK, epochs=epochs + more)

    assert _at_most(estimate(known, few), estimate(known, many))
    assert _at_most(by_formula(few, Remaining.all_of(few)), by_formula(many, Remaining.all_of(many)))


def _at_most(one: Duration, other: Duration) -> bool:
    pairs = zip(
        (one.low_s, one.expected_s, one.high_s), (other.low_s, other.expected_s, other.high_s), strict=True
    )
    return all(less <= more * (1 + 1e-12) for less, more in pairs)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=40))
def test_a_figure_lies_among_its_measurements(pairs: Sequence[tuple[float, float]]) -> None:
    gauge = Gauge(Quantity.TRAINING)
    seen = [Measurement(gauge, amount, per) for amount, per in pairs]

    span = figure(seen)

    assert span.low <= span.expected <= span.high
    assert min(one.value for one in seen) <= span.expected <= max(one.value for one in seen)


def test_the_parts_of_an_estimate_are_what_was_measured() -> None:
    def exactly(value: float) -> Range:
        return Range(value, value, value)

    duration = estimate(
        {
            Quantity.TRAINING: exactly(10_000.0),
            Quantity.VALIDATION: exactly(40_000.0),
            Quantity.SAVING: exactly(0.01),
            Quantity.LOADING: exactly(12.0),
            Quantity.TOKENISING: exactly(2e6),
            Quantity.TOKENS: exactly(0.2),
            Quantity.VALID_TOKENS: exactly(0.02),
            Quantity.WRITING: exactly(3.0),
            Quantity.DOWNLOAD: exactly(4e6),
            Quantity.UPLOAD: exactly(1e7),
        }
    )

    assert {one.phase: one.seconds.expected for one in duration.phases} == pytest.approx(
        {
            Phase.DOWNLOAD: 0.25,  # 1 MB at 4 MB/s
            Phase.TOKENISE: 0.5,
            Phase.START: 12.0,
            Phase.TRAIN: 600.0,  # 200,000 tokens, 30 times, at 10,000 a second
            Phase.VALIDATE: 15.0,
            Phase.SAVE: 6.0,
            Phase.WRITE: 3.0,
            Phase.UPLOAD: 141.929,  # 354,823,168 weights of 4 bytes
        },
        rel=1e-4,
    )


def test_without_measured_training_there_is_no_estimate_of_our_own() -> None:
    everything = Remaining.all_of(TASK)

    assert by_measurement(TASK, everything, device=GPU, host=HOST, figures=lambda gauge: None) is None


def test_what_comes_after_training_needs_no_speed_of_training() -> None:
    upload = Remaining(upload_bytes=5e7)

    duration = by_measurement(TASK, upload, device=GPU, host=HOST, figures=lambda gauge: Range(1e6, 2e6, 4e6))

    assert duration is not None
    assert (duration.low_s, duration.expected_s, duration.high_s) == (12.5, 25.0, 50.0)


def test_the_formula_is_the_published_one() -> None:
    # 100 * 5822 / 1000 = 582 gas; 582 * 1e6 / 27300 s, 5.9 hours (protocol.md §10: about 6)
    def high_s(dataset_bytes: int) -> float:
        task = replace(TASK, dataset_bytes=dataset_bytes)
        duration = by_formula(task, Remaining.all_of(task))
        assert not duration.measured
        return duration.high_s

    assert high_s(100 * 2**20) == pytest.approx(21_318.7, abs=0.1)
    assert high_s(10) == high_s(1_000_000)


def test_a_figure_follows_a_change_of_speed_within_a_few_measurements() -> None:
    before = speeds(*[1_000.0] * 32)

    after = [figure([*before[count:], *speeds(*[250.0] * count)]) for count in range(10)]

    assert after[0].expected == 1_000.0
    assert after[1].expected == 1_000.0, "one odd measurement changes the range only"
    assert after[5].expected == 250.0
    assert after[9].low < 250.0 < after[9].high


def test_one_odd_measurement_does_not_move_the_figure() -> None:
    assert figure(speeds(1_000.0, 1_010.0, 990.0, 5.0)).expected == pytest.approx(1_000.0, rel=0.02)


def test_the_more_is_measured_the_surer_a_figure_is() -> None:
    def width(measurements: list[Measurement]) -> float:
        span = figure(measurements)
        return span.high / span.low

    widths = [width(speeds(*[1_000.0] * count)) for count in (1, 2, 8, 32)]

    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 1.5
    assert widths[-1] < 1.1


def test_a_glance_counts_less_than_a_long_look() -> None:
    enough = FULL_MEASUREMENT[Quantity.TRAINING]
    long_look, glances = speeds(1_000.0, seconds=enough), speeds(*[10.0] * 8, seconds=enough / 100)

    assert figure([*long_look, *glances]).expected == 1_000.0
    assert figure(glances).expected == 10.0, "better than nothing"


def test_only_the_speed_of_training_depends_on_the_batch() -> None:
    other = replace(TASK, batch_size=3)

    differ = [
        quantity
        for quantity in Quantity
        if gauge_for(quantity, TASK, device=GPU, host=HOST)
        != gauge_for(quantity, other, device=GPU, host=HOST)
    ]

    assert differ == [Quantity.TRAINING]
