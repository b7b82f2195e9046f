"""History: searching it, by day, and as CSV that is exact and harmless."""

from __future__ import annotations

import csv
import stat
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from emeth_tui.engine.money.costs import DayCosts
from emeth_tui.engine.money.earnings import days_of
from emeth_tui.listings.csv_text import columns_of, days_csv, jobs_csv
from emeth_tui.listings.records import JobRecord
from emeth_tui.listings.texts import exact_decimal, harmless
from emeth_tui.model import SECONDS_PER_DAY, JobState, Prices, token_to_wei
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.tui.exports import save_new
from emeth_tui.tui.screens.tables.days import DaysScreen
from emeth_tui.tui.screens.tables.history import HistoryScreen
from tests.factories import make_job
from tests.tui.harness import LARGE, OPTIONS, SMALL, last_line, press, shown, text_of
from tests.tui.stand_in import NOW, StandInNode, ended_job


def files_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize(
    ("amount_wei", "text"),
    [(0, "0"), (1, "0.000000000000000001"), (token_to_wei("-1234.50"), "-1234.5"), (10**40, "1" + "0" * 22)],
)
def test_amounts_are_exact_decimals(amount_wei: int, text: str) -> None:
    assert exact_decimal(amount_wei) == text
    assert int(Decimal(text).scaleb(18)) == amount_wei


@pytest.mark.parametrize(
    "hostile",
    [
        '=HYPERLINK("http://x","y")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "  =1",
        "\r\n=1",
        "＝1",
    ],
)
def test_no_cell_is_a_formula_or_breaks_its_row(hostile: str) -> None:
    (row,) = rows_of(
        jobs_csv([make_job(dataset=hostile, error=Foreign(f"{hostile}\nsecond"), model=hostile)])
    )
    for name in ("dataset", "error", "model"):
        assert row[name].startswith("'")
        assert row[name].isprintable()


def test_a_plain_text_stays_as_it_is() -> None:
    assert harmless('say "hi", 漢字; a=b') == 'say "hi", 漢字; a=b'


def test_a_job_is_written_whole() -> None:
    job = replace(
        ended_job(), fee_wei=token_to_wei("20.123456789"), lost_wei=1, deadline_unix_s=2**62, by_hand=True
    )
    (row,) = rows_of(jobs_csv([job]))
    assert list(row) == list(columns_of(JobRecord))
    assert row["fee_emt"] == "20.123456789"
    assert row["lost_emt"] == "0.000000000000000001"
    assert row["ended_at"] == "2023-11-15T11:33:19Z"
    assert (row["submitted_at"], row["deadline_at"], row["by_hand"]) == ("", str(2**62), "yes")


def test_days_are_written_with_their_losses() -> None:
    lost = make_job(state=JobState.TIMEOUT, ended_at_unix_s=NOW, lost_wei=token_to_wei(5))
    (row,) = rows_of(days_csv(days_of([lost], ())))
    assert (row["day"], row["costly"], row["total_emt"]) == ("2023-11-15", "1", "-5")


async def test_days_count_fees_and_energy_also_in_their_file(node: StandInNode, tmp_path: Path) -> None:
    slot = int(NOW) // SECONDS_PER_DAY
    node.records.costs = DayCosts({slot: token_to_wei(2)}, {slot: 3_600_000_000})
    node.change(prices=Prices("EUR", Decimal("0.5"), Decimal("1.5"), Decimal("0.25")))
    async with shown(node, SMALL, structs.replace(OPTIONS, exports_directory=tmp_path)) as pilot:
        await press(pilot, "h", "d")
        assert "net EUR" in text_of(pilot)
        await press(pilot, "x", "enter")
        (path,) = files_in(tmp_path)
        row = next(row for row in rows_of(path.read_text("utf-8")) if row["fee_native"] == "2")
        assert (row["energy_j"], row["energy_value"], row["fee_value"]) == ("3600000.0", "0.25", "3")
        assert Decimal(row["net"]) == Decimal(row["value"]) - Decimal("3.25")
    async with shown(node, LARGE) as pilot:
        await press(pilot, "h", "d")
        assert "1.00 kWh" in text_of(pilot)


