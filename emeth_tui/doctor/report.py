"""The report: lines for people, in rooms, as wide as their terminal; or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len

from emeth_tui.doctor.finding import Finding, Grade, Result, worst
from emeth_tui.notices.notice import field_data
from emeth_tui.words.checkup import room_name, verdict
from emeth_tui.words.sentences import english, text_of

SCHEMA = 1  # of the JSON report; docs/doctor.md describes it
MIN_WIDTH = 40
_MARKS = {Grade.OK: "✓", Grade.NOTE: "·", Grade.WARNING: "!", Grade.ERROR: "✗"}
_ASCII_MARKS = {Grade.OK: "+", Grade.NOTE: ".", Grade.WARNING: "!", Grade.ERROR: "x"}
_COLOURS = {Grade.OK: "32", Grade.NOTE: "2", Grade.WARNING: "33", Grade.ERROR: "31"}
_NOT_FIRST, _NOT_LAST = frozenset("、。）」』】：；！？ー"), frozenset("（「『【")
_ASCII = str.maketrans({"×": "x", "–": "-", "…": "~", "→": ">"})


@dataclass(frozen=True, slots=True)
class Style:
    """How lines are drawn."""

    width: int = 80
    ascii_only: bool = False
    colours: bool = False

    def mark(self, grade: Grade) -> str:
        return self._coloured((_ASCII_MARKS if self.ascii_only else _MARKS)[grade], _COLOURS[grade])

    def heading(self, text: str) -> str:
        return self._coloured(text, "1")

    def plain(self, text: str) -> str:
        return text.translate(_ASCII) if self.ascii_only else text

    def _coloured(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours else text


def report_lines(results: Sequence[Result], style: Style) -> Iterator[str]:
    """Yield the report, room by room: each finding behind its mark, and the remedy on the line below."""
    for room, of_room in groupby(results, key=lambda result: result.room):
        yield style.heading(style.plain(room_name(room.value)))
        # What several checks of a room lack is said once.
        for finding in dict.fromkeys(result.finding for result in of_room):
            yield from _finding_lines(finding, style)
    grades = [result.finding.grade for result in results]
    yield ""
    yield style.plain(verdict(grades.count(Grade.ERROR), grades.count(Grade.WARNING)))


def _finding_lines(finding: Finding, style: Style) -> Iterator[str]:
    first, *rest = wrapped(style.plain(text_of(finding.notice)), max(MIN_WIDTH, style.width) - 4)
    yield f"  {style.mark(finding.grade)} {first}"
    yield from (f"    {line}" for line in rest)
    if finding.remedy is not None:
        arrow = style.plain("→")
        first, *rest = wrapped(style.plain(text_of(finding.remedy)), max(MIN_WIDTH, style.width) - 6)
        yield f"    {arrow} {first}"
        yield from (f"      {line}" for line in rest)


def wrapped(text: str, width: int) -> list[str]:
    """Cut a text into lines of at most so many cells: between words, else between characters."""
    lines, line = [], ""
    for word in _words(text):
        if line and cell_len(line) + cell_len(word.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        for character in word if cell_len(word) > width else [word]:
            if line and cell_len(line) + cell_len(character) > width:
                lines.append(line.rstrip())
                line = ""
            line += character
    return [*lines, line.rstrip()]


def _words(text: str) -> Iterator[str]:
    """Yield what is not to be cut: words with the space behind them, and each wide character by itself."""
    word = ""
    for character in text:
        if word and _may_part(word[-1], character):
            yield word
            word = ""
        word += character
    if word:
        yield word


def _may_part(before: str, after: str) -> bool:
    """Whether a line may end between two characters: Japanese parts anywhere but at its punctuation."""
    if after == " " or after in _NOT_FIRST or before in _NOT_LAST:
        return False
    return before == " " or cell_len(before) > 1 or cell_len(after) > 1


def report_json(results: Sequence[Result], version: str) -> str:
    """Return the report as JSON; its texts are English whatever the interface speaks."""
    findings = [_entry(result) for result in results]
    report = {"schema": SCHEMA, "version": version, "worst": worst(results).value, "findings": findings}
    return json.dumps(report, ensure_ascii=False, indent=2)


def _entry(result: Result) -> Mapping[str, object]:
    finding = result.finding
    return {
        "room": result.room.value,
        "check": result.check,
        "severity": finding.grade.value,
        "kind": finding.notice.kind,
        "fields": field_data(finding.notice),
        "message": english(finding.notice),
        "remedy": None if finding.remedy is None else english(finding.remedy),
    }
