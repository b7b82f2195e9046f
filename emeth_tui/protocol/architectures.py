"""The models that the network trains: facts that need no model to be loaded (protocol.md §8)."""

from __future__ import annotations

# Parameters with the output head tied to the token embedding: vocabulary, 24 layers, width 1024.
PARAMETERS = {
    "gpt2-medium": 354_823_168,
    "rinna/japanese-gpt2-medium": 336_128_000,  # 32,000 tokens instead of 50,257
    "devnet-small": 1_000_000,  # at most; its vocabulary depends on the text
}


def parameter_count(model: str) -> int:
    """Return a model's number of parameters; an unknown one counts as GPT-2 medium."""
    return PARAMETERS.get(model, PARAMETERS["gpt2-medium"])
