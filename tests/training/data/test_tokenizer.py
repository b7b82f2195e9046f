"""Tokenizers: text comes back unharmed, and the same text makes the same tokenizer anywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.training.data.japanese import segment
from emeth_tui.training.data.tokenizer import CHUNK_CHARS, TextTokenizer, chunks, train_tokenizer
from tests.training.texts import english, japanese

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
TRICKY = [
    "",
    " ",
    "\n\n\r\n\r a\tb \u2028\u2029\x85 \x0b\x0c end \n",
    "全角　空白、ＡＢＣ１２３！？「」ｶﾀｶﾅ",
    "絵文字😀👩‍👩‍👧‍👦🇯🇵 と ❤️",
    "稀な漢字 𠮷野家 髙島屋 龘 𪚥 㐂",
    "\x00 NUL \x00\x00 inside \x00",
    "\ufeff byte order mark, zero\u200bwidth, combining e\u0301",
    "x" * 3000 + "あ" * 3000 + " " * 3000 + "!" * 3000,
]
FINGERPRINT_PROGRAM = """
import hashlib
from tests.training.data.test_tokenizer import fingerprint
print(fingerprint("en"), fingerprint("ja"))
"""


@cache
def tokenizer(language: str) -> TextTokenizer:
    text = english(20_000) if language == "en" else japanese(20_000)
    return train_tokenizer([text], language, 512)


def fingerprint(language: str) -> str:
    """A tokenizer's output for texts with known and unknown words: equal for equal tokenizers."""
    trained = tokenizer(language)
    text = english(5_000, seed=9) + japanese(5_000, seed=9) + "".join(TRICKY)
    digest = hashlib.sha256(trained.encode(text).tobytes())
    for token in range(trained.vocab_size):
        digest.update(trained.decode(np.array([token], np.uint32)).encode(errors="replace"))
    return digest.hexdigest()


@pytest.mark.parametrize("language", ["en", "ja"])
@given(text=ANY_TEXT)
def test_any_text_comes_back(language: str, text: str) -> None:
    trained = tokenizer(language)

    assert trained.decode(trained.encode(text)) == text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("text", TRICKY)
def test_tricky_text_comes_back(language: str, text: str) -> None:
    trained = tokenizer(language)

    assert trained.decode(trained.encode(text)) == text


@given(text=ANY_TEXT)
def test_segments_joined_are_the_text(text: str) -> None:
    assert "".join(segment(text)) == text


def test_words_are_found_after_what_mecab_would_stop_at() -> None:
    assert segment("灰色の\x00川の音") == ["灰色", "の", "\x00", "川", "の", "音"]


def test_japanese_is_segmented_into_words() -> None:
    assert segment("灰色の猫は川の音を聞いていた。\n") == [
        *("灰色", "の", "猫", "は", "川", "の", "音", "を", "聞い", "て", "い", "た", "。", "\n")
    ]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_vocabulary_stays_within_its_limit_and_is_learned(language: str) -> None:
    trained = tokenizer(language)
    text = english(2_000) if language == "en" else japanese(2_000)

    assert 256 < trained.vocab_size <= 512
    assert len(trained.encode(text)) < len(text.encode()) / 3
    assert trained.encode(text).max() < trained.vocab_size


@pytest.mark.slow
def test_same_text_makes_the_same_tokenizer_in_any_process() -> None:
    here = f"{fingerprint('en')} {fingerprint('ja')}"

    def there(hash_seed: str, threads: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "RAYON_NUM_THREADS": threads}
        run = subprocess.run(
            [sys.executable, "-c", FINGERPRINT_PROGRAM],
            env=environment,
            capture_output=True,
            check=True,
            text=True,
        )
        return run.stdout.strip()

    assert there("1", "1") == there("2", "4") == here


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_same_text_makes_the_same_tokenizer_however_it_comes(language: str) -> None:
    text = english(20_000) if language == "en" else japanese(20_000)
    in_strings = train_tokenizer(
        [text[start : start + 777] for start in range(0, 20_000, 777)], language, 512
    )

    ids = in_strings.encode(text)

    assert np.array_equal(ids, tokenizer(language).encode(text))
    assert in_strings.decode(ids) == text


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_tokenizer_reads_no_further_than_its_training_needs(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emeth_tui.training.data.tokenizer.TRAINING_CHARS", 2_500)
    text = english(4_000) if language == "en" else japanese(12_000)
    texts = iter([text[:1_000], text[1_000:2_000], text[2_000:3_000], "never read"])

    trained = train_tokenizer(texts, language, 512)

    assert list(texts) == ["never read"]
    monkeypatch.undo()
    assert np.array_equal(trained.encode(text), train_tokenizer([text[:2_500]], language, 512).encode(text))


def test_other_text_makes_another_tokenizer() -> None:
    other = train_tokenizer(["zebra zebra zebra quagga quagga"], "en", 512)
    ids = other.encode(english(1_000))

    assert other.decode(ids) == english(1_000)
    assert len(ids) > len(tokenizer("en").encode(english(1_000)))


def test_no_token_outgrows_a_piece_however_long_the_word() -> None:
    trained = train_tokenizer(["ab" * 50_000], "en", 1024)
    longest = max(len(trained.decode(np.array([token], np.uint32))) for token in range(trained.vocab_size))

    assert longest == 64


@given(texts=st.lists(st.text("a\n .", max_size=30)), size=st.integers(4, 12))
def test_chunks_joined_are_the_text_however_it_comes(texts: list[str], size: int) -> None:
    text = "".join(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emeth_tui.training.data.tokenizer.CHUNK_CHARS", size)
        parts = list(chunks(texts))
        of_the_whole = list(chunks([text]))

    assert "".join(parts) == text
    assert parts == of_the_whole
    assert all(0 < len(part) <= size for part in parts)


def test_chunks_give_the_ids_that_the_whole_text_gives() -> None:
    text = english(3 * CHUNK_CHARS, seed=4).replace("?\n", "? \n").replace("!\n", "!\n\n ")
    trained = train_tokenizer([text[:20_000]], "en", 512)
    parts = list(chunks([text]))

    assert len(parts) > 2
    assert np.array_equal(np.concatenate([trained.encode(part) for part in parts]), trained.encode(text))
