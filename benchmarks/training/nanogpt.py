"""A training loop in the style of nanoGPT, written for this project: what an expert's short loop achieves.

A plain module with `nn.Linear` layers, compiled as a whole; bf16 autocast on CUDA, scaled-dot-product
attention, a vocabulary padded to a multiple of 64, fused AdamW, batches copied from pinned memory without
waiting; the loss is read once every ten steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.training.reference import Blocks, LoopPlan
from emeth_tui.training.data.dataset import epoch_order, token_ids
from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, HEAD_NAME, Gpt2Shape
from emeth_tui.training.model.optimiser import MAX_GRADIENT_NORM, WEIGHT_DECAY, scheduled_share, set_rate

_LOSS_EVERY = 10  # steps
_TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # published as [inputs, outputs]


class _Block(nn.Module):
    def __init__(self, shape: Gpt2Shape, dropout: float) -> None:
        super().__init__()
        width = shape.width
        self.heads, self.dropout = shape.heads, dropout
        self.ln_1 = nn.LayerNorm(width, eps=shape.layer_norm_epsilon)
        self.ln_2 = nn.LayerNorm(width, eps=shape.layer_norm_epsilon)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(width, 3 * width), "c_proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, states: Tensor) -> Tensor:
        states = states + self._drop(self._attend(self.ln_1(states)))
        hidden = functional.gelu(self.mlp["c_fc"](self.ln_2(states)), approximate="tanh")
        return states + self._drop(self.mlp["c_proj"](hidden))

    def _attend(self, states: Tensor) -> Tensor:
        batch, length, width = states.shape
        parts = self.attn["c_attn"](states).split(width, dim=2)
        query, key, value = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in parts
        )
        mixed = functional.scaled_dot_product_attention(
            query, key, value, dropout_p=self.dropout if self.training else 0.0, is_causal=True
        )
        projected: Tensor = self.attn["c_proj"](mixed.transpose(1, 2).reshape(batch, length, width))
        return projected

    def _drop(self, states: Tensor) -> Tensor:
        return functional.dropout(states, self.dropout, self.training)


class NanoGpt(nn.Module):
    """The model; its forward pass returns the mean loss of ids `[batch, length]`.

    As in nanoGPT, the vocabulary's padding takes part in the softmax, which saves slicing the logits.
    """

    def __init__(self, shape: Gpt2Shape, dropout: float) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.wte = nn.Embedding(shape.padded_vocab_size, shape.width)
        self.wpe = nn.Embedding(shape.positions, shape.width)
        self.h = nn.ModuleList(_Block(shape, dropout) for _ in range(shape.layers))
        self.ln_f = nn.LayerNorm(shape.width, eps=shape.layer_norm_epsilon)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        states = functional.dropout(self.wte(ids) + self.wpe(places), self.dropout, self.training)
        for block in self.h:
            states = block(states)
        logits = functional.linear(self.ln_f(states[:, :-1]), self.wte.weight)
        return functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())

    def import_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights under the published names."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                tensor = weights[f"transformer.{name}"]
                tensor = tensor.T if name.endswith(_TRANSPOSED) else tensor
                parameter.zero_()
                parameter[: len(tensor)] = tensor

    def export_weights(self) -> dict[str, Tensor]:
        """Return copies of the weights under the published names, in fp32 on the CPU."""
        weights = {
            f"transformer.{name}": (tensor.T if name.endswith(_TRANSPOSED) else tensor)
            .detach()
            .to("cpu", torch.float32, copy=True)
            for name, tensor in self.named_parameters()
        }
        weights[EMBEDDING_NAME] = weights[EMBEDDING_NAME][: self.shape.vocab_size].clone()
        return {**weights, HEAD_NAME: weights[EMBEDDING_NAME]}


class NanoGptLoop:
    """Trains a model that is on its device, an epoch at a time."""

    def __init__(
        self, model: NanoGpt, plan: LoopPlan, device: torch.device, compile_backend: str | None
    ) -> None:
        self._model = model
        self._forward = torch.compile(model, backend=compile_backend) if compile_backend else model
        self._plan = plan
        self._device = device
        matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
        vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
        self._optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}],
            lr=0.0,
            fused=True,
        )

    def train_epoch(self, epoch: int, blocks: Blocks) -> float:
        """Train `epoch` (counted from 0) and return the last loss that was read."""
        batch_size, count = self._plan.batch_size, len(blocks)
        order = epoch_order(self._plan.seed, epoch, count)
        self._model.train()
        last_loss = 0.0
        for step, start in enumerate(range(0, count, batch_size)):
            chosen = order[start : start + batch_size]
            done = (epoch + (start + len(chosen)) / count) / self._plan.epochs
            loss = self._step(self._put(blocks[chosen]), done)
            if step % _LOSS_EVERY == 0:
                last_loss = float(loss.item())
        return last_loss

    def _step(self, ids: Tensor, done: float) -> Tensor:
        with self._autocast():
            loss: Tensor = self._forward(ids)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._model.parameters(), MAX_GRADIENT_NORM)
        set_rate(self._optimiser, self._plan.learning_rate * scheduled_share(done))
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return loss.detach()

    def _put(self, blocks: Blocks) -> Tensor:
        ids = torch.from_numpy(token_ids(blocks))
        if self._device.type != "cuda":
            return ids
        return ids.pin_memory().to(self._device, non_blocking=True)

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        if self._device.type != "cuda":
            return contextlib.nullcontext()
        return torch.autocast("cuda", dtype=torch.bfloat16)
