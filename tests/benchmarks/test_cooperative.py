"""The ways to average: what arrives of a difference, and a table with all of them."""

from __future__ import annotations

import pytest
import torch

from benchmarks.cooperative.command import DELAYS_MS, measure, report
from benchmarks.cooperative.ways import WAYS, Full, Int8, Outer, TopK, mean_of
from benchmarks.rounds import this_machine

SHAPE = (64, 32)


def differences(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [torch.randn(SHAPE, generator=generator) for _ in range(count)]


def test_whole_numbers_arrive_to_the_bit_and_their_mean_is_the_plain_one() -> None:
    sent = differences(3)

    arrived = [Full().send([each])[0] for each in sent]

    assert all(torch.equal(got[0], each) for got, each in zip(arrived, sent, strict=True))
    plain = torch.stack([each.double() for each in sent]).mean(0).float()
    assert torch.equal(mean_of(arrived)[0], plain)
    assert torch.equal(Outer().step([plain])[0], plain)


@pytest.mark.parametrize(("codec", "bytes_sent"), [(Int8(), 64 * 32 + 4), (TopK(decay=1.0), 64 * 6)])
def test_what_is_left_out_of_one_epoch_comes_with_the_next(codec: Int8 | TopK, bytes_sent: int) -> None:
    sent = differences(1) + [torch.zeros(SHAPE)] * 40

    arrived = [codec.send([each]) for each in sent]

    assert {taken for _got, taken in arrived} == {bytes_sent}
    first, total = arrived[0][0][0], torch.stack([got[0] for got, _taken in arrived]).sum(0)
    assert (total - sent[0]).abs().max() < (first - sent[0]).abs().max() / 50


def test_momentum_goes_on_in_the_direction_of_the_last_steps() -> None:
    outer, step = Outer(rate=1.0, momentum=0.5), [torch.ones(1)]

    moves = [float(outer.step(step)[0]) for _ in range(3)]

    assert moves == [1.5, 1.75, 1.875]  # Nesterov's, towards 1 / (1 - 0.5)


@pytest.mark.slow
def test_the_table_has_every_way_with_its_loss_bytes_and_time() -> None:
    rows = measure(members=2, epochs=1, seeds=1, size_bytes=8_192, rounds=1)

    made = report(rows, 2, this_machine())

    assert [row.way for row in rows][1:] == [way.name for way in WAYS]
    fp32, int8 = rows[1], rows[2]
    assert fp32.bytes_up == fp32.bytes_down > 3.9 * int8.bytes_up
    assert list(fp32.seconds_by_delay_ms) == list(DELAYS_MS)
    assert fp32.seconds_by_delay_ms[50] > 0.1  # there and back
    assert all(row.losses[0] > 0.0 for row in rows)
    assert made.lines[-1].startswith("the cheapest")
