"""What every key does, seen from the node and on the screen."""

from __future__ import annotations

import re

import pytest
from textual import events
from textual.command import CommandList
from textual.widgets import Input

from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.model import ServiceName, token_to_wei
from emeth_tui.notices.events.job import Verified
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.job import NotUnderWay
from emeth_tui.notices.reasons.market import PausedByOperator
from emeth_tui.tui.actions import ACTIONS
from emeth_tui.tui.dialogs.dialog import Dialog
from emeth_tui.tui.drawing.line_view import LineView
from emeth_tui.tui.node_front import Ending
from emeth_tui.tui.screens.dashboard import Dashboard
from emeth_tui.tui.screens.help import HelpScreen
from emeth_tui.tui.screens.job import JobScreen
from emeth_tui.tui.screens.log import LogScreen
from emeth_tui.tui.screens.tables.history import HistoryScreen
from emeth_tui.tui.screens.tables.market import MarketScreen
from emeth_tui.tui.screens.tables.network import NetworkScreen
from emeth_tui.tui.screens.tables.transactions import TransactionsScreen
from emeth_tui.words.sentences import english
from emeth_tui.words.translation import _, set_language
from tests.tui.harness import ATTACHED, LARGE, SMALL, last_line, press, settled, shown, text_of
from tests.tui.stand_in import (
    ATTACHED_TO,
    ENDED_ID,
    EVENTS,
    NOW,
    PENDING_ID,
    SECOND_ID,
    TRAINING_ID,
    StandInNode,
    event,
    forecast,
    paused,
    pending_job,
    second_job,
    snapshot,
    training_job,
    training_worker,
)


async def test_p_pauses_the_chosen_job_and_lets_it_go_on(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "p", "p")
        assert node.calls == [("pause_job", TRAINING_ID)]
        assert "job 6f2a…c1 pauses at its next step" in last_line(pilot)
        assert "‖ paused" in text_of(pilot)
        await press(pilot, "p")
        assert node.calls[-1] == ("resume_job", TRAINING_ID)


@pytest.mark.parametrize(
    ("answer", "length"),
    [("p", (None, "")), ("1", (1_800, "")), ("2", (7_200, "")), ("8", (28_800, "")), ("7", (None, "07:00"))],
)
async def test_a_pause_has_an_end_or_none(
    node: StandInNode, answer: str, length: tuple[int | None, str]
) -> None:
    async with shown(node) as pilot:
        await press(pilot, "p")
        assert node.calls == []
        await press(pilot, answer)
        assert node.pauses == [length]
        await press(pilot, "P", answer.replace("p", "P"))
        assert node.pauses == [length, length]


async def test_a_pause_can_be_thought_better_of(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "p", "escape", "P", "enter")
        assert node.calls == []


async def test_the_cursor_says_which_job_is_meant(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "down", "p", "p")
        assert node.calls == [("pause_job", SECOND_ID)]


async def test_a_command_that_fails_says_why(node: StandInNode) -> None:
    node.refusals["pause_job"] = NotUnderWay("6f2a…c1")
    async with shown(node) as pilot:
        await press(pilot, "p", "p")
        assert "✗ job 6f2a…c1 is not under way" in last_line(pilot)


async def test_capital_p_pauses_claiming_and_takes_it_up_again(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "P", "P")
        assert node.calls == [("pause_claims", None)]
        assert "claiming is paused: by the operator" in text_of(pilot)
        await press(pilot, "P")
        assert node.calls[-1] == ("resume_claims", None)
        assert "claiming is paused" not in text_of(pilot)


async def test_f_finishes_then_pauses_once(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "f", "f")
        assert node.calls == [("finish_then_pause", None)]
        assert "claiming is already paused" in last_line(pilot)


async def test_w_withdraws_and_tells_how_much(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "w")
        assert node.calls == [("withdraw", None)]
        assert "812.00 EMT withdrawn" in last_line(pilot)


async def test_w_without_a_reward_says_so() -> None:
    today = snapshot().today
    assert today is not None
    node = StandInNode(snapshot(today=type(today)(today.share, today.ends_at_unix_s, (), ())))
    async with shown(node) as pilot:
        await press(pilot, "w")
        assert node.calls == []
        assert "no closed day has a reward to withdraw" in last_line(pilot)


