"""Pretrained models for tests, as transformers writes them; it is loaded late, for that takes seconds."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch
from sentencepiece import SentencePieceTrainer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.training.texts import english, japanese

VOCAB_SIZE = 300
SPECIAL_PIECES = ["<unk>", "<s>", "</s>", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]  # the first in rinna's models


def save_small_gpt2(directory: Path) -> None:
    """Write a small GPT-2 with random weights, and its tokenizer."""
    from transformers import PreTrainedTokenizerFast

    _save_weights(directory, VOCAB_SIZE, bos_token_id=0, eos_token_id=0)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    bpe.train_from_iterator([english(4096)], trainer)
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>").save_pretrained(directory)


def save_small_rinna(directory: Path) -> None:
    """Write a small GPT-2 with random weights and a SentencePiece model, the files of rinna's repositories.

    The tokenizer knows small letters only, and its configuration does not say so.
    """
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter((japanese(20_000) + english(4_096).lower()).splitlines()),
        model_writer=model,
        vocab_size=VOCAB_SIZE,
        hard_vocab_limit=False,
        character_coverage=1.0,
        pad_id=SPECIAL_PIECES.index("[PAD]"),
        pad_piece="[PAD]",
        control_symbols=SPECIAL_PIECES[4:],
        num_threads=1,
        minloglevel=2,
    )
    _save_weights(directory, VOCAB_SIZE, bos_token_id=1, eos_token_id=2)
    (directory / "spiece.model").write_bytes(model.getvalue())
    specials = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "[PAD]"}
    (directory / "special_tokens_map.json").write_text(json.dumps(specials))
    tokenizer_config = {**specials, "extra_ids": 0, "tokenizer_class": "T5Tokenizer"}
    (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))


def _save_weights(directory: Path, vocab_size: int, **token_ids: int) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(3)
    config = GPT2Config(vocab_size=vocab_size, n_positions=128, n_embd=32, n_layer=2, n_head=2, **token_ids)
    GPT2LMHeadModel(config).save_pretrained(directory)
