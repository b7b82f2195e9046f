"""Dataset files as streams: what is read does not depend on where the buffers end."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from emeth_tui.errors import DatasetError
from emeth_tui.protocol import hash_chain, splitting
from emeth_tui.training.data import text_file
from emeth_tui.training.data.text_file import dataset_digest, lasting_stamp, read_text, text_facts
from tests.golden import GOLDEN_FILES, corpus_dir, golden

odd_text = st.text(alphabet="ab .!?'\")\n\r\x00\x1c\x85\u2028\u3000。é😀", max_size=60)
# The beginnings and ends of longer characters, surrogates and other bytes that UTF-8 does not allow.
odd_bytes = st.lists(
    st.sampled_from([b"a", b"\r", b"\n", b"\xe3", b"\x81", b"\x82", b"\xf0\x9f", b"\x98\x80", b"\xed\xa0"])
    | st.binary(max_size=3)
).map(b"".join)
buffer_sizes = st.integers(1, 7)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("text") / "dataset.txt"


@given(odd_text, buffer_sizes)
def test_text_is_read_as_with_universal_newlines(path: Path, text: str, size: int) -> None:
    path.write_bytes(text.encode())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emeth_tui.training.data.text_file.READ_BYTES", size)
        strings = list(read_text(path))

    assert "".join(strings) == path.read_text("utf-8")
    assert all(0 < len(string) <= size + 1 for string in strings)  # a carriage return may be held back


@given(odd_text, buffer_sizes, st.sampled_from(["en", "ja"]))
def test_one_reading_tells_all_facts(path: Path, text: str, size: int, language: str) -> None:
    raw = text.encode()
    path.write_bytes(raw)
    heard: list[bytes] = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emeth_tui.training.data.text_file.READ_BYTES", size)
        facts = text_facts(path, language, heard.append)

    assert b"".join(heard) == raw
    assert facts.content == hashlib.sha256(raw).hexdigest()
    assert facts.digest == hash_chain.dataset_digest(text) == dataset_digest(path)
    assert facts.pieces == splitting.count_pieces([splitting.normalise_newlines(text)], language)


@given(odd_bytes, buffer_sizes)
def test_the_first_wrong_byte_is_that_of_the_whole(path: Path, raw: bytes, size: int) -> None:
    assume(not raw.startswith(tuple(text_file._FORMS)))  # those are named by their form instead
    path.write_bytes(raw)
    wrong: int | None = None
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = error.start

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emeth_tui.training.data.text_file.READ_BYTES", size)
        if wrong is None:
            assert "".join(read_text(path)) == path.read_text("utf-8")
        else:
            with pytest.raises(DatasetError, match=f"not UTF-8 text: byte {wrong} of {len(raw)} is wrong"):
                list(read_text(path))


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_real_files_chain_to_the_golden_links(name: str) -> None:
    expected = golden()["files"][name]["chain"]

    links = hash_chain.links_from_digest(dataset_digest(corpus_dir() / name), golden()["key"], 2)

    assert links == [expected["1"], expected["2"]]


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for unreadable in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(DatasetError, match="cannot be read from"):
            list(read_text(unreadable))
    with pytest.raises(DatasetError, match="cannot be read from"):
        lasting_stamp(tmp_path / "none.txt")


def test_a_listener_breaks_the_reading_off(tmp_path: Path) -> None:
    path = tmp_path / "dataset.txt"
    path.write_bytes(b"text")

    def leave(raw: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(read_text(path, leave))


def test_a_stamp_is_given_only_once_the_clock_has_moved_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "dataset.txt"
    path.write_bytes(b"one text")
    just_written = lasting_stamp(path)
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + 10_000_000_000)
    first = lasting_stamp(path)
    replacement = tmp_path / "replacement"
    replacement.write_bytes(b"two text")
    stat = path.stat()
    os.utime(replacement, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    replacement.replace(path)

    assert just_written is None
    assert first is not None
    assert lasting_stamp(path) not in (None, first)
