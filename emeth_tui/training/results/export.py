"""A result as a directory that `transformers` loads with `from_pretrained`."""

from __future__ import annotations

import fnmatch
import json
import shutil
from pathlib import Path

from safetensors.torch import save_file

from emeth_tui.training.data.tokenizer import save_tokenizer
from emeth_tui.training.files.hub import TOKENIZER_PATTERNS
from emeth_tui.training.files.models import PretrainedFiles
from emeth_tui.training.model.gpt2 import HEAD_NAME, Gpt2Shape
from emeth_tui.training.results.opened import OpenedResult

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
TOKENIZER_CONFIG_NAME = "tokenizer_config.json"


def export(opened: OpenedResult, directory: Path) -> None:
    """Write configuration, weights and tokenizer into an empty directory. Raise OSError, TrainingError."""
    # The head is tied to the embedding, and files of transformers leave it out.
    weights = {
        name: tensor.float().contiguous().clone()
        for name, tensor in opened.claimed.state_dict.items()
        if name != HEAD_NAME
    }
    save_file(weights, directory / WEIGHTS_NAME, metadata={"format": "pt"})
    files = opened.job_model.files
    if files is not None:
        _copy_files(files, directory)
        return
    _write_json(directory / CONFIG_NAME, _config(opened.shape))
    save_tokenizer(opened.tokenizer(), directory)
    _write_json(
        directory / TOKENIZER_CONFIG_NAME,
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": opened.shape.positions,
            "clean_up_tokenization_spaces": False,
        },
    )


def _copy_files(files: PretrainedFiles, directory: Path) -> None:
    """Copy what training does not change."""
    for path in sorted(files.directory.iterdir()):
        wanted = any(fnmatch.fnmatch(path.name, pattern) for pattern in (CONFIG_NAME, *TOKENIZER_PATTERNS))
        if wanted and path.is_file():
            shutil.copyfile(path, directory / path.name)


def _config(shape: Gpt2Shape) -> dict[str, object]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "n_layer": shape.layers,
        "n_head": shape.heads,
        "n_embd": shape.width,
        "n_positions": shape.positions,
        "vocab_size": shape.vocab_size,
        "layer_norm_epsilon": shape.layer_norm_epsilon,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
