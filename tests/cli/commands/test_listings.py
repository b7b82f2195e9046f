"""Every listing beside a running node: at a terminal, in a pipe, as JSON and CSV, in Japanese."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import re
import subprocess

import pytest
from rich.cells import cell_len

from emeth_tui.listings.csv_text import columns_of
from emeth_tui.listings.documents import DOCUMENTS
from emeth_tui.store.lock import lock_holder
from tests.cli.commands.world import LIMIT_S, World, check, run_program
from tests.terminal import Terminal

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
LISTINGS = [
    "status",
    "jobs",
    "events",
    "market",
    "transactions",
    "rewards",
    "rewards --movements",
    "settings get",
    "themes",
    "keys",
]
WITH_CSV = [name for name in LISTINGS if name != "status"]


@pytest.mark.parametrize("command", LISTINGS)
async def test_json_keeps_to_the_schema(node: World, command: str) -> None:
    document = await node.json(*command.split())

    check(command, document)
    assert document, "a test of nothing"


async def test_one_job_as_json_keeps_to_the_schema(node: World) -> None:
    document = await node.json("job", node.verified[2:])

    check("job", document)
    assert document["job"]["state"] == "verified"
    assert len(document["epochs"]) == 30
    assert {tx["purpose"] for tx in document["transactions"]} >= {"process", "submit"}
    assert document["movements"][0]["kind"] == "claim"


async def test_a_month_as_json_keeps_to_the_schema(node: World) -> None:
    day = (await node.json("rewards"))[-1]["day"]

    document = await node.json("rewards", "--month", day[:7])

    check("rewards --month", document)
    assert day in [one["day"] for one in document["days"]]


@pytest.mark.parametrize("command", WITH_CSV)
async def test_csv_has_the_schemas_columns(node: World, command: str) -> None:
    text = await node.output(*command.split(), "--csv")
    rows = list(csv.reader(io.StringIO(text, newline="")))

    (kind,) = DOCUMENTS[command].__args__
    assert rows[0] == list(columns_of(kind))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert text.count("\r\n") == len(rows)


@pytest.mark.parametrize(
    ("command", "columns"), [*((name, 80) for name in (*LISTINGS, "job")), ("jobs", 200)]
)
async def test_a_table_fits_its_terminal(node: World, command: str, columns: int) -> None:
    words = ["job", node.training] if command == "job" else command.split()

    lines = await node.screen(columns, *words)

    assert lines
    assert max(cell_len(line) for line in lines) <= columns


@pytest.mark.parametrize("command", ["status", "jobs", "events"])
async def test_a_pipe_gets_no_colours_and_no_cut_lines(node: World, command: str) -> None:
    text = await node.output(*command.split(), TERM="xterm-256color", COLUMNS="40")

    assert "\x1b" not in text
    if command == "jobs":
        assert {line.split()[0] for line in text.splitlines()[1:]} == {
            node.verified,
            node.declined,
            node.training,
        }
    assert max(map(len, text.splitlines())) > 40


async def test_a_terminal_gets_colours_unless_it_does_not_want_them(
    node: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def coloured() -> bool:
        terminal = Terminal([*node.command, "jobs"], (80, 24), os.environ)
        terminal.read_to_end()
        terminal.close()
        return b"\x1b[3" in terminal.output

    assert await asyncio.to_thread(coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not await asyncio.to_thread(coloured)


@pytest.mark.parametrize(
    ("command", "title"),
    [
        ("status", "受注"),
        ("jobs", "状態"),
        ("events", "出来事"),
        ("market", "判断"),
        ("transactions", "用途"),
        ("rewards", "収入"),
        ("rewards --movements", "種類"),
        ("settings get", "意味"),
        ("settings get", "既定"),
        ("themes", "テーマ"),
        ("keys", "キー"),
    ],
)
async def test_tables_speak_japanese(node: World, command: str, title: str) -> None:
    assert title in await node.output(*command.split(), LC_ALL="ja_JP.UTF-8")


async def test_an_option_chooses_the_language_and_json_has_none(node: World) -> None:
    by_option = [*node.command, "--lang", "ja"]  # options stand before the command
    table, machine, error = [
        await asyncio.to_thread(run_program, [*by_option, *words])
        for words in (["status"], ["status", "--json"], ["job", "ffff"])
    ]

    assert "受注" in table.stdout
    assert not JAPANESE.search(machine.stdout)
    assert error.stderr.startswith("emeth-tui: error: 0xffff で始まるジョブはありません")


@pytest.mark.parametrize("command", ["status", "events"])
async def test_an_ascii_locale_is_no_obstacle(node: World, command: str) -> None:
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [*node.command, "--lang", "ja", *command.split()]

    result = await asyncio.to_thread(subprocess.run, words, env=plain, capture_output=True, timeout=LIMIT_S)

    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()


async def test_status_says_what_the_node_does(node: World) -> None:
    text = await node.output("status")
    document = await node.json("status")

    assert f"process {os.getpid()}" in text
    assert node.training[:10] in text
    assert document["pid"] == lock_holder(node.state_dir / "devnet")
    assert document["claims_paused"] is None
    assert [job["job_id"] for job in document["jobs"]] == [node.training]
    assert int(document["locked_wei"]) == 28 * 10**18


async def test_jobs_are_chosen_by_state_and_time(node: World) -> None:
    async def ids(*options: str) -> set[str]:
        return {job["job_id"] for job in await node.json("jobs", *options)}

    assert await ids() == {node.verified, node.declined, node.training}
    assert await ids("--state", "open") == {node.training}
    assert await ids("--state", "declined", "--state", "training") == {node.declined, node.training}
    assert await ids("--since", "2099-01-01") == {node.training}
    assert await ids("--since", "1h", "--state", "ended") == {node.verified, node.declined}


async def test_a_job_is_named_by_any_prefix_that_no_other_has(node: World) -> None:
    whole = node.training.removeprefix("0x")
    for prefix in (whole, "0x" + whole.upper(), whole[:32]):
        assert (await node.json("job", prefix))["job"]["job_id"] == node.training
    several = await node.run("job", "0")
    assert several.returncode == 23
    assert all(job_id in several.stderr for job_id in (node.verified, node.declined, node.training))
    nobody = await node.run("job", "ffff")
    assert (nobody.returncode, nobody.stdout) == (23, "")
    assert "no job begins with 0xffff; `emeth-tui jobs` lists them" in nobody.stderr
    assert (await node.run("job", "xyz")).returncode == 23


async def test_what_is_withdrawn_is_settled_and_the_open_day_is_not(node: World) -> None:
    (day,) = [day for day in await node.json("rewards") if day["verified"]]

    assert (day["reward_state"], day["estimated_reward_wei"]) == ("withdrawn", "0")
    assert int(day["reward_wei"]) == 288_000 * 10**18
    assert int(day["total_wei"]) == (288_000 + 15) * 10**18
    movements = await node.json("rewards", "--movements")
    assert sum(int(movement["amount_wei"]) for movement in movements) == (288_000 + 15 - 6 - 28) * 10**18
    kinds = [movement["kind"] for movement in movements]
    assert kinds == ["claim", "verify", "withdraw", "claim", "decline", "claim"]
    for movement in movements:  # the verifier paid for its own
        assert (movement["fee_native_wei"] is None) is (movement["kind"] == "verify")


async def test_the_market_says_why_a_job_is_not_taken(node: World) -> None:
    (offer,) = await node.json("market")

    assert offer["job_id"] == node.offered
    assert int(offer["fee_wei"]) == 21 * 10**18
    assert offer["suitable"] is (offer["refusal"] is None)
    assert len(await node.json("market", "--suitable")) == offer["suitable"]


async def test_a_setting_alone_is_its_value(node: World) -> None:
    assert await node.output("settings", "get", "claims.poll_interval_s") == "0.1\n"
    section = await node.json("settings", "get", "claims")
    assert {setting["key"].partition(".")[0] for setting in section} == {"claims"}
    wrong = await node.run("settings", "get", "claims.min_fee")
    assert wrong.returncode == 3
    assert "the nearest is claims.min_fee_emt" in wrong.stderr
