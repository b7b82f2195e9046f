"""The dataset split against the network's own files, and its laws on odd input."""

from __future__ import annotations

import hashlib
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.protocol.splitting import (
    Split,
    count_pieces,
    normalise_newlines,
    part_ranges,
    part_text,
    split,
)
from tests.golden import GOLDEN_FILES, golden, golden_text

# Runs of spaces and closing quotes around sentence ends, line ends of every kind, Unicode separators.
odd_text = st.text(alphabet="aX .!?'\")]\n\r\x0b\x0c\x1c\x85\u2028\u2029\u3000。「」é😀", max_size=200)
languages = st.sampled_from(["en", "ja"])


def reference_pieces(text: str) -> list[str]:
    """The expression as protocol.md §7 writes it."""
    return re.split(r""" *[\.\?!]['"\)\]]* *""", text)


@pytest.mark.parametrize("name", GOLDEN_FILES)
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_real_files_split_to_the_golden_bytes(name: str, workers: int) -> None:
    expected = golden()["files"][name]

    parts = split(golden_text(name), expected["language"], workers)

    files = {"train.txt": parts.train, "valid.txt": parts.valid}
    files |= {f"train{index}.txt": shard for index, shard in enumerate(parts.shards, 1)}
    assert {
        file: {"bytes": len(text.encode()), "sha256": hashlib.sha256(text.encode()).hexdigest()}
        for file, text in files.items()
    } == expected["split"][str(workers)]


@pytest.mark.parametrize(
    ("language", "pieces", "train", "valid"),
    [
        ("en", 1, range(0), range(1)),
        ("en", 14, range(13), range(14)),  # 7 % of them is no whole piece: all validate
        ("en", 15, range(13), range(14, 15)),
        ("en", 200, range(186), range(186, 200)),
        ("ja", 5, range(4), range(4, 5)),
        ("ja", 20, range(18), range(18, 20)),
    ],
)
def test_pieces_are_shared_out_as_the_network_does_it(
    language: str, pieces: int, train: range, valid: range
) -> None:
    parts = part_ranges(pieces, language)

    assert (parts.train, parts.valid) == (train, valid)


@pytest.mark.parametrize("texts", [["a. ", "\n b"], ["a.", ") b"], ["a.) ", ")b"]])
def test_what_follows_an_end_is_cut_alike_wherever_the_strings_end(texts: list[str]) -> None:
    pieces = reference_pieces("".join(texts))

    assert "".join(part_text(texts, "en", range(len(pieces)))) == ".".join(pieces)


def test_a_long_run_of_spaces_is_kept_to_the_last() -> None:
    spaces = " " * 140_000

    assert "".join(part_text(["a" + spaces, "b. c"], "en", range(2))) == f"a{spaces}b.c"


@given(odd_text)
def test_english_pieces_are_those_of_the_published_expression(text: str) -> None:
    normalised = text.replace("\r\n", "\n").replace("\r", "\n")
    pieces = reference_pieces(normalised)

    parts = split(text, "en", 1)

    assert parts.train == ".".join(pieces[: int(len(pieces) * 0.93)])
    count = int(len(pieces) * 0.07)
    assert parts.valid == ".".join(pieces[-count:] if count else pieces)


@st.composite
def cut_texts(draw: st.DrawFn) -> list[str]:
    """An odd text in strings, the empty ones among them."""
    text = normalise_newlines(draw(odd_text))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(cut_texts())
