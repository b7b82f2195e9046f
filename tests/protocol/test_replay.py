"""What is committed to and what is drawn for verification by training again."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.errors import JobError
from emeth_tui.protocol.replay import (
    DRAWS,
    Commitment,
    Kind,
    StateRecord,
    commitment_text,
    delivered_epochs,
    drawn_segments,
    kept_epochs,
    merkle_root,
    read_commitment,
    record_line,
    segment_of,
)

KIND = Kind(device="a CPU", precision="float32", threads=1, torch="2.13.0")


def record(epoch: int, **changes: object) -> StateRecord:
    digest = hashlib.sha256(str(epoch).encode()).hexdigest()
    made = StateRecord(
        epoch=epoch, weights=digest, optimiser=digest, steps=epoch, valid_loss=None, best=None, kind=KIND
    )
    return msgspec.structs.replace(made, **changes)


def text_of(epochs: int, halvings: int = 0) -> str:
    return commitment_text([record_line(record(epoch)) for epoch in range(epochs + 1)], halvings)


def test_the_root_is_that_of_rfc_9162() -> None:
    def leaf(text: str) -> bytes:
        return hashlib.sha256(b"\0" + text.encode()).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\1" + left + right).digest()

    assert merkle_root(["a"]) == leaf("a")
    three = node(node(leaf("a"), leaf("b")), leaf("c"))
    assert merkle_root(["a", "b", "c"]) == three
    five = node(node(node(leaf("a"), leaf("b")), node(leaf("c"), leaf("d"))), leaf("e"))
    assert merkle_root(list("abcde")) == five


def test_the_example_of_the_protocol_page() -> None:
    root = merkle_root(["a", "b", "c"])

    assert root.hex() == "36642e73c2540ab121e3a6bf9545b0a24982cd830eb13d3cd19de3ce6c021ec1"
    assert drawn_segments(bytes(32), root, 30) == [(15, 18), (27, 30)]


def test_what_was_written_is_read() -> None:
    read = read_commitment(text_of(30, 2), 30)

    assert read.records == tuple(record(epoch) for epoch in range(31))
    assert (read.epochs, read.halvings) == (30, 2)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text.rpartition("\n")[0],
        lambda text: text.replace('"epoch":3,', '"epoch":4,', 1),
        lambda text: text.replace("\n0\n", "\n13\n", 1),
        lambda text: "ab" * 32 + text[64:],
        lambda text: text + " " * 2_000_000,
    ],
)
def test_what_was_not_is_refused(spoil) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(JobError):
        read_commitment(spoil(text_of(30)), 30)


@pytest.mark.parametrize(
    "line",
    [
        '{"epoch":0}',
        "[" * 100_000,
        "\ud800",
        record_line(record(0)).replace('"threads":1', '"threads":1000000'),
        record_line(record(0)).replace('"valid_loss":null', '"valid_loss":1e999'),
        record_line(record(1)),
    ],
)
def test_records_of_strangers_are_checked_field_by_field(line: str) -> None:
    lines = [line, record_line(record(1))]

    with pytest.raises(JobError):
        read_commitment(commitment_text(lines, 0), 1)


@given(st.text(max_size=200), st.integers(1, 40))
def test_no_text_is_more_than_refused(text: str, epochs: int) -> None:
    with pytest.raises(JobError):
        read_commitment(text, epochs)


@given(st.integers(1, 1_000))
def test_kept_states_lie_around_every_epoch(epochs: int) -> None:
    kept = {0, *kept_epochs(epochs)}

    assert max(kept) == epochs
    assert len(kept) <= 11
    for epoch in range(1, epochs + 1):
        first, last = segment_of(epoch, epochs)
        assert first < epoch <= last
        assert {first, last} <= kept
        assert not kept & set(range(first + 1, last))


def test_skipping_half_of_the_epochs_is_caught_with_half_a_draw() -> None:
    skipped = {(first, first + 3) for first in range(15, 30, 3)}
    root = merkle_root(["any"])
    draws = [
        drawn_segments(hashlib.sha256(bytes([high, low])).digest(), root, 30)
        for high in range(40)
        for low in range(256)
    ]

    caught = sum(bool(skipped & set(drawn)) for drawn in draws) / len(draws)

    assert caught == pytest.approx(1 - 0.5**DRAWS, abs=0.02)


def test_the_last_state_is_delivered_where_the_result_was_drawn_towards_its_start() -> None:
    records = tuple(record(epoch) for epoch in range(31))
    segments = [(0, 3), (6, 9)]

    assert delivered_epochs(segments, Commitment(b"", 0, records)) == [3, 6, 9]
    assert delivered_epochs(segments, Commitment(b"", 1, records)) == [3, 6, 9, 30]
