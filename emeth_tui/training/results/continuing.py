"""Continue a prompt with a model, token by token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from emeth_tui.errors import JobError
from emeth_tui.notices.reasons.network.requesting import PromptEmpty
from emeth_tui.training.data.tokenizer import TextTokenizer
from emeth_tui.training.model.gpt2 import Gpt2

LIKELIEST = 40  # tokens that are drawn from


def encode_prompt(tokenizer: TextTokenizer, prompt: str) -> list[int]:
    """Return a prompt's tokens. Raise JobError when it has none."""
    ids = [int(token) for token in tokenizer.encode(prompt)]
    if not ids:
        raise JobError(PromptEmpty(len(ids)))
    return ids


def continue_tokens(
    model: Gpt2, prompt: Sequence[int], tokens: int, temperature: float, seed: int
) -> list[int]:
    """Return so many tokens after a prompt's; at temperature 0 always the likeliest one.

    The same seed draws the same tokens. Only the model's newest positions are read.
    """
    ids = list(prompt)
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        for _number in range(tokens):
            window = torch.tensor([ids[-model.shape.positions :]])
            logits = model(window)[0, -1].float()
            if temperature == 0:
                ids.append(int(logits.argmax()))
                continue
            likeliest = torch.topk(logits[: model.shape.vocab_size] / temperature, _least(model))
            drawn = torch.multinomial(likeliest.values.softmax(-1), 1, generator=generator)
            ids.append(int(likeliest.indices[drawn]))
    return ids[len(prompt) :]


def text_of(tokenizer: TextTokenizer, ids: Sequence[int]) -> str:
    """Decode tokens."""
    return tokenizer.decode(np.array(ids, dtype=np.uint32))


def _least(model: Gpt2) -> int:
    return min(LIKELIEST, model.shape.vocab_size)
