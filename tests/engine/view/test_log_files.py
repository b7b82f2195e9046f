"""Searching logs from their end: what is found is what reading everything would find."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.engine.view import log_files

LINES = st.lists(st.text("ab 漢É", max_size=12), max_size=30)


@given(LINES, LINES, st.sampled_from([(), ("a",), ("b", "É"), ("漢",)]), st.integers(1, 40))
def test_the_newest_lines_with_all_words_are_found_in_all_files(
    tmp_path_factory: pytest.TempPathFactory,
    older: list[str],
    newer: list[str],
    words: tuple[str, ...],
    limit: int,
) -> None:
    path = tmp_path_factory.mktemp("logs") / "node.log"
    path.with_name("node.log.1").write_text("".join(f"{line}\n" for line in older), "utf-8")
    path.write_text("".join(f"{line}\n" for line in newer), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_files, "BLOCK_BYTES", 7)  # less than many a line
        found = log_files.search(path, words, limit)
    matching = [line for line in older + newer if all(word.lower() in line.lower() for word in words)]
    assert found == matching[-limit:]


def test_no_more_is_read_than_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "node.log"
    path.write_text("".join(f"number {n}\n" for n in range(10_000)))
    read: list[str] = []
    backwards = log_files._blocks_backwards

    def noted(one: Path):  # type: ignore[no-untyped-def]
        for block in backwards(one):
            read.append(block)
            yield block

    monkeypatch.setattr(log_files, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(log_files, "_blocks_backwards", noted)
    assert log_files.search(path, ["NUMBER"], 5) == [f"number {n}" for n in range(9_995, 10_000)]
    assert len(read) == 1


def test_a_line_without_end_is_searched_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "node.log"
    path.write_text("x" * 1_000 + "needle" + "x" * 1_000)
    monkeypatch.setattr(log_files, "BLOCK_BYTES", 100)
    monkeypatch.setattr(log_files, "MAX_LINE_BYTES", 300)
    found = log_files.search(path, ["xx"], 100)
    assert len(found) > 1
    assert sum(len(piece) for piece in found) == 2_006


def test_a_log_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert log_files.search(tmp_path / "node.log", ["a"], 5) == []
    assert log_files.tail(tmp_path / "node.log", 100) == []
