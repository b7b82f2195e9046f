"""Texts of strangers through splitter and tokenisers, and the tokenisers' own files."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable

import sentencepiece

from emeth_tui.errors import DatasetError, TrainingError
from emeth_tui.protocol.splitting import split
from emeth_tui.training.data.dataset import TokenSource, load_tokens
from emeth_tui.training.data.sentence_pieces import load_sentence_pieces
from emeth_tui.training.data.tokenizer import TextTokenizer, pretrained_tokenizer, train_tokenizer
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target
from tests.training.texts import english, japanese

MIXED = (
    "Café “quoted” — don’t. Ａ　全角！\u2028end\u0085 1,000 e.g. ??? \t\r\n\r x\u0301 "
    "\U0001f469\u200d\U0001f4bb\n"
)


def targets() -> list[Target]:
    texts = [
        english(2_000).encode(),
        japanese(2_000).encode(),
        MIXED.encode(),
        b"no end",
        b"\x1f\x8b\x08\x00",
    ]
    return [
        Target("texts through the splitter", texts, _split, share=1.5),
        *(
            Target(f"texts through {name}", texts, _tokens(name, language, tokenizer), (DatasetError,))
            for name, language, tokenizer in _tokenizers()
        ),
        _sentence_piece_files(),
        _bpe_files(),
    ]


def _split(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for language in ("en", "ja"):
        parts = split(text, language, 2)
        assert len(parts.shards) == 2


def _tokenizers() -> list[tuple[str, str, TextTokenizer]]:
    pieces = scratch()
    (pieces / "spiece.model").write_bytes(_sentence_piece_model())
    return [
        ("BPE", "en", train_tokenizer([english(4_000)], "en", 512)),
        ("MeCab and BPE", "ja", train_tokenizer([japanese(4_000)], "ja", 512)),
        ("SentencePiece", "ja", load_sentence_pieces("test", pieces, lower_case=True)),
    ]


def _tokens(name: str, language: str, tokenizer: TextTokenizer) -> Callable[[bytes], object]:
    directory = scratch()
    path = directory / "dataset.txt"
    source = TokenSource(language, name, 128, lambda _texts: tokenizer)

    def take(data: bytes) -> None:
        path.write_bytes(data)
        shutil.rmtree(directory / "tokens", ignore_errors=True)
        tokens = load_tokens(path, directory / "tokens", source)
        assert tokens.train.size
        assert int(tokens.train.max()) < tokenizer.vocab_size

    return take


def _sentence_piece_model() -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(japanese(8_000).splitlines() + english(8_000).split(". ")),
        model_writer=model,
        vocab_size=200,
        hard_vocab_limit=False,
        normalization_rule_name="identity",  # the table of the default one would be most of the file
        minloglevel=2,
    )
    return model.getvalue()


def _sentence_piece_files() -> Target:
    directory = scratch()

    def take(data: bytes) -> None:
        (directory / "spiece.model").write_bytes(data)
        pretrained_tokenizer("test", directory, lower_case=False).encode(MIXED)

    return Target("SentencePiece files", [_sentence_piece_model()], take, (TrainingError,))


def _bpe_files() -> Target:
    directory = scratch()
    trained = train_tokenizer([english(4_000)], "en", 1_100)
    bpe = json.loads(trained._bpe.to_str())  # type: ignore[attr-defined]

    def take(data: bytes) -> None:
        (directory / "tokenizer.json").write_bytes(data)
        pretrained_tokenizer("test", directory, lower_case=False).encode(MIXED)

    return Target("tokenizer files", [json.dumps(bpe).encode()], take, (TrainingError,))
