"""The hash chain against the network's own values, and its laws."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.protocol import hash_chain
from tests.golden import GOLDEN_FILES, golden, golden_text


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_real_files_chain_to_the_golden_links(name: str) -> None:
    expected = golden()["files"][name]["chain"]

    links = hash_chain.links(golden_text(name), golden()["key"], 32)

    assert {epoch: links[int(epoch) - 1] for epoch in expected} == expected


def test_links_follow_the_published_formula_by_hand() -> None:
    digest = hashlib.sha256(b"a b c").hexdigest()
    first = hashlib.sha256((digest + "key").encode()).hexdigest()
    second = hashlib.sha256((first + "1" + "key").encode()).hexdigest()
    third = hashlib.sha256((second + "2" + "key").encode()).hexdigest()

    assert hash_chain.links(" a\tb\r\n\u3000c ", "key", 3) == [first, second, third]


@given(st.text(), st.text(), st.integers(0, 40), st.integers(0, 40))
def test_a_longer_chain_only_adds_links(text: str, key: str, short: int, long: int) -> None:
    short, long = sorted((short, long))

    assert hash_chain.links(text, key, long)[:short] == hash_chain.links(text, key, short)


@given(
    st.lists(st.text(alphabet="abc日本", min_size=1)), st.sampled_from([" ", "\n", "\r\n", "\u3000", "\x1c"])
)
def test_only_the_words_count_not_the_white_space_between(words: list[str], space: str) -> None:
    assert hash_chain.dataset_digest(space.join(words)) == hash_chain.dataset_digest(" ".join(words))


@given(st.lists(st.text(alphabet="ab本 \n\r\x1c\x85\u3000", max_size=6)))
def test_a_dataset_in_strings_has_the_digest_of_the_whole(texts: list[str]) -> None:
    digest = hash_chain.DatasetDigest()
    for text in texts:
        digest.update(text)

    assert digest.hexdigest() == hashlib.sha256(" ".join("".join(texts).split()).encode()).hexdigest()


def test_negative_epochs_are_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        hash_chain.links("text", "key", -1)
