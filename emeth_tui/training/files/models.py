"""The models that a job can be trained with, by name: our own devnet model, a hub name or a local directory.

`model_spec(name)` says without touching disk or network how a model is trained; `open_model(name)` locates
the files of a pretrained one as well. Weights are read as safetensors, or by `torch.load(weights_only=True)`.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from emeth_tui.errors import TrainingError
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.training import models as why
from emeth_tui.training.files import hub
from emeth_tui.training.files.hub import WEIGHT_FILES
from emeth_tui.training.files.load_errors import LOAD_ERRORS, check_memory
from emeth_tui.training.reports import OnPreparing, unheard

if TYPE_CHECKING:
    from torch import Tensor

    from emeth_tui.training.data.dataset import TokenSource
    from emeth_tui.training.data.tokenizer import TextTokenizer
    from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape

BLOCK_TOKENS = 128  # protocol.md §8
DEVNET_SMALL = "devnet-small"
# Blocks of a step where a text has fewer bytes: with 16, those of 4 and 16 kB learn less (BENCHMARKS.md,
# `finetune`). None of these jobs takes more than some 5,000 steps, which are two minutes on a GPU.
_SMALL_TEXTS = ((32_000, 3), (128_000, 4), (512_000, 8))
# Trained on small letters (rinnakk/japanese-pretrained-models, src/task/pretrain_gpt2/train.py); their
# READMEs on the hub have `do_lower_case` set by hand. Of a local copy its tokenizer_config.json decides.
_LOWER_CASED = {f"rinna/japanese-gpt2-{size}" for size in ("xsmall", "small", "medium")}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """How to make and train a model.

    `vocab_limit` is set for a model made from scratch: its tokenizer is trained on the job's own text and
    has at most so many tokens. For a pretrained model it is None, and `layers`, `heads` and `width` come
    from its files. `lower_case` is set for one that reads only small letters and whose files do not say so.
    """

    name: str
    learning_rate: float
    batch_size: int
    vocab_limit: int | None = None
    layers: int = 0
    heads: int = 0
    width: int = 0
    block_tokens: int = BLOCK_TOKENS
    dropout: float = 0.1  # protocol.md §8: as in the reference
    attention_dropout: float = 0.1
    lower_case: bool = False

    @property
    def pretrained(self) -> bool:
        """True when weights and tokenizer come from files instead of from the job."""
        return self.vocab_limit is None

    def batch_for(self, dataset_bytes: int) -> int:
        """Return how many blocks a step on a text of this size learns from.

        A small text is few steps, each of which counts; a large one has enough of them, and a GPU waits for
        fewer of its steps with larger batches.
        """
        small = (blocks for limit, blocks in _SMALL_TEXTS if self.pretrained and dataset_bytes < limit)
        return next(small, self.batch_size)


# Small enough for one CPU core, large enough to learn from 64 kB of text in 30 epochs. It starts from random
# weights, so its rate is that of pre-training, several times what fine-tuning takes.
_DEVNET_SMALL = ModelSpec(
    name=DEVNET_SMALL,
    learning_rate=1.5e-3,
    batch_size=8,
    vocab_limit=1024,
    layers=2,
    heads=3,
    width=96,
)


def model_spec(name: str) -> ModelSpec:
    """Describe the model of this name; any name but our own is a hub name or a local directory."""
    if name == DEVNET_SMALL:
        return _DEVNET_SMALL
    lower_case = name in _LOWER_CASED
    # The rate of protocol.md §8, not scaled with the batch: scaled, it overfits as it does with a batch of 3.
    return ModelSpec(name=name, learning_rate=2.5e-4, batch_size=16, lower_case=lower_case)


@dataclass(frozen=True, slots=True)
class PretrainedFiles:
    """Where a pretrained model's configuration, weights and tokenizer lie on this machine."""

    name: str
    directory: Path

    def shape(self) -> Gpt2Shape:
        """Read the model's shape. Raise TrainingError when it is not a plain GPT-2."""
        from emeth_tui.training.model.gpt2 import Gpt2Shape

        try:
            config = from_json((self.directory / "config.json").read_bytes())  # bounds nesting by itself
            _check_is_plain_gpt2(self.name, config)
            return Gpt2Shape(
                layers=int(config["n_layer"]),
                heads=int(config["n_head"]),
                width=int(config["n_embd"]),
                positions=int(config["n_positions"]),
                vocab_size=int(config["vocab_size"]),
                layer_norm_epsilon=float(config.get("layer_norm_epsilon", 1e-5)),
            )
        except (*LOAD_ERRORS, ArithmeticError) as error:
            raise TrainingError(why.ConfigUnusable(self.name, one_line(repr(error)))) from error

    def weights(self) -> dict[str, Tensor]:
        """Read the weights under GPT2LMHeadModel's names.

        Raise TrainingError when they cannot be read, and what torch raises where memory is short.
        """
        path = next(
            (self.directory / name for name in WEIGHT_FILES if (self.directory / name).is_file()), None
        )
        if path is None:
            raise TrainingError(why.WeightsMissing(self.name, self.directory, ", ".join(WEIGHT_FILES)))
        check_memory(path)
        try:
            loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
        except LOAD_ERRORS as error:
            raise TrainingError(why.ModelFileUnreadable(self.name, path, one_line(error))) from error
        if not isinstance(loaded, dict):
            raise TrainingError(why.ModelFileUnreadable(self.name, path, why.NoStateDict()))
        return _published_names(loaded)

    def tokenizer(self, lower_case: bool) -> TextTokenizer:
        """Load the tokenizer. Raise TrainingError when its files are missing or cannot be read."""
        from emeth_tui.training.data.tokenizer import pretrained_tokenizer

        return pretrained_tokenizer(self.name, self.directory, lower_case)

    def tokenizer_digest(self) -> str:
        """Hash all files that a tokenizer is made of, for another one makes other tokens of a text."""
        digest = hashlib.sha256()
        for path in sorted(self.directory.iterdir()):
            if path.is_file() and any(fnmatch.fnmatch(path.name, each) for each in hub.TOKENIZER_PATTERNS):
                digest.update(f"{path.name}:{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()


def locate(name: str, progress: OnPreparing = unheard) -> PretrainedFiles:
    """Find a pretrained model: a local directory, or a hub name, downloaded unless its files are here.

    A broken download goes on where it broke off; `progress` reports it, and may raise to end it.
    Raise TrainingError when the hub does not answer or has no such model, DiskFull.
    """
    directory = Path(name).expanduser()
    if directory.is_dir():
        return PretrainedFiles(name, directory)
    if name.startswith((".", "/", "~")):
        raise TrainingError(why.NoModelDirectory(name))
    return PretrainedFiles(name, hub.fetch(name, progress))


def present_files(name: str) -> PretrainedFiles | None:
    """Return a pretrained model's files if they are on this machine, without asking the hub."""
    if not model_spec(name).pretrained:
        return None
    directory = Path(name).expanduser()
    if directory.is_dir():
        return PretrainedFiles(name, directory)
    found = hub.present(name)
    return None if found is None else PretrainedFiles(name, found)


@dataclass(frozen=True, slots=True)
class JobModel:
    """The model of one job: how it is trained, and the files of a pretrained one (None: from scratch)."""

    spec: ModelSpec
    files: PretrainedFiles | None

    def token_source(self, language: str) -> TokenSource:
        """Return how a text becomes the model's tokens. Its tokenizer is made when it is first needed."""
        from emeth_tui.training.data.dataset import TokenSource
        from emeth_tui.training.data.tokenizer import train_tokenizer

        spec, files = self.spec, self.files

        def make(training_text: Iterable[str]) -> TextTokenizer:
            if files is not None:
                return files.tokenizer(spec.lower_case)
            assert spec.vocab_limit is not None  # noqa: S101 - what makes it a model from scratch
            return train_tokenizer(training_text, language, spec.vocab_limit)

        kind = str(spec.vocab_limit) if files is None else files.tokenizer_digest()
        return TokenSource(language, f"{spec.name}:{kind}", spec.block_tokens, make)

    def shape(self, vocab_size: int) -> Gpt2Shape:
        """Return the model's shape, given how many tokens its tokenizer has.

        Raise TrainingError when a pretrained model does not fit the tokenizer or the length of a block.
        """
        from emeth_tui.training.model.gpt2 import Gpt2Shape

        spec = self.spec
        if self.files is None:
            return Gpt2Shape(spec.layers, spec.heads, spec.width, spec.block_tokens, vocab_size)
        shape = self.files.shape()
        if vocab_size > shape.vocab_size:
            raise TrainingError(why.VocabularyTooLarge(spec.name, vocab_size, shape.vocab_size))
        if shape.positions < spec.block_tokens:
            raise TrainingError(why.BlocksTooLong(spec.name, shape.positions, spec.block_tokens))
        return shape

    def build(self, shape: Gpt2Shape, *, dropout: bool = True) -> Gpt2:
        """Build the module; its weights are not set yet."""
        from emeth_tui.training.model.gpt2 import Gpt2

        if not dropout:
            return Gpt2(shape, 0.0, 0.0)
        return Gpt2(shape, self.spec.dropout, self.spec.attention_dropout)

    def set_initial_weights(self, module: Gpt2, seed: int) -> None:
        """Set the weights that training starts from: pretrained ones, or fresh ones drawn from `seed`.

        Raise TrainingError when pretrained weights are missing or do not fit.
        """
        if self.files is None:
            module.initialise(seed)
            return
        from emeth_tui.training.model.gpt2 import UnfitWeights

        try:
            module.import_weights(self.files.weights())
        except UnfitWeights as error:
            raise TrainingError(why.WeightsUnfit(self.spec.name, error.reason)) from error


def open_model(name: str, progress: OnPreparing = unheard) -> JobModel:
    """Return the model of this name, with its files located once. Raise what `locate` raises."""
    spec = model_spec(name)
    return JobModel(spec, locate(name, progress) if spec.pretrained else None)


def make_ready(name: str, progress: OnPreparing = unheard) -> None:
    """Have all that training with this model needs on this machine, and check that it fits together.

    `progress` reports a download alone. Raise TrainingError saying what is missing or does not fit,
    DiskFull, and what `progress` raises.
    """
    from emeth_tui.training.model.gpt2 import UnfitWeights, check_weights

    model = open_model(name, progress)
    if model.files is None:
        return
    model.files.shape()  # whose errors are clearer than those of a tokenizer beside an odd configuration
    shape = model.shape(model.files.tokenizer(model.spec.lower_case).vocab_size)
    try:
        check_weights(shape, model.files.weights())
    except UnfitWeights as error:
        raise TrainingError(why.WeightsUnfit(name, error.reason)) from error


def _check_is_plain_gpt2(name: str, config: Mapping[str, Any]) -> None:
    width = config["n_embd"]
    allowed: dict[str, set[object]] = {
        "model_type": {"gpt2"},
        "activation_function": {"gelu_new", "gelu_pytorch_tanh", None},
        "n_inner": {4 * width, None},
        "scale_attn_weights": {True, None},
        "scale_attn_by_inverse_layer_idx": {False, None},
        "tie_word_embeddings": {True, None},
    }
    for key, values in allowed.items():
        if config.get(key) not in values:
            raise TrainingError(why.NotPlainGpt2(name, key, repr(config.get(key))))
    if width % config["n_head"]:
        raise TrainingError(why.WidthIndivisible(name, width, config["n_head"]))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _read_pickle(path: Path) -> object:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _published_names(loaded: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name tensors as GPT2LMHeadModel does: older files lack the `transformer.` prefix or the tied head."""
    from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, HEAD_NAME

    prefix = "transformer."
    weights = {
        name if name.startswith(prefix) or name == HEAD_NAME else prefix + name: tensor
        for name, tensor in loaded.items()
    }
    if EMBEDDING_NAME in weights:
        weights.setdefault(HEAD_NAME, weights[EMBEDDING_NAME])
    return weights
