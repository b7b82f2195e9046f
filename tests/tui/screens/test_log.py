"""The log page: nothing is cut, older lines are a scroll or a search away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from emeth_tui.tui.screens import page
from emeth_tui.tui.screens.log_lines import lines_of_job, log_rows, other_beginning
from tests.factories import JOB_ID, OTHER_JOB_ID
from tests.tui.harness import SMALL, press, settled, shown, text_of
from tests.tui.stand_in import TRAINING_ID, StandInNode

STAMP = "2023-11-15T14:02:00.000Z"
LONG = f"{STAMP} ERROR   emeth_tui.engine: " + " ".join(f"word{number}" for number in range(40))


@pytest.fixture
def asked(node: StandInNode, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes the page asked for; the log has a hundred lines to 64 kB and more before."""
    sizes: list[int] = []

    async def tail(_path: Path, max_bytes: int = 64_000) -> Sequence[str]:
        sizes.append(max_bytes)
        oldest = 0 if max_bytes > 64_000 else 100
        return [f"{STAMP} INFO    emeth_tui.engine: number {n}." for n in range(oldest, 200)] + [LONG]

    monkeypatch.setattr(node.records, "log_tail", tail)
    return sizes


async def test_long_lines_are_wrapped(node: StandInNode, asked: list[int]) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "l")
        shown_text = text_of(pilot)
        assert all(f"word{number}" in shown_text for number in range(40))
        assert "…" not in "".join(line for line in shown_text.splitlines() if "word" in line)


async def test_at_its_top_it_reads_further_back_and_stays_where_it_was(
    node: StandInNode, asked: list[int]
) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "l", "up")
        assert set(asked) == {64_000}
        await press(pilot, "home")
        await settled(pilot)
        assert asked[-1] == 1_000_000
        assert "number 100." in text_of(pilot)
        assert "number 0." not in text_of(pilot)
        await press(pilot, "home")
        assert "number 0." in text_of(pilot)


async def test_a_search_reaches_all_that_is_kept_and_gives_the_end_back(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[tuple[str, tuple[str, ...]]] = []

    async def search(path: Path, words: Sequence[str], limit: int) -> Sequence[str]:
        searched.append((path.name, tuple(words)))
        return [f"{STAMP} INFO    emeth_tui.engine: a year ago, Number 7."]

    monkeypatch.setattr(node.records, "log_search", search)
    async with shown(node, SMALL) as pilot:
        await press(pilot, "l", "slash", *"number 7.", "enter")
        await settled(pilot)
        assert searched[-1] == ("node.log", ("number", "7."))
        assert "a year ago" in text_of(pilot)
        assert "no 29" not in text_of(pilot)
        await press(pilot, "escape")
        await settled(pilot)
        assert "no 29" in text_of(pilot)


async def test_a_search_among_a_jobs_lines_stays_with_them(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tail(_path: Path, max_bytes: int = 64_000) -> Sequence[str]:
        own = [f"{STAMP} job {TRAINING_ID}: begun", "number 7.", "number 8."]
        return [*own, f"{STAMP} job {OTHER_JOB_ID}: begun", "number 7. of nobody"]

    monkeypatch.setattr(node.records, "log_tail", tail)
    async with shown(node) as pilot:
        await press(pilot, "enter", "l", "slash", *"number 7.", "enter")
        await settled(pilot)
        assert "number 7." in text_of(pilot)
        assert "number 8." not in text_of(pilot)
        assert "of nobody" not in text_of(pilot)


def test_a_jobs_lines_in_the_nodes_log_come_with_their_tracebacks() -> None:
    lines = [f"{STAMP} of {JOB_ID}", "Traceback", f"{STAMP} of {OTHER_JOB_ID}", "Traceback of the other"]
    assert lines_of_job(lines, JOB_ID, by_worker=False) == lines[:2]


def test_a_worker_that_has_long_had_the_job_names_it_no_more() -> None:
    assert lines_of_job(["a", "b"], JOB_ID, by_worker=True) == ["a", "b"]


@pytest.mark.parametrize("text", ["", " ", "x" * 200, "a b " * 60, "漢字" * 60])
def test_rows_fit_and_lose_nothing(text: str) -> None:
    rows = log_rows(text, 40)
    assert all(row.width <= 40 for row in rows)
    assert "".join("".join(row.text.split()) for row in rows) == "".join(text.split())


@pytest.mark.parametrize("search", [True, False])
async def test_what_is_read_stays_in_its_place_while_lines_are_added(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch, search: bool
) -> None:
    first, end = 0, 100

    async def lines(_path: Path, *_limits: object) -> Sequence[str]:
        return [f"{STAMP} INFO    emeth_tui.engine: number {n}." for n in range(first, end)]

    monkeypatch.setattr(node.records, "log_search", lines)
    monkeypatch.setattr(node.records, "log_tail", lines)
    monkeypatch.setattr(page.PageScreen, "LEAST_REST_S", 0.0)
    monkeypatch.setattr(page, "REST_SHARE", 0)
    async with shown(node, SMALL) as pilot:
        await press(pilot, "l", *(["slash", *"number", "enter"] if search else []))
        await press(pilot, "pageup", "pageup")
        in_view = text_of(pilot).splitlines()[2:-1]
        for first, end in ((0, 107), (5, 110)):  # noqa: B007
            await settled(pilot)
            await settled(pilot)
            assert text_of(pilot).splitlines()[2:-1] == in_view


@pytest.mark.parametrize(
    ("before", "now", "came_and_went"),
    [
        ("", "abc", (0, 0)),
        ("abc", "abcd", (0, 0)),
        ("cde", "abcdef", (2, 0)),
        ("abcd", "cdef", (0, 2)),
        ("abcd", "bcda", (0, 1)),
        ("abab", "babab", (1, 0)),
        ("abc", "xyz", (0, 0)),
    ],
)
def test_where_a_text_begins_now(before: str, now: str, came_and_went: tuple[int, int]) -> None:
    assert other_beginning([*before], [*now]) == came_and_went
