"""Checkpoints and results: archives of tensors that anybody may have made."""

from __future__ import annotations

import io
import json

import safetensors.torch
import torch

from emeth_tui.errors import JobError, TrainingError
from emeth_tui.training.files.checkpoint import CheckpointStore, load_result, save_result
from emeth_tui.training.files.models import PretrainedFiles
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target

SHAPES = {"wte.weight": (8, 4), "ln.bias": (4,)}
FINGERPRINT: dict[str, str | int] = {"model": "test", "seed": 1}


def targets() -> list[Target]:
    return [_results(), _checkpoints(), _model_configurations(), _model_weights()]


def _results() -> Target:
    path = scratch() / "checkpoint.pt"
    weights = {name: torch.ones(shape) for name, shape in SHAPES.items()}
    save_result(path, 30, weights, 2.5, "ab" * 32)
    corpus = [path.read_bytes()]

    def take(data: bytes) -> None:
        path.write_bytes(data)
        load_result(path, SHAPES)

    return Target("results", corpus, take, (JobError,), share=2.0)


def _model_configurations() -> Target:
    directory = scratch()
    config = {
        **{"model_type": "gpt2", "activation_function": "gelu_new", "n_layer": 2, "n_head": 2, "n_embd": 8},
        **{"n_positions": 128, "vocab_size": 300, "layer_norm_epsilon": 1e-5},
    }

    def take(data: bytes) -> None:
        (directory / "config.json").write_bytes(data)
        PretrainedFiles("test", directory).shape()

    return Target("models' configurations", [json.dumps(config).encode()], take, (TrainingError,), share=0.5)


def _model_weights() -> Target:
    """Both forms of them, told apart by their first byte."""
    directory = scratch()
    weights = {name: torch.ones(shape) for name, shape in SHAPES.items()}
    pickled = io.BytesIO()
    torch.save(weights, pickled)

    def take(data: bytes) -> None:
        for name, form in (("model.safetensors", b"s"), ("pytorch_model.bin", b"p")):
            (directory / name).unlink(missing_ok=True)
            if data[:1] == form:
                (directory / name).write_bytes(data[1:])
        PretrainedFiles("test", directory).weights()

    corpus = [b"s" + safetensors.torch.save(weights), b"p" + pickled.getvalue()]
    return Target("models' weights", corpus, take, (TrainingError,))


def _checkpoints() -> Target:
    directory = scratch()
    store = CheckpointStore(directory, FINGERPRINT)
    kept = store.save(3, 5, {"weights": torch.ones(8, 4), "step": 7, "names": ["a", "b"]})
    content = kept.read_bytes()
    legacy = io.BytesIO()
    torch.save({"x": torch.ones(3)}, legacy, _use_new_zipfile_serialization=False)

    def take(data: bytes) -> None:
        kept.write_bytes(data)
        loaded = store.load_newest()
        assert loaded is None or loaded["fingerprint"] == FINGERPRINT

    return Target("checkpoints", [content, legacy.getvalue()], take, share=2.0)
