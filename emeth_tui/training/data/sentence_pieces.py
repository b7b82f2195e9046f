"""A model's own SentencePiece tokenizer (`spiece.model` without `tokenizer.json`), as rinna's models have it.

SentencePiece's normaliser, a part of the model, changes a text before it is divided: it folds widths (NFKC)
and replaces line ends and runs of white space by one space. Tokens decode to that text, with " ⁇ " for
whatever the vocabulary lacks. A line has the same tokens alone as among others, which is how
rinna trained: line by line, with `<s>` and `</s>` only around whole documents, which a dataset does not
mark. So the ids are SentencePiece's own, without special tokens. transformers would need protobuf for the
same file, read capitals whatever the configuration says, and turn what is unknown into `</s>`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic_core import from_json
from sentencepiece import SentencePieceProcessor

from emeth_tui.errors import TrainingError
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.training.models import ModelFileUnreadable, SentencePieceDamaged
from emeth_tui.training.data.word_cache import TokenIds
from emeth_tui.training.files.hub import SENTENCEPIECE_NAME


class SentencePieces:
    """Encodes text to SentencePiece's ids, without special tokens."""

    def __init__(self, processor: SentencePieceProcessor, lower_case: bool) -> None:
        self._processor = processor
        self._lower_case = lower_case

    @property
    def vocab_size(self) -> int:
        return self._processor.get_piece_size()

    def encode(self, text: str) -> TokenIds:
        return np.array(self._processor.encode(text.lower() if self._lower_case else text), dtype=np.uint32)

    def decode(self, ids: TokenIds) -> str:
        text: str = self._processor.decode(ids.tolist())
        return text


def load_sentence_pieces(name: str, directory: Path, lower_case: bool) -> SentencePieces:
    """Load the SentencePiece model in a pretrained model's directory.

    Texts are lower-cased first when `lower_case` or the directory's tokenizer_config.json says so. Raise
    TrainingError when one of the files cannot be read.
    """
    path = directory / SENTENCEPIECE_NAME
    processor = SentencePieceProcessor()
    try:
        processor.load_from_serialized_proto(path.read_bytes())
    except OSError as error:
        raise TrainingError(ModelFileUnreadable(name, path, one_line(error))) from error
    except RuntimeError as error:  # its message is a line of C++
        raise TrainingError(SentencePieceDamaged(name, path)) from error
    return SentencePieces(processor, lower_case or _asks_for_lower_case(name, directory))


def _asks_for_lower_case(name: str, directory: Path) -> bool:
    path = directory / "tokenizer_config.json"
    if not path.is_file():
        return False
    try:
        return from_json(path.read_bytes()).get("do_lower_case") is True
    except (OSError, ValueError, AttributeError) as error:
        raise TrainingError(ModelFileUnreadable(name, path, one_line(repr(error)))) from error
