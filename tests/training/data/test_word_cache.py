"""Words found here: the ids must equal the tokenizer's own, whatever the text."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from emeth_tui.training.data import word_cache
from emeth_tui.training.data.tokenizer import train_tokenizer
from emeth_tui.training.data.word_cache import FoundWords, WordTokens, divides_as_gpt2, stretches
from tests.training.texts import english, japanese

SAMPLE = "it's they've we'll I'd don't naïve “quoted” — 1234 ½ ...\n\n" + english(6_000)
ODD = "ab'std re ll ve   \t\n\r\x0b\x0c\x1c\x1d\x85\xa0éß’“—…½²٣١あ漢😀\u2003\u3000\u180e\u200d!?.,0123456789"
odd_text = st.text(st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"]), max_size=120)


@cache
def gpt2(added: str = "<|endoftext|>") -> Tokenizer:
    """A byte-level BPE as GPT-2's: its own expression, which takes words of any length."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=alphabet, show_progress=False, special_tokens=[added]
    )
    bpe.train_from_iterator([SAMPLE], trainer)
    return bpe


@cache
def ours() -> Tokenizer:
    return train_tokenizer([SAMPLE], "en", 600)._bpe  # type: ignore[attr-defined]


def found(bpe: Tokenizer) -> FoundWords:
    return FoundWords(bpe, None if bpe is gpt2() else 64)


@pytest.mark.parametrize("bpe", [gpt2, ours])
def test_every_known_character_is_what_the_tokenizer_takes_it_for(bpe: object) -> None:
    tokenizer: Tokenizer = bpe()  # type: ignore[operator]
    division = tokenizer.pre_tokenizer
    find = word_cache.word_expression(None if tokenizer is gpt2() else 64).findall

    for char in word_cache.KNOWN_CHARS:
        text = f"a{char}a1{char}1 {char} !{char}!{char}{char}\n{char}"
        ends = [end for _, (_, end) in division.pre_tokenize_str(text)]
        lengths = np.cumsum([len(word) for word in find(text)]).tolist()
        assert lengths == ends, f"U+{ord(char):04X}"


@pytest.mark.parametrize("bpe", [gpt2, ours])
@given(text=odd_text)
def test_any_text_gets_the_ids_of_the_plain_call(bpe: object, text: str) -> None:
    tokenizer: Tokenizer = bpe()  # type: ignore[operator]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_cache, "STRETCH_CHARS", 8)
        ids = found(tokenizer).encode(text) if text else np.empty(0)

    assert ids.tolist() == tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("bpe", [gpt2, ours])
@pytest.mark.parametrize(
    "text",
    [
        english(200_000, seed=3),
        japanese(20_000) + english(20_000) + "“Café,” naïve😀 said.\r\n" * 50,
        "x" * 5_000 + " " * 5_000 + "!" * 5_000 + "1" * 5_000 + "\n" * 300 + "é" * 300,
    ],
    ids=["english", "mixed", "runs"],
)
def test_long_texts_get_the_ids_of_the_plain_call(bpe: object, text: str) -> None:
    tokenizer: Tokenizer = bpe()  # type: ignore[operator]

    assert found(tokenizer).encode(text).tolist() == tokenizer.encode(text, add_special_tokens=False).ids


def test_an_added_token_in_the_text_stays_one_token() -> None:
    text = "One end.<|endoftext|>Another beginning."

    ids = found(gpt2()).encode(text)

    assert ids.tolist() == gpt2().encode(text, add_special_tokens=False).ids
    assert gpt2().token_to_id("<|endoftext|>") in ids


def test_a_full_cache_changes_no_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_cache, "MAX_CACHED_WORDS", 3)
    monkeypatch.setattr(word_cache, "MAX_CACHED_CHARS", 4)
    text = english(2_000)
    encoder = found(ours())

    for _ in range(3):
        assert encoder.encode(text).tolist() == ours().encode(text, add_special_tokens=False).ids


def test_no_more_is_kept_than_the_limits_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_cache, "MAX_CACHED_WORDS", 10)
    tokens = WordTokens(ours())

    for number in range(0, 400, 8):
        tokens.encode([f" word{index}" for index in range(number, number + 8)] + ["x" * (65 + number)])

    assert len(tokens._ids_of) <= 10 + 8
    assert max(map(len, tokens._ids_of)) <= 64


def _unigram() -> Tokenizer:
    return Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0)], unk_id=0))


def _variant(**changes: object) -> Tokenizer:
    bpe = Tokenizer.from_str(gpt2().to_str())
    for name, value in changes.items():
        setattr(bpe, name, value)
    return bpe


def test_only_plain_gpt2_tokenizers_are_taken_for_such() -> None:
    byte_level = pre_tokenizers.ByteLevel
    others: list[tokenizers.Tokenizer] = [
        _unigram(),
        _variant(normalizer=normalizers.NFKC()),
        _variant(pre_tokenizer=byte_level(add_prefix_space=True)),
        _variant(pre_tokenizer=byte_level(add_prefix_space=False, use_regex=False)),
        _variant(pre_tokenizer=pre_tokenizers.Metaspace()),
        _variant(model=models.BPE(dropout=0.1)),
    ]

    assert divides_as_gpt2(gpt2())
    assert not any(divides_as_gpt2(other) for other in others)


@given(texts=st.lists(st.text("ab \n\x1cé\u3000", max_size=40)), size=st.integers(1, 12))
def test_stretches_joined_are_the_text_and_begin_with_words(texts: list[str], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_cache, "STRETCH_CHARS", size)
        parts = list(stretches(texts))

    assert "".join(parts) == "".join(texts)
    for before, after in itertools.pairwise(parts):
        assert after[0] in " \n"
        assert not before[-1].isspace()
        assert len(before) >= size


def test_a_stretch_has_an_end_even_without_a_word() -> None:
    assert max(map(len, stretches(["x" * 100_000] * 10))) <= word_cache.MAX_STRETCH_CHARS + 100_000
