"""A training's state between two epochs as it is committed to and delivered (protocol.md §9b).

Tensors lie under `weights/`, `first/` and `second/` (AdamW's moments) and, where the best weights of a
pretrained model are not these, `best/`; each in fp32, under the published names, the head left out. A file of
them is safetensors: it holds nothing that is executed, and says how large it is before anything is read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from emeth_tui.errors import JobError
from emeth_tui.files import TEMPORARY_SUFFIX, disk_full_translated, sync_directory
from emeth_tui.notices.reasons.network.verification import StateInvalid
from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, HEAD_NAME, Gpt2

WEIGHTS, FIRST, SECOND, BEST = "weights", "first", "second", "best"
_MAX_HEADER_BYTES = 1_000_000
_HEADER_LENGTH_BYTES = 8  # little end first

Tensors = Mapping[str, Tensor]
Parts = Mapping[str, Tensors]
Shapes = Mapping[str, tuple[int, ...]]


def digest_of(tensors: Tensors) -> str:
    """Return the SHA-256 of tensors in the order of their names, as protocol.md §9b writes them."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        # A copy: memory that numpy has shared cannot be freed by `state.release` any more.
        tensor = tensors[name].detach().to("cpu", torch.float32, copy=True).contiguous()
        digest.update(f"{name}\0{','.join(map(str, tensor.shape))}\0".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def weights_of(named: Mapping[str, Tensor], vocab_size: int) -> dict[str, Tensor]:
    """Return parameters, or what an optimiser keeps for each, without the padding of the vocabulary."""
    return {
        name: tensor.detach()[:vocab_size] if name == EMBEDDING_NAME else tensor.detach()
        for name, tensor in named.items()
        if name != HEAD_NAME
    }


def moments_of(model: Gpt2, optimiser: torch.optim.Optimizer) -> tuple[dict[str, dict[str, Tensor]], int]:
    """Return AdamW's moments as parts of a state, and the steps that it has taken."""
    parts: dict[str, dict[str, Tensor]] = {FIRST: {}, SECOND: {}}
    steps = 0
    for name, parameter in model.named_parameters():
        state = optimiser.state.get(parameter, {})
        for part, key in ((FIRST, "exp_avg"), (SECOND, "exp_avg_sq")):
            tensor = state.get(key, torch.zeros_like(parameter))
            parts[part] |= weights_of({name: tensor}, model.shape.vocab_size)
        steps = int(state.get("step", 0))
    return parts, steps


def flat(parts: Parts) -> dict[str, Tensor]:
    """Return all tensors of some parts by one name each."""
    return {f"{part}/{name}": tensor for part, named in parts.items() for name, tensor in named.items()}


def write_state(path: Path, parts: Parts) -> None:
    """Write a state, whole or not at all. Raise DiskFull."""
    tensors = {name: tensor.to("cpu", torch.float32).contiguous() for name, tensor in flat(parts).items()}
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    with disk_full_translated(path):
        try:
            save_file(tensors, temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except SafetensorError as error:  # which hides the file's own error
            raise OSError(errno.ENOSPC if "No space" in str(error) else errno.EIO, str(error)) from error
        finally:
            temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def read_state(path: Path, shapes: Shapes) -> dict[str, dict[str, Tensor]]:
    """Read a state that anybody may have made; return its parts, `best` only where there is one.

    `shapes` are those of a result's tensors. Raise JobError before much memory is taken.
    """
    try:
        names = _names_in(path, shapes)
        tensors = load_file(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError, RecursionError):
        raise JobError(StateInvalid()) from None
    if set(tensors) != names or not all(bool(torch.isfinite(each).all()) for each in tensors.values()):
        raise JobError(StateInvalid())
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition("/")
        parts.setdefault(part, {})[rest] = tensor
    return parts


def _names_in(path: Path, shapes: Shapes) -> set[str]:
    """Check a file's header against the shapes, and return the tensors in it. Raise ValueError and others."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(_HEADER_LENGTH_BYTES), "little")
        if not 0 < header_bytes <= _MAX_HEADER_BYTES:
            raise ValueError("header")
        header = json.loads(file.read(header_bytes))
    header.pop("__metadata__", None)
    size_bytes = 0
    wanted = dict(_wanted(shapes, with_best=any(name.startswith(f"{BEST}/") for name in header)))
    for name, shape in wanted.items():
        if header[name]["dtype"] != "F32" or tuple(header[name]["shape"]) != shape:
            raise ValueError(name)
        size_bytes += math.prod(shape) * torch.float32.itemsize
    if set(header) != set(wanted) or path.stat().st_size != _HEADER_LENGTH_BYTES + header_bytes + size_bytes:
        raise ValueError("size")
    return set(wanted)


def most_bytes(shapes: Shapes) -> int:
    """Return the most bytes that a state's file may have."""
    tensors = sum(math.prod(shape) for _name, shape in _wanted(shapes, with_best=True))
    return tensors * torch.float32.itemsize + _MAX_HEADER_BYTES + _HEADER_LENGTH_BYTES


def _wanted(shapes: Shapes, *, with_best: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    for part in (WEIGHTS, FIRST, SECOND, *([BEST] if with_best else [])):
        for name, shape in shapes.items():
            if name != HEAD_NAME:
                yield f"{part}/{name}", tuple(shape)