def test_english_in_strings_falls_into_the_pieces_of_the_published_expression(texts: list[str]) -> None:
    pieces = reference_pieces("".join(texts))

    assert count_pieces(texts, "en") == len(pieces)
    for start, end in [(0, len(pieces)), (1, len(pieces)), (0, 1), (len(pieces) // 2, len(pieces) - 1)]:
        assert "".join(part_text(texts, "en", range(start, end))) == ".".join(pieces[start:end])


@pytest.mark.parametrize("size", [1, 2])
def test_every_short_text_of_ends_closing_quotes_and_spaces_is_cut_right(size: int) -> None:
    for chars in itertools.product("a .)", repeat=6):
        text = "".join(chars)
        texts = [text[start : start + size] for start in range(0, len(text), size)]
        pieces = reference_pieces(text)
        assert "".join(part_text(texts, "en", range(len(pieces)))) == ".".join(pieces), texts


@given(cut_texts())
def test_japanese_in_strings_falls_into_the_lines_of_the_whole(texts: list[str]) -> None:
    lines = "".join(texts).splitlines()

    assert count_pieces(texts, "ja") == len(lines)
    for start, end in [(0, len(lines)), (1, len(lines)), (0, 1), (len(lines) // 2, len(lines) - 1)]:
        assert "".join(part_text(texts, "ja", range(start, end))) == "\n".join(lines[start:end])


def test_a_part_is_read_no_further_than_its_end() -> None:
    texts = iter(["One. Two. ", "Three. Four. ", "Five."])

    assert "".join(part_text(texts, "en", range(1, 3))) == "Two.Three"
    assert list(texts) == ["Five."]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("unit", [" ", "a", "a ", ".", ". ", ".) ", "\u2028", "\n"])
def test_no_string_of_a_part_outgrows_what_came_in(language: str, unit: str) -> None:
    texts = [unit * (4_096 // len(unit))] * 64 + ["end"]
    pieces = count_pieces(texts, language)
    whole = part_ranges(pieces, language)

    sizes = [len(text) for part in (whole.train, whole.valid) for text in part_text(texts, language, part)]

    assert max(sizes, default=0) <= 65_536


@given(odd_text)
def test_japanese_validates_on_the_last_tenth_of_the_lines_rounded_up(text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").splitlines()

    parts = split(text, "ja", 1)

    rebuilt = [part for part in (parts.train, parts.valid) if part]
    assert "\n".join(rebuilt).splitlines() == "\n".join(lines).splitlines() or "" in lines
    assert len(parts.valid.split("\n")) == -(-len(lines) // 10) or not lines


@given(odd_text, languages, st.integers(1, 9))
def test_shards_are_equal_consecutive_runs_of_the_training_pieces(
    text: str, language: str, workers: int
) -> None:
    separator = "." if language == "en" else "\n"

    parts = split(text, language, workers)

    assert len(parts.shards) == workers
    if all(parts.shards):
        assert parts.train.startswith(separator.join(parts.shards))


@given(odd_text, languages)
def test_line_ends_of_other_systems_make_the_same_split(text: str, language: str) -> None:
    unix = text.replace("\r", "")

    assert split(unix.replace("\n", "\r\n"), language, 2) == split(unix, language, 2)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("", "en", Split("", "", ("", ""))),
        ("", "ja", Split("", "", ("", ""))),
        ("no end", "en", Split("", "no end", ("", ""))),
        ("一行だけ", "ja", Split("", "一行だけ", ("", ""))),
        ("One. Two! Three?", "en", Split("One.Two.Three", "One.Two.Three.", ("One", "Two"))),
        ("a\u2028b\n\x0cc", "ja", Split("a\nb\n", "c", ("a", "b"))),
    ],
)
def test_small_and_odd_texts(text: str, language: str, expected: Split) -> None:
    assert split(text, language, 2) == expected


def test_a_megabyte_of_spaces_is_split_in_linear_time() -> None:
    # The published expression needs minutes for this; the suite's time limit is the assertion.
    assert split(" " * 1_000_000, "en", 1).valid == " " * 1_000_000


@pytest.mark.parametrize(("language", "workers"), [("fr", 1), ("en", 0), ("", 1)])
def test_impossible_arguments_are_refused(language: str, workers: int) -> None:
    with pytest.raises(ValueError, match=r"language|workers"):
        split("text", language, workers)
