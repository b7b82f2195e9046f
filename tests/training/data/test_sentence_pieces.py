"""Models with a SentencePiece model for a tokenizer, as rinna's: its own ids, from a directory or the hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sentencepiece import SentencePieceProcessor

from emeth_tui.errors import TrainingError
from emeth_tui.training.data.tokenizer import CHUNK_CHARS, TextTokenizer, chunks
from emeth_tui.training.files.models import open_model
from emeth_tui.training.reports import EpochDone, ResultWritten
from emeth_tui.training.run.evaluation import Evaluator
from tests.training.files.hub_server import serving
from tests.training.jobs import Run, dataset_of, make_request
from tests.training.pretrained import SPECIAL_PIECES, save_small_gpt2, save_small_rinna
from tests.training.texts import english, japanese

RINNA = "rinna/japanese-gpt2-medium"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    save_small_rinna(directory)
    return directory


def loaded(name: str) -> TextTokenizer:
    return open_model(name).token_source("ja").make_tokenizer(["another text altogether"])


def own_ids(directory: Path) -> Callable[[str], list[int]]:
    """What SentencePiece itself returns."""
    processor = SentencePieceProcessor(model_file=str(directory / "spiece.model"))
    return lambda text: list(processor.encode(text))


def change_tokenizer_config(directory: Path, **changes: object) -> None:
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_local_model_has_the_ids_of_its_sentencepiece_without_any_network(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr("socket.socket.connect", refuse)
    tokenizer, text = loaded(str(directory)), japanese(3_000, seed=9)

    ids = tokenizer.encode(text)

    assert ids.dtype == np.uint32
    assert ids.tolist() == own_ids(directory)(text)
    assert 0 not in ids
    assert len(ids) < len(text)
    assert tokenizer.decode(ids) == text.strip().replace("\n", " ").replace("！", "!")


def test_the_tokenizer_has_as_many_tokens_as_the_sentencepiece_model(directory: Path) -> None:
    processor = SentencePieceProcessor(model_file=str(directory / "spiece.model"))

    assert loaded(str(directory)).vocab_size == len(processor) > len(SPECIAL_PIECES)


def test_no_special_token_comes_out_of_a_text(directory: Path) -> None:
    ids = loaded(str(directory)).encode("".join(SPECIAL_PIECES) + japanese(300))

    assert not set(ids.tolist()) & set(range(1, len(SPECIAL_PIECES)))


def test_widths_and_spaces_become_what_the_models_normaliser_makes_of_them(directory: Path) -> None:
    tokenizer = loaded(str(directory))

    ids = tokenizer.encode("　猫は\r\n\t川の　　音をｔｈｅ\n")

    assert tokenizer.decode(ids) == "猫は 川の 音をthe"


def test_lines_have_the_tokens_that_they_have_alone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emeth_tui.training.data.tokenizer.CHUNK_CHARS", 200)
    tokenizer, text = loaded(str(directory)), japanese(3_000)
    parts = list(chunks([text]))

    in_chunks = np.concatenate([tokenizer.encode(part) for part in parts])

    assert len(parts) > 3
    assert np.array_equal(in_chunks, np.concatenate([tokenizer.encode(line) for line in text.splitlines()]))
    assert np.array_equal(in_chunks, tokenizer.encode(text))


@pytest.mark.parametrize("asked", [True, False, None])
def test_a_local_model_reads_small_letters_if_its_configuration_says_so(
    directory: Path, asked: bool | None
) -> None:
    if asked is not None:
        change_tokenizer_config(directory, do_lower_case=asked)

    ids = loaded(str(directory)).encode("The MILLER Ｓold 二枚の硬貨を")

    expected = "the miller ｓold 二枚の硬貨を" if asked else "The MILLER Ｓold 二枚の硬貨を"
    assert ids.tolist() == own_ids(directory)(expected)
    assert (0 in ids) == (not asked)  # the model knows no capitals


def test_a_local_model_without_a_tokenizer_configuration_is_read_as_it_is(directory: Path) -> None:
    (directory / "tokenizer_config.json").unlink()

    assert loaded(str(directory)).encode("The").tolist() == own_ids(directory)("The")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\n　\n",
        "猫\x00は\x00\x00川の音を",
        "\ufeff\u200bゼロ幅e\u0301😀👩‍👩‍👧‍👦𠮷\U0010ffff",
        *(text * CHUNK_CHARS for text in ("あ", "x", "龘", "\x00", " ")),
        "㌀" * CHUNK_CHARS,  # of which the normaliser makes four characters each, unknown ones here
        "ﷺ" * CHUNK_CHARS,  # 18 characters each
        (japanese(4 * CHUNK_CHARS).replace("\n", ""))[:CHUNK_CHARS],
    ],
    ids=lambda text: f"{text[:2]!a} {len(text)}",
)
@pytest.mark.timeout(30)
def test_a_strangers_text_has_the_ids_of_its_sentencepiece(directory: Path, text: str) -> None:
    tokenizer = loaded(str(directory))

    ids = tokenizer.encode(text)

    assert ids.tolist() == own_ids(directory)(text)
    assert (ids < tokenizer.vocab_size).all()


def test_a_tokenizer_that_tokenizers_reads_goes_first(directory: Path) -> None:
    save_small_gpt2(directory)

    assert loaded(str(directory)).decode(np.array([0], np.uint32)) == "<|endoftext|>"


def test_a_model_without_its_sentencepiece_is_refused(directory: Path) -> None:
    (directory / "spiece.model").unlink()

    with pytest.raises(TrainingError, match=f"model {directory}: {directory} holds no tokenizer"):
        loaded(str(directory))


@pytest.mark.parametrize("damage", [lambda model: b"", lambda model: model[:-9], lambda model: b"<html>"])
def test_a_damaged_sentencepiece_is_refused(directory: Path, damage: Callable[[bytes], bytes]) -> None:
    path = directory / "spiece.model"
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(TrainingError, match=f"model {directory}: {path} is damaged, or no SentencePiece"):
        loaded(str(directory))


@pytest.mark.parametrize("content", ["no JSON", "[]", "\udcff"])
def test_a_damaged_tokenizer_configuration_is_refused(directory: Path, content: str) -> None:
    path = directory / "tokenizer_config.json"
    path.write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(TrainingError, match=f"model {directory}: {path} cannot be read"):
        loaded(str(directory))


def test_a_model_with_fewer_tokens_than_its_sentencepiece_is_refused(directory: Path) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "vocab_size": 100}))
    vocab_size = loaded(str(directory)).vocab_size

    with pytest.raises(TrainingError, match=f"vocabulary of {vocab_size}, and the model's is 100"):
        open_model(str(directory)).shape(vocab_size)
    with pytest.raises(TrainingError, match="and the model's is 100"):
        Run().go(make_request(directory.parent, japanese(4_096), language="ja", model=str(directory)))


def test_a_job_fine_tunes_a_local_model(tmp_path: Path, directory: Path) -> None:
    request = make_request(
        tmp_path, japanese(4_096), language="ja", model=str(directory), learning_rate=2e-3, batch_size=1
    )
    run = Run()

    run.go(request)

    assert run.of_type(ResultWritten)
    evaluator = Evaluator(str(directory), "ja", dataset_of(request))
    assert run.of_type(EpochDone)[-1].valid_loss < evaluator.untrained_loss()


def test_a_job_downloads_rinnas_model_and_reads_small_letters(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of its repository, whose tokenizer configuration does not ask for small letters."""
    (directory / "spiece.vocab").write_text("not needed to train")
    text = english(2_048).title() + japanese(4_096)
    with serving(RINNA, directory) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("HF_HUB_CACHE", raising=False)
        run = Run()

        run.go(make_request(tmp_path, text, language="ja", model=RINNA, epochs=1, learning_rate=2e-3))

        asked = len(server.requests)
        ids = loaded(RINNA).encode(text)
        assert len(server.requests) == asked > 0

    assert run.of_type(ResultWritten)
    assert ids.tolist() == own_ids(directory)(text.lower())
    assert 0 not in ids