async def test_declining_asks_with_the_exact_cost_and_the_answer_is_no(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "D")
        assert isinstance(pilot.app.screen, Dialog)
        assert "5.03086419725 EMT, 25 %" in text_of(pilot)
        await press(pilot, "enter")
        assert node.calls == []
        assert "nothing was declined" in last_line(pilot)


@pytest.mark.parametrize("answer", [("y",), ("down", "enter"), ("tab", "enter")])
async def test_declining_goes_ahead_when_told_so(node: StandInNode, answer: tuple[str, ...]) -> None:
    async with shown(node) as pilot:
        await press(pilot, "D", *answer)
        assert node.calls == [("decline_job", TRAINING_ID)]
        assert "job 6f2a…c1 is declined" in last_line(pilot)


async def test_declining_may_pause_claiming_first(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "D")
        assert "p  Yes, and pause claiming" in text_of(pilot)
        await press(pilot, "p")
        assert node.calls == [("pause_claims", None), ("decline_job", TRAINING_ID)]


async def test_claiming_that_is_paused_is_not_paused_again(node: StandInNode) -> None:
    node.change(claims_paused=PausedByOperator(), standstill=paused(PausedByOperator()))
    async with shown(node) as pilot:
        await press(pilot, "D", "p")
        assert isinstance(pilot.app.screen, Dialog)
        assert "! p  Yes, and pause claiming: claiming is already paused" in text_of(pilot)
        assert node.calls == []


async def test_an_answer_that_is_unavailable_says_so_when_it_is_asked_for(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "m", "c")
        assert "! y" not in text_of(pilot)
        await press(pilot, "y")
        assert isinstance(pilot.app.screen, Dialog)
        assert "! y  Yes, claim it" in text_of(pilot)
        assert node.calls == []


async def test_a_paused_job_is_not_at_work_and_promises_no_end(node: StandInNode) -> None:
    waiting = second_job(paused=True, job_id=ENDED_ID)
    node.picture = snapshot(jobs=(training_job(paused=True), second_job(), waiting))
    async with shown(node) as pilot:
        assert "1 of 2 at work" in text_of(pilot)  # three jobs, two workers
        paused = text_of(pilot).split("cuda:1")[0]
        assert "done in" not in paused
        assert "deadline in 4 h 02" in paused


async def test_one_that_would_be_late_says_so_before_it_is_resumed(node: StandInNode) -> None:
    late = forecast(TRAINING_ID, 2_540, 2_750, 1_000)
    node.picture = snapshot(jobs=(training_job(paused=True), second_job()), forecasts=(late,))
    async with shown(node) as pilot:
        assert "✗ late by" in text_of(pilot)


async def test_escape_never_declines(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "D", "down", "escape")
        assert node.calls == []


async def test_capital_a_declines_all_that_can_be_declined(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "A")
        assert "Decline all 2 jobs?" in text_of(pilot)
        assert "10.03086419725 EMT" in text_of(pilot)
        await press(pilot, "y")
        assert sorted(node.calls) == [("decline_job", SECOND_ID), ("decline_job", TRAINING_ID)]


async def test_declining_is_refused_while_the_chain_does_not_answer(node: StandInNode) -> None:
    node.picture = snapshot(
        services=(ServiceStatus(ServiceName.CHAIN, NOW - 60, Foreign("connection refused")),)
    )
    async with shown(node) as pilot:
        await press(pilot, "D")
        assert isinstance(pilot.app.screen, Dashboard)
        assert "the chain does not answer" in last_line(pilot)


async def test_an_idle_worker_has_no_job_to_pause() -> None:
    node = StandInNode(snapshot(workers=(training_worker(job_id=None),), jobs=()))
    async with shown(node) as pilot:
        await press(pilot, "p")
        assert node.calls == []
        assert "no job is chosen" in last_line(pilot)


@pytest.mark.parametrize(
    ("key", "screen"),
    [
        ("l", LogScreen),
        ("h", HistoryScreen),
        ("m", MarketScreen),
        ("n", NetworkScreen),
        ("x", TransactionsScreen),
        ("question_mark", HelpScreen),
        ("f1", HelpScreen),
        ("enter", JobScreen),
    ],
)
async def test_pages_open_and_escape_closes_them(node: StandInNode, key: str, screen: type) -> None:
    async with shown(node) as pilot:
        await press(pilot, key)
        assert isinstance(pilot.app.screen, screen)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, Dashboard)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_number_keys_go_to_the_panels(node: StandInNode, size: tuple[int, int]) -> None:
    async with shown(node, size) as pilot:
        for number, name in enumerate(("workers", "pending", "deposits", "disk", "share", "events"), 1):
            await press(pilot, str(number))
            assert pilot.app.focused is not None
            assert pilot.app.focused.id == name
            assert pilot.app.focused.display


