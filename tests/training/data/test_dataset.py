"""Datasets: blocks of tokens, tokenised once, and a defined end for every odd input."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import tempfile
import time
import tracemalloc
from collections.abc import Iterable
from functools import cache as cached
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emeth_tui.errors import DatasetError, DiskFull
from emeth_tui.protocol import hash_chain, splitting
from emeth_tui.training.data import dataset
from emeth_tui.training.data.dataset import TokenSource, epoch_order, load_tokens
from emeth_tui.training.data.tokenizer import TextTokenizer, train_tokenizer
from emeth_tui.training.reports import Preparing, Stage
from tests.training.data.test_tokenizer import TRICKY
from tests.training.texts import english, japanese


class Source:
    """A token source that counts how often a tokenizer is made."""

    def __init__(self, language: str = "en", name: str = "test", block_tokens: int = 128) -> None:
        self.made: list[TextTokenizer] = []
        self.wanted = TokenSource(language, name, block_tokens, self._make)

    def _make(self, texts: Iterable[str]) -> TextTokenizer:
        self.made.append(train_tokenizer(texts, self.wanted.language, 512))
        return self.made[-1]


@cached
def trained(language: str) -> TextTokenizer:
    return train_tokenizer([english(8_000) if language == "en" else japanese(8_000)], language, 512)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "dataset.txt"
    path.write_text(english(8_000), encoding="utf-8")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "work" / "tokens"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_blocks_are_the_split_text_less_a_tail(tmp_path: Path, cache: Path, language: str) -> None:
    text = english(8_000) if language == "en" else japanese(12_000)
    path = tmp_path / "dataset.txt"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    source = Source(language)

    tokens = load_tokens(path, cache, source.wanted)

    parts = splitting.split(text, language, 1)
    whole = source.made[0].encode(parts.train)
    assert tokens.train.shape == (len(whole) // 128, 128)
    assert np.array_equal(tokens.train.ravel(), whole[: tokens.train.size])
    assert parts.valid.startswith(source.made[0].decode(tokens.valid.ravel().astype(np.uint32)))
    assert tokens.digest == hash_chain.dataset_digest(text)
    assert tokens.vocab_size == source.made[0].vocab_size


def test_tokens_are_mapped_small_integers(path: Path, cache: Path) -> None:
    tokens = load_tokens(path, cache, Source().wanted)

    assert isinstance(tokens.train, np.memmap)
    assert tokens.train.dtype == np.uint16


def test_tokens_are_made_once(path: Path, cache: Path) -> None:
    first, again = Source(), Source()
    made = load_tokens(path, cache, first.wanted)

    found = load_tokens(path, cache, again.wanted)

    assert again.made == []
    assert np.array_equal(found.train, made.train)
    assert np.array_equal(found.valid, made.valid)
    assert (found.digest, found.vocab_size) == (made.digest, made.vocab_size)


@pytest.mark.parametrize("other", [Source(name="other"), Source(block_tokens=64), Source(language="ja")])
def test_other_tokens_are_not_taken_for_these(path: Path, cache: Path, other: Source) -> None:
    load_tokens(path, cache, Source().wanted)
    other.made.clear()

    load_tokens(path, cache, other.wanted)

    assert len(other.made) == 1


def test_another_text_is_tokenised_anew(path: Path, cache: Path) -> None:
    load_tokens(path, cache, Source().wanted)
    path.write_text(english(8_000, seed=2), encoding="utf-8")
    source = Source()

    load_tokens(path, cache, source.wanted)

    assert len(source.made) == 1


@pytest.mark.parametrize("damage", ["train.bin", "valid.bin", "tokens.json"])
def test_a_damaged_cache_is_made_again(path: Path, cache: Path, damage: str) -> None:
    whole = np.array(load_tokens(path, cache, Source().wanted).train)
    damaged = cache / damage
    damaged.write_bytes(damaged.read_bytes()[:-1])
    source = Source()

    tokens = load_tokens(path, cache, source.wanted)

    assert len(source.made) == 1
    assert np.array_equal(tokens.train, whole)


def test_an_untouched_file_is_not_read_again(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + 10_000_000_000)
    made = load_tokens(path, cache, Source().wanted)
    monkeypatch.setattr(dataset, "text_facts", None)  # whoever reads it, fails

    found = load_tokens(path, cache, Source().wanted)

    assert np.array_equal(found.train, made.train)
    assert found.digest == made.digest


def test_a_copy_of_the_file_is_known_by_its_content(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + 10_000_000_000)
    load_tokens(path, cache, Source().wanted)
    copy = path.with_name("copy.txt")
    copy.write_bytes(path.read_bytes())
    source = Source()

    load_tokens(copy, cache, source.wanted)
    monkeypatch.setattr(dataset, "text_facts", None)
    load_tokens(copy, cache, source.wanted)

    assert source.made == []


@pytest.mark.parametrize("language", ["en", "ja"])
@given(text=st.text(st.sampled_from('ab .!?"\n\r\x00\x1c\u2028\u3000。漢é😀'), max_size=300))
@example(text="".join(TRICKY) * 3)
@settings(max_examples=30)  # each writes files to the disk
def test_tokens_are_the_split_text_unharmed(language: str, text: str) -> None:
    text = ("全角の文。Words go on!\n" if language == "ja" else "Full width Ａ１。 𠮷野家 ends! ") * 15 + text
    tokenizer = trained(language)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as directory:
        for name, size in (("text_file.READ_BYTES", 50), ("tokenizer.CHUNK_CHARS", 40)):
            patch.setattr(f"emeth_tui.training.data.{name}", size)
        path = Path(directory) / "dataset.txt"
        path.write_bytes(text.encode())
        load_tokens(path, Path(directory), TokenSource(language, "", 4, lambda texts: tokenizer))
        rows = [np.fromfile(Path(directory) / f"{part}.bin", np.uint16) for part in ("train", "valid")]

    parts = splitting.split(text, language, 1)
    assert [tokenizer.decode(row.astype(np.uint32)) for row in rows] == [parts.train, parts.valid]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("unit", ["A word. ", "no end ", " ", "。", "\r\n"])
def test_memory_does_not_grow_with_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, unit: str
) -> None:
    for name in ("text_file.READ_BYTES", "tokenizer.CHUNK_CHARS", "tokenizer.TRAINING_CHARS"):
        monkeypatch.setattr(f"emeth_tui.training.data.{name}", 4_096)
    monkeypatch.setattr(splitting, "_BLOCK_CHARS", 4_096)
    source = TokenSource(language, "", 128, lambda texts: trained(language))
    peaks_bytes = []

    for times in (1, 1, 8):  # the first is not counted: it fills caches
        path = tmp_path / "dataset.txt"
        path.write_bytes(("A sentence. A line.\n" * 100 + unit * (20_000 // len(unit)) * times).encode())
        tracemalloc.start()
        load_tokens(path, tmp_path / str(len(peaks_bytes)), source)
        peaks_bytes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks_bytes[2] < peaks_bytes[1] + 40_000


def test_breaking_off_leaves_nothing_half_done(path: Path, cache: Path) -> None:
    def stop_when_tokenising(preparing: Preparing) -> None:
        if preparing.stage is Stage.TOKENISING:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_tokens(path, cache, Source().wanted, stop_when_tokenising)
    source = Source()
    tokens = load_tokens(path, cache, source.wanted)

    assert len(source.made) == 1
    assert tokens.train.size > 0


def test_progress_runs_to_the_end(path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emeth_tui.training.data.text_file.READ_BYTES", 1_000)
    heard: list[float] = []

    load_tokens(path, cache, Source().wanted, lambda preparing: heard.append(preparing.fraction))

    assert heard == sorted(heard)
    assert len(heard) > 8
    assert heard[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_making_of_a_tokenizer_can_be_broken_off(path: Path, cache: Path, language: str) -> None:
    heard = 0

    def stop_while_learning(preparing: Preparing) -> None:
        nonlocal heard
        heard += preparing.stage is Stage.MAKING_TOKENIZER
        if heard == 2:  # the first is said before anything is read
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_tokens(path, cache, Source(language).wanted, stop_while_learning)

    assert not list(cache.glob("*"))


def test_a_broken_off_remaking_is_not_taken_for_the_tokens_before(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = TokenSource("en", "", 16, lambda texts: trained("en"))
    kept = b"Nobody forgot. ".join([b"The cat sold two coins. "] * 100) + b"Nobody forgot"
    path.write_bytes(kept)
    before = np.array(load_tokens(path, cache, source).train)
    # As many tokens of each part in another order, so that their files are as long.
    path.write_bytes(b"The cat sold two coins. ".join([b"Nobody forgot. "] * 100) + b"The cat sold two coins")

    with monkeypatch.context() as patch:
        patch.setattr(dataset, "write_atomically", None)  # as if killed after the last token
        with pytest.raises(TypeError):
            load_tokens(path, cache, source)
    path.write_bytes(kept)

    assert np.array_equal(load_tokens(path, cache, source).train, before)


def test_a_file_that_changes_meanwhile_is_refused(path: Path, cache: Path) -> None:
    def write(preparing: Preparing) -> None:
        if preparing.stage is Stage.TOKENISING:
            path.write_text(english(8_000, seed=2), encoding="utf-8")

    with pytest.raises(DatasetError, match="was changed while it was tokenised"):
        load_tokens(path, cache, Source().wanted, write)

    assert not (cache / "tokens.json").exists()


def test_a_full_disk_is_said_as_such(path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(DiskFull, match="no room left to write"):
        load_tokens(path, cache, Source().wanted)


def test_text_that_is_not_utf8_is_refused_with_its_place(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "dataset.txt"
    path.write_bytes(b"a" * 5_000 + b"\xff\xfe" + b"b" * 5_000)

    with pytest.raises(DatasetError, match="not UTF-8 text: byte 5,000 of 10,002"):
        load_tokens(path, cache, Source().wanted)


def test_a_missing_file_is_refused(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        load_tokens(tmp_path / "none.txt", cache, Source().wanted)


@pytest.mark.parametrize(
    ("start", "form"),
    [
        (gzip.compress(b"text"), "gzip"),
        (bz2.compress(b"text"), "bzip2"),
        (lzma.compress(b"text"), "xz"),
        (b"PK\x03\x04\x14\x00\xff", "zip"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "PDF"),
        ("text".encode("utf-16"), "UTF-16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_sent_in_place_of_a_text_is_named(
    tmp_path: Path, cache: Path, start: bytes, form: str
) -> None:
    path = tmp_path / "dataset.txt"
    path.write_bytes(start + b"a" * 5_000 + b"\xff")

    with pytest.raises(DatasetError, match=f"not UTF-8 text but {form}$"):
        load_tokens(path, cache, Source().wanted)


@pytest.mark.parametrize(
    ("language", "text", "problem"),
    [
        ("en", "no sentence ever ends here " * 200, "has no `.`, `.` or `!`.*no training part of an English"),
        ("ja", "一行だけの文書。" * 200, "is a single line.*no training part of a Japanese"),
    ],
)
def test_a_text_that_the_networks_split_leaves_no_training_part_of_is_refused(
    tmp_path: Path, cache: Path, language: str, text: str, problem: str
) -> None:
    path = tmp_path / "dataset.txt"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DatasetError, match=problem.replace("`.`, `.`", r"`\.`, `\?`")):
        load_tokens(path, cache, Source(language=language).wanted)


@pytest.mark.parametrize("text", ["", "."])
def test_a_text_with_nothing_to_train_on_is_refused(tmp_path: Path, cache: Path, text: str) -> None:
    path = tmp_path / "dataset.txt"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DatasetError, match="nothing to learn from"):
        load_tokens(path, cache, Source().wanted)


def test_parts_shorter_than_a_block_become_one_shorter_block(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "dataset.txt"
    path.write_text(japanese(240), encoding="utf-8")

    tokens = load_tokens(path, cache, Source("ja").wanted)

    assert tokens.train.shape[0] == tokens.valid.shape[0] == 1
    assert 2 <= tokens.valid.shape[1] < tokens.train.shape[1] < 128


def test_without_validation_text_the_last_training_block_is_validated_on(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "dataset.txt"
    path.write_text("One sentence of some length, and then another one. " * 20, encoding="utf-8")
    assert splitting.split(path.read_text(encoding="utf-8"), "en", 1).valid == ""

    tokens = load_tokens(path, cache, Source(block_tokens=16).wanted)

    assert len(tokens.train) > 1
    assert np.array_equal(tokens.valid, tokens.train[-1:])


def test_a_large_vocabulary_gets_wider_integers(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source()
    small = np.array(load_tokens(path, cache / "small", source.wanted).train)
    monkeypatch.setattr(type(source.made[0]), "vocab_size", 70_000)

    tokens = load_tokens(path, cache / "large", Source().wanted)

    assert tokens.train.dtype == np.uint32
    assert np.array_equal(tokens.train, small)


def test_every_epoch_sees_every_block_in_an_order_of_its_own() -> None:
    orders = [epoch_order(7, epoch, 50).tolist() for epoch in range(3)]

    assert all(sorted(order) == list(range(50)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert orders[1] == epoch_order(7, 1, 50).tolist()
    assert orders[1] != epoch_order(8, 1, 50).tolist()


def test_token_ids_leave_the_mapped_file(path: Path, cache: Path) -> None:
    tokens = load_tokens(path, cache, Source().wanted)

    ids = dataset.token_ids(tokens.train[[2, 0]])

    assert ids.dtype == np.int64
    assert np.array_equal(ids[1], tokens.train[0])
    ids[0] = 0  # a copy: the mapped file is read-only
