"""The page of one's own requests: what became of each, whatever stands in names and on the chain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from emeth_tui.engine.requester.orders import Estimate, Order, RequestedJob
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.model import Language, token_to_wei
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.tui.node_front import Ending
from emeth_tui.tui.screens.request import RequestScreen
from emeth_tui.tui.screens.tables.requests import RequestsScreen
from emeth_tui.words.translation import set_language
from tests.tui.harness import LARGE, SMALL, attached, last_line, press, shown, text_of
from tests.tui.stand_in import (
    TRAINING_ID,
    VERIFIED_ID,
    StandInNode,
    chain_job,
    estimated,
    followed_jobs,
    requested,
)

HUGE = 2**256 - 1


async def test_each_request_shows_its_state_node_fee_and_time_left(node: StandInNode, tmp_path: Path) -> None:
    async with attached(node, tmp_path, SMALL) as pilot:
        await press(pilot, "r")
        page = text_of(pilot)
        (unfinished,) = [line for line in page.splitlines() if line.startswith(" 5e66")]
        (training,) = [line for line in page.splitlines() if line.startswith(" 3c55")]
        assert "unfinished" in unfinished
        for cell in ("training", "0x1111…0000", "20.00", "5 h 33", "en 640 kB"):
            assert cell in training
        await press(pilot, "slash", *"novel", "enter")
        assert not any(line.startswith(" 5e66") for line in text_of(pilot).splitlines())


async def test_a_job_that_this_very_node_trains_shows_its_epochs(node: StandInNode) -> None:
    own = requested(TRAINING_ID, "own.txt")
    node.records.followed = [FollowedJob(own, chain_job(own, node=node.picture.address))]
    async with shown(node) as pilot:
        await press(pilot, "r")
        assert " 12/30 " in text_of(pilot)


async def test_nothing_requested_and_nothing_without_a_node(node: StandInNode) -> None:
    node.records.followed = []
    async with shown(node) as pilot:
        await press(pilot, "r")
        assert "nothing requested yet" in text_of(pilot)
    node.picture = replace(node.picture, from_chain_alone=True)
    async with shown(node) as pilot:
        await press(pilot, "r")
        assert not isinstance(pilot.app.screen, RequestsScreen)
        assert last_line(pilot).strip().startswith("!")


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_absurd_names_and_figures_stay_within_the_screen(
    node: StandInNode, size: tuple[int, int], language: str
) -> None:
    set_language(language)
    nasty = replace(followed_jobs()[1].request, path=Path("/tmp") / ("\x1b[2J\u202e漢" * 40))  # noqa: S108
    job = chain_job(nasty, fee_wei=HUGE, deadline_unix_s=HUGE, started_at_unix_s=HUGE)
    node.records.followed = [FollowedJob(nasty, replace(job, status=status)) for status in JobStatus]
    async with shown(node, size) as pilot:
        await press(pilot, "r", "end")
        lines = text_of(pilot).splitlines()
        assert len(lines) == size[1]
        assert max(cell_len(line) for line in lines) <= size[0]
        assert not any("\x1b" in line or "\u202e" in line for line in lines)
        assert any("·[2J·漢" in line for line in lines)


# ---- the requester's commands


def unboxed(pilot: Pilot[Ending]) -> str:
    """What a dialog says, however it is wrapped."""
    return " ".join(text_of(pilot).replace("│", " ").split())


@pytest.mark.slow
@pytest.mark.parametrize("where", ["embedded", "attached"])
async def test_a_job_is_estimated_before_it_is_asked_for(
    node: StandInNode, tmp_path: Path, where: str
) -> None:
    async with shown(node, SMALL) if where == "embedded" else attached(node, tmp_path, SMALL) as pilot:
        await press(pilot, "r", "a", *"/novel.txt", "enter")
        order = Order(Path("/novel.txt"), Language.EN, 30, token_to_wei(20), 86_400)
        assert node.calls == [("estimate_request", order)]
        page = text_of(pilot)
        for fact in ("151,204 tokens to train on", "20.00 EMT", "a node earns", "120.00 EMT"):
            assert fact in page
        await press(pilot, "enter")  # the harmless answer
        assert "nothing was requested" in last_line(pilot)
        await press(pilot, "a", *"/novel.txt", "enter", "y")
        assert node.calls[1:] == [("estimate_request", order), ("request_job", order)]
        assert "job 7e88…88 is requested" in last_line(pilot)


async def test_what_goes_on_with_an_earlier_request_is_asked_for_by_its_name(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def earlier(order: Order) -> Estimate:
        return replace(estimated(order), job_id=VERIFIED_ID, is_requested=True)

    monkeypatch.setattr(node, "estimate_request", earlier)
    async with shown(node) as pilot:
        await press(pilot, "r", "a", *"/novel.txt", "enter")
        assert "it is requested, and paid once" in unboxed(pilot)
        await press(pilot, "y")
        ((name, order),) = node.calls
        assert (name, order.job_id) == ("request_job", VERIFIED_ID)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["embedded", "attached"])
async def test_what_was_requested_before_is_paid_for_again_only_where_the_question_says_so(
    node: StandInNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async def done_before(order: Order, **_by: object) -> Estimate:
        return replace(estimated(order), before=RequestedJob(VERIFIED_ID, 1_790_000_000.0))

    monkeypatch.setattr(node, "estimate_request", done_before)
    async with shown(node) if where == "embedded" else attached(node, tmp_path) as pilot:
        await press(pilot, "r", "a", *"/novel.txt", "enter")
        assert "requested already" in unboxed(pilot)
        assert "request another job for it and pay" in unboxed(pilot)
        await press(pilot, "enter")  # the harmless answer
        assert node.calls == []
        await press(pilot, "a", *"/novel.txt", "enter", "y")
        ((name, order),) = node.calls
        assert (name, order.again) == ("request_job", True)


@pytest.mark.slow
async def test_what_nodes_may_not_take_is_asked_for_by_an_answer_of_its_own(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "r", "a", *"/novel.txt", *["down"] * 3, *["backspace"] * 2, *"31", "enter")
        assert "over 30.00 EMT" in unboxed(pilot)
        await press(pilot, "y")
        assert [name for name, _what in node.calls] == ["estimate_request"]
        await press(pilot, "a")
        name, order = node.calls[-1]
        assert (name, order.anyway, order.fee_wei) == ("request_job", True, token_to_wei(31))  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("downs", "typed", "why"),
    [
        (0, "", "file: nothing is typed there"),
        (1, "fr", "language: ‘fr’ is not understood"),
        (2, "29", "epochs: ‘29’ is not understood"),
        (3, "-1", "fee in EMT: ‘-1’ is not understood"),
        (3, "1e99", "fee in EMT: ‘1e99’ is not understood"),
        (3, "", "fee in EMT: ‘’ is not understood"),
        (3, "twenty", "fee in EMT: ‘twenty’ is not understood"),
        (4, "soon", "deadline in: ‘soon’ is not understood"),
        (5, "maybe", "private (y/n): ‘maybe’ is not understood"),
    ],
)
async def test_a_line_that_is_not_understood_is_named(
    node: StandInNode, downs: int, typed: str, why: str
) -> None:
    async with shown(node, SMALL) as pilot:
        file = "/novel.txt" if downs else ""
        await press(pilot, "r", "a", *file, *["down"] * downs, "end", *["backspace"] * 4, *typed, "enter")
        assert why in unboxed(pilot)
        assert node.calls == []
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, RequestsScreen)


@pytest.mark.parametrize(
    ("status", "moves", "done"),
    [
        (None, "nothing was paid", "is forgotten"),
        (JobStatus.REQUESTED, "20.00 EMT come back to this account", "is cancelled, 20.00 EMT are back"),
    ],
)
async def test_a_request_is_cancelled_after_what_moves_was_said(
    node: StandInNode, status: JobStatus | None, moves: str, done: str
) -> None:
    request = followed_jobs()[0 if status is None else 1].request
    on_chain = None if status is None else chain_job(request, status=status, started_at_unix_s=0)
    node.records.followed = [FollowedJob(request, on_chain)]
    async with shown(node, SMALL) as pilot:
        await press(pilot, "r", "c")
        assert moves in unboxed(pilot)
        await press(pilot, "escape")
        assert node.calls == []
        await press(pilot, "c", "y")
        assert node.calls == [("cancel_request", request.job_id)]
        assert done in last_line(pilot)


async def test_a_model_is_fetched_into_the_directory_that_is_named(node: StandInNode, tmp_path: Path) -> None:
    async with attached(node, tmp_path, LARGE) as pilot:
        await press(pilot, "r", "end", "d")
        assert f"emeth-{VERIFIED_ID[2:10]}" in text_of(pilot)
        await press(pilot, "end", "ctrl+u", *"/models/tales", "enter")
        assert node.calls == [("fetch_result", (VERIFIED_ID, Path("/models/tales")))]
        assert "written to /models/tales: loss 2.104, 3.481 at the start" in last_line(pilot)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_result_is_compared_and_sampled(node: StandInNode, size: tuple[int, int]) -> None:
    async with shown(node, size) as pilot:
        await press(pilot, "r", "end", "enter", "e", "end")
        page = text_of(pilot)
        for part in ("2.1041", "3.4812", "prompt: A lamp is", "the the of a and", "lit, and the boat"):
            assert part in page
        await press(pilot, "i", *"Once", "enter", "end")
        assert node.calls[-1] == ("compare_result", (VERIFIED_ID, ("Once",)))
        assert "prompt: Once" in text_of(pilot)


async def test_the_page_of_a_request_follows_it(node: StandInNode) -> None:
    request = followed_jobs()[1].request
    node.records.followed = [FollowedJob(request, chain_job(request))]
    async with shown(node, SMALL) as pilot:
        await press(pilot, "r", "enter")
        assert "training" in text_of(pilot)
        node.records.followed = [FollowedJob(request, chain_job(request, status=JobStatus.FAILED))]
        screen = pilot.app.screen
        assert isinstance(screen, RequestScreen)
        screen.reload()
        await press(pilot, "down")
        assert "rejected" in text_of(pilot)
