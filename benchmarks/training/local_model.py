"""A model directory like the hub's: no hub is needed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from benchmarks.training.reference import make_model
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape

_POSITIONS = 1024  # of the published GPT-2s
_DROPOUT = 0.1
_SEED = 0
_END_OF_TEXT = "<|endoftext|>"


def write_model(
    directory: Path, shape: Gpt2Shape, text: str, tokenizer_vocab: int, trained: Gpt2 | None = None
) -> None:
    """Write config, weights and a tokenizer trained on `text`, which may have fewer tokens than the model.

    The weights are those of `trained`, a model of this very shape, or random ones.
    """
    published = shape if trained else dataclasses.replace(shape, positions=_POSITIONS)
    model = trained or Gpt2(published)
    if trained is None:
        model.initialise(_SEED)
    make_model(published, _DROPOUT, _DROPOUT, model.export_weights()).save_pretrained(directory)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=tokenizer_vocab,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[_END_OF_TEXT],
        show_progress=False,
    )
    bpe.train_from_iterator([text], trainer)
    from transformers import PreTrainedTokenizerFast  # late: two thousand modules come with it

    make_fast: Any = PreTrainedTokenizerFast
    make_fast(tokenizer_object=bpe, eos_token=_END_OF_TEXT).save_pretrained(directory)
