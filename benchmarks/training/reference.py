"""The reference client's training, re-created from protocol.md §8 and §10: the baseline to beat.

fp32, eager attention, AdamW one tensor at a time, and one device sync and one log line per step; a job
tokenises its dataset again in every epoch. Initial weights, rates, clipping, dropout and the order of
blocks are ours, so that both sides do the same work. It gets the benefit of the doubt: gradients are clipped
once per step, the key-value cache is off, nothing is validated or saved before the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import torch
from torch import Tensor, nn

from emeth_tui.protocol import hash_chain, splitting
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training.data.dataset import epoch_order, token_ids
from emeth_tui.training.data.tokenizer import TextTokenizer, chunks
from emeth_tui.training.files.checkpoint import save_result
from emeth_tui.training.files.models import (
    ModelSpec,
    open_model,
)
from emeth_tui.training.model.gpt2 import Gpt2Shape
from emeth_tui.training.model.optimiser import MAX_GRADIENT_NORM, WEIGHT_DECAY, scheduled_share, set_rate

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

Blocks = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """How to train; the numbers are the same as on our side."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int


def load_transformers() -> None:
    """Load the published model's code, two thousand modules, before anything is measured."""
    from transformers import GPT2LMHeadModel  # noqa: F401 - loaded when it is named


def make_model(
    shape: Gpt2Shape,
    dropout: float,
    attention_dropout: float,
    weights: Mapping[str, Tensor],
    attention: str = "eager",
) -> GPT2LMHeadModel:
    """Return the published model, starting from `weights`; `attention` is `eager` or `sdpa`."""
    from transformers import GPT2Config, GPT2LMHeadModel  # late: see `load_transformers`

    config = GPT2Config(
        vocab_size=shape.vocab_size,
        n_positions=shape.positions,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        layer_norm_epsilon=shape.layer_norm_epsilon,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=attention_dropout,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation=attention,
    )
    model = GPT2LMHeadModel(config)
    model.loss_type = "ForCausalLM"  # the default, but without its warning
    model.load_state_dict(weights)
    return model


class ReferenceLoop:
    """Trains one model, an epoch at a time; every step writes a line to `log_file`."""

    def __init__(self, model: GPT2LMHeadModel, plan: LoopPlan, log_file: TextIO) -> None:
        self._model = model
        self._plan = plan
        self._log_file = log_file
        self._device = next(model.parameters()).device
        matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
        vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
        self._optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}],
            lr=0.0,
            foreach=False,
            fused=False,
        )

    def train_epoch(self, epoch: int, blocks: Blocks) -> float:
        """Train `epoch` (counted from 0) and return its mean loss per predicted token."""
        batch_size, count = self._plan.batch_size, len(blocks)
        order = epoch_order(self._plan.seed, epoch, count)
        self._model.train()
        loss_sum = 0.0
        for start in range(0, count, batch_size):
            chosen = order[start : start + batch_size]
            done = (epoch + (start + len(chosen)) / count) / self._plan.epochs
            loss = self._step(torch.from_numpy(token_ids(blocks[chosen])).to(self._device), done)
            self._log_file.write(f"epoch {epoch + 1} step {start // batch_size + 1} loss {loss:.6f}\n")
            self._log_file.flush()
            loss_sum += loss * len(chosen)
        return loss_sum / count

    def _step(self, ids: Tensor, done: float) -> float:
        loss: Tensor = self._model(input_ids=ids, labels=ids).loss
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._model.parameters(), MAX_GRADIENT_NORM, foreach=False)
        set_rate(self._optimiser, self._plan.learning_rate * scheduled_share(done))
        self._optimiser.step()
        self._optimiser.zero_grad()
        return float(loss.item())


def run_job(
    spec: ModelSpec,
    language: str,
    dataset_path: Path,
    work_dir: Path,
    plan: LoopPlan,
    verification_key: str,
) -> Path:
    """Do a whole job, from the text file to the result file of protocol.md §9; return its path."""
    work_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    job_model = open_model(spec.name)
    tokenizer = job_model.token_source(language).make_tokenizer([training_text(dataset_path, language)])
    shape = job_model.shape(tokenizer.vocab_size)
    model = make_job_model(spec, shape, plan.seed)
    loss = 0.0
    with (work_dir / "training.log").open("w", encoding="utf-8") as log_file:
        loop = ReferenceLoop(model, plan, log_file)
        for epoch in range(plan.epochs):
            blocks = tokenised(training_text(dataset_path, language), tokenizer, spec.block_tokens)
            loss = loop.train_epoch(epoch, blocks)
    return write_result(work_dir, dataset_path, plan.epochs, model, loss, verification_key)


def make_job_model(spec: ModelSpec, shape: Gpt2Shape, seed: int, attention: str = "eager") -> GPT2LMHeadModel:
    """Return the published model with the weights that a job of ours starts from with this seed."""
    job_model = open_model(spec.name)
    start = job_model.build(shape)
    job_model.set_initial_weights(start, seed)
    return make_model(shape, spec.dropout, spec.attention_dropout, start.export_weights(), attention)


def write_result(
    work_dir: Path, dataset_path: Path, epochs: int, model: GPT2LMHeadModel, loss: float, key: str
) -> Path:
    """Write the result file of protocol.md §9, and return its path."""
    text = dataset_path.read_text("utf-8")
    path = work_dir / RESULT_NAME
    save_result(path, epochs, model.state_dict(), loss, hash_chain.links(text, key, epochs)[-1])
    return path


def training_text(dataset_path: Path, language: str) -> str:
    """Read and split a dataset, and return its training text."""
    return splitting.split(dataset_path.read_text("utf-8"), language, 1).train


def tokenised(text: str, tokenizer: TextTokenizer, block_tokens: int) -> Blocks:
    """Tokenise a text into blocks `(blocks, block_tokens)`; an incomplete last block is dropped."""
    tokens = np.concatenate([tokenizer.encode(chunk) for chunk in chunks([text])])
    blocks = len(tokens) // block_tokens
    return tokens[: blocks * block_tokens].reshape(blocks, block_tokens)
