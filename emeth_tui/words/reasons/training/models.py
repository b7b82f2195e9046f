"""The sentences of notices/reasons/training/models.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.training import models

SENTENCES: Mapping[type[Notice], str] = {
    models.ModelFileUnreadable: "model {model}: {path} cannot be read: {detail}",
    models.NoStateDict: "it holds no state dict",
    models.SentencePieceDamaged: "model {model}: {path} is damaged, or no SentencePiece model",
    models.TokenizerUnusable: "model {model}: its tokenizer cannot be loaded: {detail}",
    models.TokenizerNotFast: "model {model}: its tokenizer has no fast form, which training needs",
    models.TokenizerMissing: "model {model}: {directory} holds no tokenizer",
    models.NoModelDirectory: "model {model}: no such directory",
    models.WeightsMissing: "model {model}: {directory} holds none of {names}",
    models.ConfigUnusable: "model {model}: its config.json cannot be used: {detail}",
    models.VocabularyTooLarge: (
        "model {model}: the ids of its tokenizer need a vocabulary of {tokens}, and the model's is {room}"
    ),
    models.BlocksTooLong: "model {model}: it reads {positions} tokens at once, a block is {block}",
    models.WeightsUnfit: "model {model}: {detail}",
    models.TensorMissing: "tensor {name} is missing",
    models.TensorShape: "tensor {name} has shape {shape}, not {wanted}",
    models.TensorNotTied: "tensor {name} differs from {other}, to which GPT-2 ties it",
    models.NotPlainGpt2: "model {model}: {key} is {value}; only a plain GPT-2 can be trained",
    models.WidthIndivisible: "model {model}: width {width} does not divide into {heads} heads",
    models.NotOnHub: (
        "model {model}: the Hugging Face hub has no model of that name, or not for everybody: set "
        "the model to a public one, or to a directory with config.json, the weights and the "
        "tokenizer"
    ),
    models.HubUnreachable: (
        "model {model} cannot be downloaded from the Hugging Face hub ({detail}): check the "
        "network, what has arrived is kept; or set the model to a directory with config.json, the "
        "weights and the tokenizer"
    ),
}
