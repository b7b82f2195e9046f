"""A published vocabulary as many have it, vocab.json and merges.txt alone: the ids are GPT-2's own.

They are held against an implementation that shares nothing with ours, on a small vocabulary made here and on
GPT-2's where $EMETH_GPT2_VOCABULARY names a directory that has it.
"""

from __future__ import annotations

import json
import os
import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from emeth_tui.training.data.tokenizer import TextTokenizer, pretrained_tokenizer
from emeth_tui.training.files.models import make_ready
from emeth_tui.training.reports import EpochDone, ResultWritten, Untrained
from tests.training.data.test_tokenizer import TRICKY
from tests.training.jobs import Run, make_request, result_weights
from tests.training.texts import english, japanese

GPT2_VARIABLE = "EMETH_GPT2_VOCABULARY"
GPT2_TOKENS = 50_257
WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
TEXTS = [
    english(4_000, seed=5),
    japanese(4_000, seed=5),
    "It's we're I've I'm you'll he'd ISN'T 1999年、3.14159!? --- \t\tdef f(x):\n    return x\n\n\n",
    *TRICKY[:-1],
    "x" * 300 + "あ" * 300 + " " * 300 + "!" * 300,
]


def byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes: printable ones stand for themselves, the others for what follows U+00FF."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(256 + place) for place, byte in enumerate(others)
    }


class Plain:
    """Byte-pair encoding as it is described: of all pairs of a word the earliest merge first."""

    def __init__(self, directory: Path) -> None:
        self._ids: dict[str, int] = json.loads((directory / "vocab.json").read_bytes())
        lines = (directory / "merges.txt").read_text("utf-8").split("\n")
        merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._letters = byte_letters()
        self._word = cache(self._word_ids)

    def encode(self, text: str) -> list[int]:
        return [token for word in WORDS.findall(text) for token in self._word(word)]

    def _word_ids(self, word: str) -> tuple[int, ...]:
        parts = [self._letters[byte] for byte in word.encode()]
        while len(parts) > 1:
            rank, first = min(
                (self._ranks.get(pair, len(self._ranks)), place) for place, pair in enumerate(pairwise(parts))
            )
            if rank == len(self._ranks):
                break
            parts[first : first + 2] = ["".join(parts[first : first + 2])]
        return tuple(self._ids[part] for part in parts)


@pytest.fixture(scope="module", params=["small", "gpt2"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's directory with vocab.json and merges.txt, and no tokenizer.json."""
    directory = tmp_path_factory.mktemp("model")
    if request.param == "gpt2":
        source = os.environ.get(GPT2_VARIABLE)
        if not source:
            pytest.skip(f"${GPT2_VARIABLE} names no directory with GPT-2's vocab.json and merges.txt")
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(Path(source) / name, directory)
    else:
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(
            vocab_size=600,
            initial_alphabet=alphabet,
            special_tokens=["<|endoftext|>"],
            show_progress=False,
        )
        bpe.train_from_iterator([english(20_000) + japanese(20_000)], trainer)
        bpe.model.save(str(directory))
    tokens = len(json.loads((directory / "vocab.json").read_bytes()))
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=tokens, n_positions=128, n_embd=16, n_layer=1, n_head=1)
    GPT2LMHeadModel(config).save_pretrained(directory)
    return directory


def load(directory: Path) -> TextTokenizer:
    return pretrained_tokenizer("a model", directory, lower_case=False)


@pytest.mark.parametrize("text", TEXTS)
def test_the_ids_are_those_of_the_plain_algorithm(directory: Path, text: str) -> None:
    ours = load(directory)

    assert not (directory / "tokenizer.json").exists()
    assert ours.encode(text).tolist() == Plain(directory).encode(text)
    assert ours.decode(ours.encode(text)) == text


def test_a_job_is_trained_with_it(directory: Path, tmp_path: Path) -> None:
    make_ready(str(directory))
    run, request = Run(), make_request(tmp_path, model=str(directory), epochs=2, batch_size=16)

    run.go(request)

    assert len(run.of_type(EpochDone)) == 2
    assert run.of_type(ResultWritten)
    assert run.of_type(EpochDone)[-1].best_loss <= run.of_type(Untrained)[0].valid_loss
    tokens = load(directory).vocab_size
    assert result_weights(request)["transformer.wte.weight"].shape == (tokens, 16)
    if tokens > 10_000:
        assert tokens == GPT2_TOKENS