async def test_enter_in_pending_and_events_opens_that_job(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "2", "down", "enter")
        assert isinstance(pilot.app.screen, JobScreen)
        assert pilot.app.screen.job_id == PENDING_ID
        await press(pilot, "escape", "6", "enter")
        assert isinstance(pilot.app.screen, JobScreen)
        assert pilot.app.screen.job_id == TRAINING_ID


async def test_what_is_typed_in_one_go_after_a_slash_is_the_filter(node: StandInNode) -> None:
    async with shown(node) as pilot:
        for key, character in (("slash", "/"), ("P", "P"), ("m", "m"), ("slash", "/")):
            pilot.app.post_message(events.Key(key, character))  # as a slow connection delivers them
        await settled(pilot)
        assert node.calls == []
        assert pilot.app.screen.query_one("#filter", Input).value == "Pm/"


async def test_slash_filters_events_and_escape_takes_it_back(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "slash", *"epoch", "enter")
        assert "epoch 12 of 30" in text_of(pilot)
        assert "submitted, waiting" not in text_of(pilot)
        await press(pilot, "escape")
        assert "submitted, waiting" in text_of(pilot)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_what_is_filtered_is_said_at_every_size(node: StandInNode, size: tuple[int, int]) -> None:
    async with shown(node, size) as pilot:
        await press(pilot, "6", "s")
        assert "warnings and errors" in text_of(pilot)
        await press(pilot, "slash", *"warn", "enter")
        assert "no event matches the filter" in text_of(pilot)
        assert "warnings and errors · “warn”" in text_of(pilot)
        await press(pilot, "escape", "6", "s", "s")
        assert "warnings and errors" not in text_of(pilot)


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_help_says_all_of_everything_on_a_small_terminal(node: StandInNode, language: str) -> None:
    set_language(language)
    async with shown(node, SMALL) as pilot:
        await press(pilot, "question_mark")
        frame, page = pilot.app.frame, pilot.app.screen  # type: ignore[attr-defined]
        folded = page.content(frame, 78)  # type: ignore[attr-defined]
        assert max(line.width for line in folded) <= 78
        said = re.sub(r"\s", "", "".join(line.text for line in folded))
        missing = [action.id for action in ACTIONS if re.sub(r"\s", "", _(action.help)) not in said]
        assert missing == []


async def test_letters_typed_into_the_filter_are_not_commands(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "slash", "p", "P", "f", "D", "w", "q")
        assert node.calls == []
        assert isinstance(pilot.app.screen, Dashboard)


async def test_s_shows_only_what_is_worse(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "6", "s")
        assert "storage does not answer" in text_of(pilot)
        assert "epoch 12 of 30" not in text_of(pilot)
        await press(pilot, "s")
        assert "storage does not answer" not in text_of(pilot)
        assert "cannot go on" in text_of(pilot)


async def test_c_copies_the_chosen_event(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "6", "c")
        assert pilot.app.clipboard == f"{TRAINING_ID} {english(EVENTS[-1].body)}"


async def test_an_event_under_the_cursor_stays_there_when_new_ones_come(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "6", "down", "down")
        panel = pilot.app.screen.query_one("#events")
        before = panel.event  # type: ignore[attr-defined]
        node.change(events=(*EVENTS, EVENTS[0]))
        await settled(pilot)
        assert panel.event == before  # type: ignore[attr-defined]


async def test_t_takes_the_next_theme_and_says_its_name(node: StandInNode) -> None:
    async with shown(node) as pilot:
        before = pilot.app.theme
        await press(pilot, "t")
        assert pilot.app.theme != before
        assert "theme: High contrast" in last_line(pilot)


async def test_the_palette_asks_in_the_interfaces_language(node: StandInNode) -> None:
    set_language("ja")
    async with shown(node) as pilot:
        await press(pilot, "colon")
        assert "コマンドを検索…" in text_of(pilot)


