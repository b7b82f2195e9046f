"""A job's page: everything that is known of it, newest on the chain, its log followed, its proof kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from emeth_tui.errors import ChainUnreachable
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.tui.screens.job import JobScreen
from emeth_tui.tui.screens.log import LogScreen
from tests.tui.harness import LARGE, SMALL, last_line, press, settled, shown, text_of
from tests.tui.stand_in import ENDED_ID, NOW, TRAINING_ID, StandInNode

TALL = (160, 120)


async def test_everything_that_is_known_is_there(node: StandInNode) -> None:
    async with shown(node, TALL) as pilot:
        await press(pilot, "enter")
        page = text_of(pilot)
        for known in (
            "2023-11-15 12:56:39 UTC",  # taken
            "2023-11-15 18:05:39 UTC, in 4 h 02",  # deadline
            "UTC, in 42–45 min",  # forecast
            "PROCESSING",
            "for 39 s",
            '{"language": "ja", "epoch": 30}',
            "checkpoint-12.pt",
            "4.3 GB",
            "• validation, ○ training",
            "epoch 12 of 30",
            "worker 0 is ready on cuda:0",
        ):
            assert known in page


async def test_transactions_stand_between_the_states_that_they_belong_to(node: StandInNode) -> None:
    async with shown(node, TALL) as pilot:
        await press(pilot, "enter")
        lines = text_of(pilot).splitlines()
        claiming, process, claimed, training, submit = (
            next(n for n, text in enumerate(lines) if word in text and "2023-11-15" in text)
            for word in ("  claiming ", "  process ", "  claimed ", "  training ", "  submit ")
        )
        assert claiming < process < claimed < training < submit


@pytest.mark.parametrize("size", [SMALL, TALL])
async def test_no_whole_link_of_the_hash_chain_is_ever_shown(
    node: StandInNode, size: tuple[int, int]
) -> None:
    async with shown(node, size) as pilot:
        await press(pilot, "enter", "slash", *"abab", "enter")
        assert "12ababab…" in text_of(pilot)
        assert "12" + "ab" * 31 not in text_of(pilot)


async def test_the_chain_is_asked_again_when_the_state_changes(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "enter")
        assert node.calls == [("chain_record", TRAINING_ID)]
        assert "read from the chain" not in last_line(pilot)  # nobody pressed a key for it
        node.change_job(TRAINING_ID, state=JobState.UPLOADING)
        assert isinstance(pilot.app.screen, JobScreen)
        pilot.app.screen._loaded_at_s = 0.0  # type: ignore[attr-defined]
        await settled(pilot)
        await settled(pilot)
        assert len(node.calls) == 2


async def test_a_chain_that_does_not_answer_is_told_on_the_page(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(_job_id: JobId) -> ChainJob | None:
        raise ChainUnreachable(Foreign("the endpoint does not answer"))

    monkeypatch.setattr(node.records, "chain_record", unreachable)
    async with shown(node, TALL) as pilot:
        await press(pilot, "enter")
        assert "✗ the endpoint does not answer" in text_of(pilot)


async def test_a_stranger_who_writes_any_deadline_breaks_nothing(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await node.records.chain_record(TRAINING_ID)
    assert record is not None

    async def hostile(_job_id: JobId) -> ChainJob | None:
        return replace(record, deadline_unix_s=2**256 - 1, param="\x1b[31mred", dataset="../x" * 99)

    monkeypatch.setattr(node.records, "chain_record", hostile)
    async with shown(node, TALL) as pilot:
        await press(pilot, "enter")
        assert "9999-12-31 23:59:59 UTC" in text_of(pilot)
        assert "\x1b" not in text_of(pilot)


async def test_at_its_end_the_page_follows_the_log(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ["line 0"]

    async def tail(_path: Path, _max_bytes: int = 0) -> Sequence[str]:
        return list(log)

    monkeypatch.setattr(node.records, "log_tail", tail)
    async with shown(node, SMALL) as pilot:
        await press(pilot, "enter", "end")
        assert "line 0" in text_of(pilot)
        log += [f"line {number}" for number in range(1, 15)]
        pilot.app.screen._loaded_at_s = 0.0  # type: ignore[attr-defined]
        await settled(pilot)
        await settled(pilot)
        assert "line 14" in text_of(pilot)
        await press(pilot, "home")
        log.append("line 15")
        pilot.app.screen._loaded_at_s = 0.0  # type: ignore[attr-defined]
        await settled(pilot)
        assert "taken" in text_of(pilot)


WORKER_LOG = (
    "2023-11-15 12:00:00,000 INFO emeth_tui.training.job: job 0x77aa: gpt2, en, 30 epochs",
    "2023-11-15 12:30:00,000 WARNING emeth_tui.training.run.loop: of the one before",
    f"2023-11-15 13:00:00,000 INFO emeth_tui.training.job: job {TRAINING_ID}: gpt2, ja, 30 epochs",
    "2023-11-15 13:30:00,000 ERROR emeth_tui.training.run.loop: its own trouble",
    "Traceback of its own",
)


async def test_its_log_is_the_jobs_own_lines_and_tab_shows_all(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tail(path: Path, _max_bytes: int = 0) -> Sequence[str]:
        return WORKER_LOG if path.name == "worker-0.log" else ["of the node"]

    monkeypatch.setattr(node.records, "log_tail", tail)
    async with shown(node) as pilot:
        await press(pilot, "enter", "end")
        assert "its own trouble" in text_of(pilot)
        assert "of the one before" not in text_of(pilot)
        await press(pilot, "l")
        assert isinstance(pilot.app.screen, LogScreen)
        assert "▸worker-0.log" in text_of(pilot)
        assert "only the lines of job 6f2a…c1" in text_of(pilot)
        assert "Traceback of its own" in text_of(pilot)
        assert "of the one before" not in text_of(pilot)
        await press(pilot, "tab", "tab")
        assert "▸worker-0.log" in text_of(pilot)
        assert "of the one before" in text_of(pilot)


async def test_an_ended_job_shows_what_the_nodes_log_says_of_it(
    node: StandInNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tail(path: Path, _max_bytes: int = 0) -> Sequence[str]:
        assert path.name == "node.log"
        return ["of another job", f"{ENDED_ID} verified"]

    monkeypatch.setattr(node.records, "log_tail", tail)
    async with shown(node, TALL) as pilot:
        await press(pilot, "h", "end", "enter")
        assert f"{ENDED_ID} verified" in text_of(pilot)
        assert "of another job" not in text_of(pilot)


async def test_a_job_past_its_deadline_says_so(node: StandInNode) -> None:
    node.change_job(TRAINING_ID, deadline_unix_s=int(NOW) - 120)
    async with shown(node, LARGE) as pilot:
        await press(pilot, "enter")
        assert "UTC, 2 min ago" in text_of(pilot)


async def test_o_brings_the_record_on_the_chain_into_view(node: StandInNode) -> None:
    async with shown(node, SMALL) as pilot:
        await press(pilot, "enter")
        assert "On the chain" not in text_of(pilot).split("o On the chain")[0]
        await press(pilot, "o")
        lines = text_of(pilot).splitlines()
        place = next(number for number, line in enumerate(lines) if line.strip() == "On the chain")
        assert place < 5
        assert any("PROCESSING" in line for line in lines)
        await press(pilot, "home")
        assert "taken" in text_of(pilot)
