"""The report: lines that fit their terminal, in both languages and in ASCII; JSON as it is documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from emeth_tui.doctor.finding import Grade, Result, Room, error, note, ok, warning
from emeth_tui.doctor.report import SCHEMA, Style, report_json, report_lines, wrapped
from emeth_tui.doctor.run import CHECKS
from emeth_tui.notices.reasons.doctor import checkup, contracts, remedies, rpc, software
from emeth_tui.notices.reasons.doctor import settings as of_settings
from emeth_tui.words.translation import set_language

PAGE = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"
RESULTS = [
    Result(Room.SETTINGS, "file", error(of_settings.SettingsMissing(Path("/x")), remedies.RunSetup())),
    Result(Room.SOFTWARE, "python", ok(software.PythonFits("3.12"))),
    Result(Room.RPC, "endpoints", warning(rpc.EndpointSlow("http://x", 2_500), remedies.UseOtherEndpoint())),
    Result(Room.CONTRACTS, "code", note(checkup.NotChecked(checkup.NoNetwork()))),
    Result(Room.CONTRACTS, "rates", note(checkup.NotChecked(checkup.NoNetwork()))),
]
ARITHMETIC = Result(
    Room.CONTRACTS, "arithmetic", ok(contracts.JobArithmetic(30 * 10**18, 1, 2, 3, 4, 5 * 10**20))
)


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def test_rooms_marks_and_the_remedy_on_the_line_below() -> None:
    assert list(report_lines(RESULTS, Style())) == [
        "settings",
        "  ✗ there is no settings file yet: /x",
        "    → run `emeth-tui setup`, which asks for everything and writes the file",
        "software",
        "  ✓ Python 3.12",
        "RPC endpoints",
        "  ! http://x: takes 2,500 ms to answer",
        "    → put another endpoint first in rpc_urls",
        "contracts",
        "  · not checked: the settings name no network yet",
        "",
        "errors: 1, warnings: 1",
    ]


def test_nothing_to_mend() -> None:
    assert list(report_lines(RESULTS[1:2], Style()))[-1] == "everything is in order"


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_lines_fit_their_terminal(language: str, width: int) -> None:
    set_language(language)
    lines = list(report_lines([*RESULTS, ARITHMETIC], Style(width=width)))

    assert max(map(cell_len, lines)) <= width


def test_ascii_alone() -> None:
    lines = list(report_lines([*RESULTS, ARITHMETIC], Style(ascii_only=True)))

    assert all(line.isascii() for line in lines)
    assert "  x there is no settings file yet: /x" in lines
    assert "    > run `emeth-tui setup`, which asks for everything and writes the file" in lines


def test_colours_colour_the_marks() -> None:
    lines = list(report_lines(RESULTS, Style(colours=True)))

    assert "  \x1b[31m✗\x1b[0m there is no settings file yet: /x" in lines
    assert list(report_lines(RESULTS, Style())) == [re.sub(r"\x1b\[\d+m", "", line) for line in lines]


@given(st.text(alphabet="ab /あい。—", min_size=1), st.integers(2, 30))
def test_no_line_is_too_wide_and_nothing_is_lost(text: str, width: int) -> None:
    lines = wrapped(text, width)

    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_word_is_not_cut_where_it_fits() -> None:
    assert wrapped("one two three", 9) == ["one two", "three"]
    assert wrapped("トクン", 5) == ["トク", "ン"]
    assert wrapped("学習（試行）。", 6) == ["学習", "（試", "行）。"]
    assert wrapped("/a/very/long/path", 8) == ["/a/very/", "long/pat", "h"]


def test_the_json_report_is_as_documented() -> None:
    set_language("ja")
    report = json.loads(report_json([*RESULTS, ARITHMETIC], "1.2.3"))

    findings = report.pop("findings")
    assert report == {"schema": SCHEMA, "version": "1.2.3", "worst": "error"}
    assert findings[0] == {
        "room": "settings",
        "check": "file",
        "severity": "error",
        "kind": "settings_missing",
        "fields": {"path": "/x"},
        "message": "there is no settings file yet: /x",
        "remedy": "run `emeth-tui setup`, which asks for everything and writes the file",
    }
    assert findings[-1]["fields"]["fee_wei"] == str(30 * 10**18)
    documented = re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [*findings[0]] == [name for name in documented if name in findings[0]]


def test_the_page_names_every_check() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)

    assert rows == [(check.room.value, check.name) for check in CHECKS]


def test_the_page_names_every_severity() -> None:
    assert all(f"`{grade.value}`" in PAGE.read_text("utf-8") for grade in Grade)