async def test_the_palette_says_in_the_interfaces_language_that_nothing_matches(node: StandInNode) -> None:
    set_language("ja")
    async with shown(node) as pilot:
        await press(pilot, "colon", *"qqq")
        while pilot.app.screen.query_one(CommandList).option_count != 1:
            await pilot.pause(0.05)
        assert "一致するものはありません" in text_of(pilot)


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
async def test_the_palette_holds_the_commands(node: StandInNode, key: str) -> None:
    async with shown(node) as pilot:
        await press(pilot, key)
        await press(pilot, *"withdraw")
        assert "Withdraw the rewards of closed days" in text_of(pilot)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving_asks_and_stays_by_default(node: StandInNode, key: str) -> None:
    async with shown(node) as pilot:
        await press(pilot, key)
        assert isinstance(pilot.app.screen, Dialog)
        assert "quitting now costs" in text_of(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, Dashboard)
        assert node.calls == []


async def test_a_network_in_a_temporary_directory_promises_no_next_start(node: StandInNode) -> None:
    node.change(temporary_state=True)
    async with shown(node) as pilot:
        await press(pilot, "q")
        assert "at the next start" not in text_of(pilot)
        assert "temporary directory" in text_of(pilot)
        assert "Quit now: the local network ends too, and nothing is kept" in text_of(pilot)
        assert "save every job" not in text_of(pilot)
    node.change(jobs=(pending_job(PENDING_ID, 245),))
    node.attached_to = ATTACHED_TO
    async with shown(node, options=ATTACHED) as pilot:
        await press(pilot, "q")
        assert "Stop the node now: the local network ends too, nothing is kept" in text_of(pilot)
        assert "no job is under way; 1 job is waiting for the verifier" in text_of(pilot)
        assert "needs no node" not in text_of(pilot)


@pytest.mark.parametrize(
    ("jobs", "said"), [(1, "1 job, the first deadline in"), (2, "2 jobs, the first deadline in")]
)
async def test_one_job_is_no_jobs(node: StandInNode, jobs: int, said: str) -> None:
    node.picture = snapshot(jobs=(training_job(), second_job())[:jobs])
    async with shown(node) as pilot:
        await press(pilot, "q")
        assert said in text_of(pilot)


async def test_leaving_the_node_running_ends_the_screen_alone(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await pilot.press("q", "l")
        await pilot.pause()
    assert pilot.app.return_value is Ending.LEFT
    assert node.calls == []


async def test_draining_and_stopping_are_told_to_the_node(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "q", "d")
        assert node.calls == [("drain", None)]
        assert "draining: ends when" in text_of(pilot)
        await press(pilot, "q", "x")
        assert node.calls[-1] == ("request_stop", None)
        assert "every job under way is being saved" in text_of(pilot)


async def test_o_reads_the_job_from_the_chain(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "enter", "o")
        assert node.calls == [("chain_record", TRAINING_ID)] * 2  # once by itself
        assert "read from the chain" in last_line(pilot)
        assert "PROCESSING" in text_of(pilot)


async def test_pages_filter_and_scroll(node: StandInNode) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "l")
        assert "no 29" in text_of(pilot)
        await press(pilot, "home")
        assert "no 29" not in text_of(pilot)
        await press(pilot, "slash", *"warning", "enter")
        assert "no 7" in text_of(pilot)
        assert "no 6" not in text_of(pilot)
        await press(pilot, "escape", "tab")
        assert "worker 0 is ready" in text_of(pilot)


async def test_history_opens_the_chosen_job(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "h", "down", "enter")
        assert isinstance(pilot.app.screen, JobScreen)
        assert pilot.app.screen.job_id == SECOND_ID


async def test_what_went_well_has_a_sign_and_epochs_stand_back(node: StandInNode) -> None:
    verified = event(Verified(token_to_wei(10), 5, 30), 5, PENDING_ID)
    node.change(events=(*EVENTS, verified))
    async with shown(node) as pilot:
        roles = {
            kind: [span for span in line.spans if text in span[0] or "✓" in span[0]]
            for line in pilot.app.screen.query_one("#events", LineView).lines
            for kind, text in (("verified", "verified:"), ("withdrawn", "withdr"), ("epoch", "epoch 12"))
            if text in line.text
        }
    assert [role for _text, role in roles["verified"]] == ["good", "good"]
    assert [role for _text, role in roles["withdrawn"]] == ["good", "good"]
    assert [role for _text, role in roles["epoch"]] == ["muted"]