def test_a_file_is_new_and_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.csv"
    save_new(path, "a,b\r\n")
    assert path.read_bytes() == b"a,b\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        save_new(path, "other")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_what_is_shown_is_exported_to_where_the_screen_says(
    node: StandInNode, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with shown(node, size, structs.replace(OPTIONS, exports_directory=tmp_path)) as pilot:
        await press(pilot, "h", "slash", *"verified", "enter", "x")
        assert "Export 1 row as CSV" in text_of(pilot)
        await press(pilot, "enter")
        (path,) = files_in(tmp_path)
        assert last_line(pilot).strip().startswith(f"✓ written: {path}"[: size[0] - 20])
        assert [row["job_id"] for row in rows_of(path.read_text("utf-8"))] == [ended_job().job_id]


async def test_another_place_can_be_named_and_nothing_is_overwritten(
    node: StandInNode, tmp_path: Path
) -> None:
    target = tmp_path / "mine.csv"
    target.write_text("precious", "utf-8")
    async with shown(node) as pilot:
        await press(pilot, "h", "x")
        pilot.app.screen.query_one("#path").value = str(target)  # type: ignore[attr-defined]
        await press(pilot, "enter")
        assert "File exists; choose another place" in last_line(pilot)
        await press(pilot, "x")
        pilot.app.screen.query_one("#path").value = str(tmp_path)  # type: ignore[attr-defined]
        await press(pilot, "enter")
        await press(pilot, "x", "escape")
        assert isinstance(pilot.app.screen, HistoryScreen)
    assert target.read_text("utf-8") == "precious"
    assert sorted(path.name[:11] for path in files_in(tmp_path)) == ["emeth-jobs-", "mine.csv"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("$HOME/a.csv", "$HOME is not expanded"),
        ("~nobody-of-this-name/a.csv", "no home directory of that name"),
    ],
)
async def test_a_place_that_is_none_is_explained_and_asked_again(
    node: StandInNode, typed: str, message: str
) -> None:
    async with shown(node) as pilot:
        await press(pilot, "h", "x")
        pilot.app.screen.query_one("#path").value = typed  # type: ignore[attr-defined]
        await press(pilot, "enter")
        assert message in text_of(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, HistoryScreen)


async def test_days_show_what_came_in_and_lead_to_their_jobs(node: StandInNode, tmp_path: Path) -> None:
    async with shown(node, LARGE, structs.replace(OPTIONS, exports_directory=tmp_path)) as pilot:
        await press(pilot, "h", "d")
        assert isinstance(pilot.app.screen, DaysScreen)
        lines = text_of(pilot).splitlines()
        (today,) = [text for text in lines if "2023-11-15" in text]
        # One job earned 10 EMT; 1,164 of 48,900 gas are 6,855.46 EMT of 288,000, if it ended now.
        assert today.split() == [
            "2023-11-15", "…", "1", "1", "0", "1,164", "10.00", "0.00", "≈", "6,855.46", "10.00",
        ]  # fmt: skip
        await press(pilot, "x", "enter")
        (path,) = files_in(tmp_path)
        assert len(rows_of(path.read_text("utf-8"))) == 8
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, HistoryScreen)
        assert [job.job_id for job in pilot.app.screen.shown] == [ended_job().job_id]
        assert "/ ended:2023-11-15" in text_of(pilot)
        await press(pilot, "escape")
        assert len(pilot.app.screen.shown) == 5


async def test_an_empty_history_says_so_and_has_nothing_to_write(node: StandInNode) -> None:
    async with shown(node) as pilot:
        await press(pilot, "h", "slash", *"zzz", "enter", "x")
        assert "no job matches the filter" in text_of(pilot)
        assert "there is nothing to export" in last_line(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, HistoryScreen)
