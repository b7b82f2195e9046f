"""A lean GPT-2: the published architecture and parameter names, nothing that training does not need.

Parameters are named and laid out exactly as in Hugging Face's `GPT2LMHeadModel` (projections keep their
weights as `[inputs, outputs]`), so that importing and exporting weights renames and transposes nothing. The
vocabulary is padded to a multiple of 64 inside, which matrix units like better; the padding never leaves
this module.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from emeth_tui.errors import Reasoned
from emeth_tui.notices.reasons.training import models as why
from emeth_tui.training.devices import calculated_in
from emeth_tui.training.model.dropout import add_dropped, draw_masks, weigh_dropped
from emeth_tui.training.model.head import LogitsToGradients, head_loss, logits_to_gradients
from emeth_tui.training.model.projection import Projection, Weight

VOCAB_MULTIPLE = 64
INIT_STD = 0.02  # GPT-2's own initialisation
HEAD_NAME = "lm_head.weight"  # tied to the token embedding
EMBEDDING_NAME = "transformer.wte.weight"


@dataclass(frozen=True, slots=True)
class Gpt2Shape:
    """The numbers that fix a GPT-2's tensors."""

    layers: int
    heads: int
    width: int
    positions: int
    vocab_size: int
    layer_norm_epsilon: float = 1e-5

    @property
    def padded_vocab_size(self) -> int:
        """Rows of the token embedding as it lies in memory."""
        return -(-self.vocab_size // VOCAB_MULTIPLE) * VOCAB_MULTIPLE


def tensor_shapes(shape: Gpt2Shape) -> dict[str, tuple[int, ...]]:
    """Name every tensor of an exported state dict, with its shape: what a result file holds, and no more."""
    width = shape.width
    shapes: dict[str, tuple[int, ...]] = {
        EMBEDDING_NAME: (shape.vocab_size, width),
        "transformer.wpe.weight": (shape.positions, width),
    }
    for layer in range(shape.layers):
        block = f"transformer.h.{layer}"
        shapes |= {
            f"{block}.ln_1.weight": (width,),
            f"{block}.ln_1.bias": (width,),
            f"{block}.attn.c_attn.weight": (width, 3 * width),
            f"{block}.attn.c_attn.bias": (3 * width,),
            f"{block}.attn.c_proj.weight": (width, width),
            f"{block}.attn.c_proj.bias": (width,),
            f"{block}.ln_2.weight": (width,),
            f"{block}.ln_2.bias": (width,),
            f"{block}.mlp.c_fc.weight": (width, 4 * width),
            f"{block}.mlp.c_fc.bias": (4 * width,),
            f"{block}.mlp.c_proj.weight": (4 * width, width),
            f"{block}.mlp.c_proj.bias": (width,),
        }
    shapes |= {
        "transformer.ln_f.weight": (width,),
        "transformer.ln_f.bias": (width,),
        HEAD_NAME: (shape.vocab_size, width),
    }
    return shapes


class UnfitWeights(Reasoned):
    """Weights that are not those of a GPT-2 of some shape."""


def check_weights(shape: Gpt2Shape, weights: Mapping[str, Tensor]) -> None:
    """Raise UnfitWeights unless these are a GPT-2's of this shape, under the published names."""
    for name, expected in tensor_shapes(shape).items():
        if name not in weights:
            raise UnfitWeights(why.TensorMissing(name))
        found = tuple(weights[name].shape)
        if found != expected:
            raise UnfitWeights(why.TensorShape(name, str(found), str(expected)))
    head, embedding = weights[HEAD_NAME], weights[EMBEDDING_NAME]
    if head is not embedding and not torch.equal(head, embedding):
        raise UnfitWeights(why.TensorNotTied(HEAD_NAME, EMBEDDING_NAME))


@dataclass(frozen=True, slots=True)
class LayerMasks:
    """One layer's dropout masks for one pass, 0 or 1 in each place; drawn on the CPU alone.

    `attention` is `[blocks * heads, length, length]`, the others are `[rows, width]`. Whoever applies them
    scales up what is left.
    """

    attention: Tensor
    attended: Tensor
    fed: Tensor


class Attention(nn.Module):
    """Causal self-attention within each block."""

    def __init__(self, shape: Gpt2Shape, dropout: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = dropout
        self.c_attn = Projection(shape.width, 3 * shape.width)
        self.c_proj = Projection(shape.width, shape.width)

    def forward(self, states: Tensor, length: int, mask: Tensor | None) -> Tensor:
        rows, width = states.shape
        heads = self.heads, width // self.heads
        split = self.c_attn(states).view(-1, length, 3, *heads).permute(2, 0, 3, 1, 4)
        mixed = self._attend(split) if mask is None else _attend_with_mask(split, mask)
        scale = 1.0 if mask is None else 1.0 / (1.0 - self.dropout)
        output: Tensor = self.c_proj(mixed.transpose(1, 2).reshape(rows, width), scale)
        return output

    def _attend(self, split: Tensor) -> Tensor:
        query, key, value = split
        dropout = self.dropout if self.training else 0.0
        return functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)


def _attend_with_mask(split: Tensor, mask: Tensor) -> Tensor:
    """Return causal attention with dropout, not scaled up; with dropout torch's own is slow on a CPU.

    `split` is `[query, key and value, blocks, heads, length, width]`; the result lacks its first dimension.
    """
    _, blocks, heads, length, width = split.shape
    query, key, value = split.reshape(3, blocks * heads, length, width)
    future = _causal_mask(length, query.dtype)
    scores = torch.baddbmm(future, query, key.transpose(1, 2), alpha=1.0 / math.sqrt(width))
    return weigh_dropped(scores, mask, value).view(blocks, heads, length, width)


@functools.lru_cache(maxsize=8)
def _causal_mask(length: int, dtype: torch.dtype) -> Tensor:
    """Return what, added to the scores, hides from each token those after it."""
    return torch.full((length, length), float("-inf"), dtype=dtype).triu_(1)


def _add_dropped(states: Tensor, change: Tensor, dropout: float, mask: Tensor | None) -> Tensor:
    """Return `states` with `change` added, some of it dropped."""
    if mask is not None:
        return add_dropped(states, change, mask, 1.0 / (1.0 - dropout))
    return states + functional.dropout(change, dropout)


class FeedForward(nn.Module):
    """The two-layer perceptron of a block, with GPT-2's tanh approximation of GELU."""

    def __init__(self, shape: Gpt2Shape) -> None:
        super().__init__()
        self.c_fc = Projection(shape.width, 4 * shape.width)
        self.c_proj = Projection(4 * shape.width, shape.width)

    def forward(self, states: Tensor) -> Tensor:
        return self.c_proj.after_gelu(self.c_fc(states))


class Block(nn.Module):
    """One transformer layer."""

    def __init__(self, shape: Gpt2Shape, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.ln_1 = nn.LayerNorm(shape.width, eps=shape.layer_norm_epsilon)
        self.attn = Attention(shape, attention_dropout)
        self.ln_2 = nn.LayerNorm(shape.width, eps=shape.layer_norm_epsilon)
        self.mlp = FeedForward(shape)

    def forward(self, states: Tensor, length: int, masks: LayerMasks | None = None) -> Tensor:
        """Transform the states of blocks of `length` tokens, `[rows, width]`, block after block."""
        dropout = self.dropout if self.training else 0.0
        attended, fed = (masks.attended, masks.fed) if masks else (None, None)
        change = self.attn(self.ln_1(states), length, masks.attention if masks else None)
        states = _add_dropped(states, change, dropout, attended)
        return _add_dropped(states, self.mlp(self.ln_2(states)), dropout, fed)


def _compiled(work: Any, backend: str) -> Any:
    if backend != "inductor":
        return torch.compile(work, dynamic=False, backend=backend)
    # Inductor's own draw may give four elements one mask of dropout (since torch 2.13, pytorch#198333).
    # Drawing as the plain path does avoids it; torch 2.11 and earlier refuse to, and need not.
    draws_alike = hasattr(importlib.import_module("torch._inductor.config"), "align_random_eager")
    return torch.compile(work, dynamic=False, options={"align_random_eager": True} if draws_alike else None)


class Transformer(nn.Module):
    """Embeddings, blocks and the final norm; its attribute names are the published ones."""

    def __init__(self, shape: Gpt2Shape, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.heads = shape.heads
        self.width = shape.width
        self.wte = nn.Embedding(shape.padded_vocab_size, shape.width)
        self.wpe = nn.Embedding(shape.positions, shape.width)
        self.h = nn.ModuleList(Block(shape, dropout, attention_dropout) for _ in range(shape.layers))
        self.ln_f = nn.LayerNorm(shape.width, eps=shape.layer_norm_epsilon)
        self._compiled: tuple[Callable[[Tensor, int, LayerMasks | None], Tensor], ...] = ()
        self._compiled_for: tuple[int, int] | None = None

    def goes_compiled(self, token_ids: Tensor) -> bool:
        """Return whether this batch goes through compiled layers."""
        return self.training and self._compiled_for == tuple(token_ids.shape)

    def padded(self, token_ids: Tensor) -> Tensor:
        """Return a batch that is a little short for the compiled layers with more blocks, which mean nothing.

        It is not worth it where more than half of them would be.
        """
        if not self.training or self._compiled_for is None or len(token_ids) >= self._compiled_for[0]:
            return token_ids
        rows, length = self._compiled_for
        if token_ids.shape[1] != length or 2 * len(token_ids) < rows:
            return token_ids
        return torch.cat([token_ids, token_ids.new_zeros(rows - len(token_ids), length)])

    def use_compiled(self, batch: tuple[int, int] | None, backend: str) -> None:
        """Train batches of this shape through compiled layers from now on; with None, no batches."""
        self._compiled_for = batch
        # In a tuple, for as submodules they would give every parameter a second name.
        self._compiled = tuple(_compiled(block, backend) for block in self.h if batch)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return the states `[batch, length, width]` for ids `[batch, length]`."""
        length = token_ids.shape[1]
        states = (self.wte(token_ids) + self.wpe.weight[:length]).flatten(0, 1)
        masks: Sequence[LayerMasks | None] = [None] * len(self.h)
        if self.training and not token_ids.is_cuda and (self.dropout or self.attention_dropout):
            embedded, masks = self.masks(len(token_ids), length, len(self.h))
            states = states * embedded * (1.0 / (1.0 - self.dropout))
        elif self.training:
            states = functional.dropout(states, self.dropout)
        blocks: Iterable[Any] = self._compiled if self.goes_compiled(token_ids) else self.h
        for block, layer_masks in zip(blocks, masks, strict=True):
            states = block(states, length, layer_masks)
        output: Tensor = self.ln_f(states).view(*token_ids.shape, -1)
        return output

    def masks(self, batch: int, length: int, layers: int) -> tuple[Tensor, list[LayerMasks]]:
        """Draw the masks of a pass through so many layers: the embedding's, and each layer's."""
        precision = calculated_in("cpu")
        in_fp32 = precision == torch.float32
        of_attention = (layers, batch * self.heads, length, length)
        attention = draw_masks(of_attention, self.attention_dropout, torch.bool if in_fp32 else precision)
        of_rows = (1 + 2 * layers, batch * length, self.width)
        embedded, *others = draw_masks(of_rows, self.dropout, torch.bool if in_fp32 else torch.float32)
        return embedded, [
            LayerMasks(*each) for each in zip(attention, others[::2], others[1::2], strict=True)
        ]


class Gpt2(nn.Module):
    """GPT-2 with its language-model head, which shares the token embedding's weights."""

    def __init__(
        self, shape: Gpt2Shape, dropout: float = 0.1, attention_dropout: float | None = None
    ) -> None:
        super().__init__()
        self.shape = shape
        self.transformer = Transformer(
            shape, dropout, dropout if attention_dropout is None else attention_dropout
        )
        self._to_gradients: LogitsToGradients | None = None
        self._narrow_head: Tensor | None = None

    def use_narrow(self, dtype: torch.dtype | None) -> None:
        """Train with copies of the matrices, and their biases, in this precision; with None, without.

        Whoever changes the parameters refreshes them.
        """
        for projection in self._projections():
            projection.use_narrow(dtype)
        head = self.transformer.wte.weight
        self._narrow_head = None if dtype is None else head.detach().to(dtype, copy=True)

    def weights(self) -> list[Weight]:
        """Return all parameters, in their order, with the copies that are trained with."""
        weights = {id(each.parameter): each for of in self._projections() for each in of.weights()}
        return [
            Weight(parameter, self._narrow_head)
            if parameter is self.transformer.wte.weight
            else weights.get(id(parameter), Weight(parameter))
            for parameter in self.parameters()
        ]

    def _projections(self) -> list[Projection]:
        return [module for module in self.modules() if isinstance(module, Projection)]

    def use_compiled(self, batch: tuple[int, int] | None, backend: str = "inductor") -> None:
        """Train batches of this shape through compiled code from now on; with None, no batches.

        Errors of the compiler come with the first such batch.
        """
        self.transformer.use_compiled(batch, backend)
        self._to_gradients = _compiled(logits_to_gradients, backend) if batch else None

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return logits `[batch, length, padded vocabulary]` for ids `[batch, length]`, -inf for padding."""
        return self._logits(self.transformer(token_ids))

    def loss(self, token_ids: Tensor, reduction: str = "mean", scale: Tensor | None = None) -> Tensor:
        """Return the cross-entropy of each token given those before it in its row: the mean, or the sum.

        `scale` is what the mean will be multiplied by before its gradients are wanted; see `head_loss`.
        """
        padded = self.transformer.padded(token_ids)
        states = self.transformer(padded)[: len(token_ids), :-1].flatten(0, 1)
        targets = token_ids[:, 1:].flatten()
        to_gradients = self._to_gradients if self.transformer.goes_compiled(token_ids) else None
        loss = head_loss(
            states,
            self.transformer.wte.weight,
            targets,
            self.shape.vocab_size,
            to_gradients,
            None if scale is None else scale / len(targets),
            self._narrow_head if self.training else None,
        )
        return loss if reduction == "sum" else loss / len(targets)

    def initialise(self, seed: int) -> None:
        """Draw fresh weights as GPT-2 does, from `seed` alone: the global random state stays as it was."""
        generator = torch.Generator().manual_seed(seed)
        residual_std = INIT_STD / math.sqrt(2 * self.shape.layers)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.ndim < 2:
                    parameter.fill_(1.0 if ".ln_" in name and name.endswith("weight") else 0.0)
                else:
                    std = residual_std if name.endswith("c_proj.weight") else INIT_STD
                    parameter.copy_(torch.empty(parameter.shape).normal_(0.0, std, generator=generator))
            self.transformer.wte.weight[self.shape.vocab_size :] = 0.0

    def export_weights(self) -> dict[str, Tensor]:
        """Copy the weights to the CPU: fp32, published names, unpadded, the head tied to the embedding."""
        weights = {
            name: tensor.detach().to("cpu", torch.float32, copy=True)
            for name, tensor in self.named_parameters()
        }
        return self.published(weights)

    def published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of this model as `export_weights` returns its own; nothing of an empty one."""
        if not state:
            return {}
        weights = {name: tensor.to("cpu", torch.float32) for name, tensor in state.items()}
        weights[EMBEDDING_NAME] = weights[EMBEDDING_NAME][: self.shape.vocab_size].clone()
        weights[HEAD_NAME] = weights[EMBEDDING_NAME]
        return weights

    def import_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Copy weights in under the published names. Raise UnfitWeights when they do not fit."""
        check_weights(self.shape, weights)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name == EMBEDDING_NAME:
                    parameter.zero_()
                    parameter[: self.shape.vocab_size] = weights[name]
                else:
                    parameter.copy_(weights[name])

    def _logits(self, states: Tensor) -> Tensor:
        logits = functional.linear(states, self.transformer.wte.weight)
        if self.shape.padded_vocab_size != self.shape.vocab_size:
            logits[..., self.shape.vocab_size :] = float("-inf")
        return logits
