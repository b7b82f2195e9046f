"""Verification by training drawn epochs again: what is committed to, and what is drawn (protocol.md §9b).

Loads no torch.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from emeth_tui.errors import JobError
from emeth_tui.notices.reasons.network.verification import CommitmentInvalid

DRAWS = 2  # protocol.md §9b
SEGMENTS = 10  # between kept states: a draw costs the verifier a tenth of the job's epochs at most
COMMITMENT_NAME = "commitment"  # of the node's own copy, in the job's directory of states
STATE_EXTENSION = ".state-{epoch:06d}"  # of the files in storage
STATE_EXTENSION_PATTERN = r"\.state-\d{6}"
MAX_COMMITMENT_CHARS = 2_000_000  # a thousand epochs take half of it
_HALVINGS = {str(number) for number in range(13)}  # training/run/best_weights.py
_LEAF, _NODE = b"\x00", b"\x01"  # RFC 9162, 2.1.1

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(max_length=200)]
Epoch = Annotated[int, Meta(ge=0, le=1_000_000)]
Loss = Annotated[float, Meta(ge=-1e9, le=1e9)]


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an epoch was trained on. Where two are equal, the same steps give the same bits on a CPU."""

    device: Name
    precision: Literal["float32", "bfloat16", "float16"]
    threads: Annotated[int, Meta(ge=1, le=256)]
    torch: Name

    def repeats_on(self, other: Kind) -> bool:
        """Whether another device of the same kind can use as many threads, and so give the same bits."""
        mine, theirs = (self.device, self.precision, self.torch), (other.device, other.precision, other.torch)
        return mine == theirs and self.threads <= other.threads


class Best(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pretrained model's best so far, as `training/run/best_weights.py` keeps it."""

    start_loss: Loss
    loss: Loss
    epoch: Epoch
    waited: Epoch
    went_back_after: Epoch
    rate_share: Annotated[float, Meta(ge=1e-3, le=1.0)]


class StateRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A training's state after so many epochs: digests of its tensors, and all of it that is no tensor.

    `steps` are those of the optimiser since it last began. `valid_loss` is None before the first epoch.
    """

    epoch: Epoch
    weights: Digest
    optimiser: Digest
    steps: Annotated[int, Meta(ge=0, le=2**53)]
    valid_loss: Loss | None
    best: Best | None
    kind: Kind


class Commitment(msgspec.Struct, frozen=True):
    """The records of a training, that of epoch 0 first, and the Merkle root over their lines."""

    root: bytes
    halvings: int  # of the result's way from the start, after the last epoch
    records: tuple[StateRecord, ...]

    @property
    def epochs(self) -> int:
        return len(self.records) - 1

    def kinds(self, first: int, last: int) -> set[Kind]:
        """Return what the epochs after `first` until `last` were trained on.

        That of `first` is among them: the next epoch may have been begun on it, and ended on another.
        """
        return {record.kind for record in self.records[first : last + 1]}

    def repeats_on(self, own: Kind, first: int, last: int) -> bool:
        """Whether training these epochs again on `own` gives the same bits."""
        kinds = self.kinds(first, last)
        return len(kinds) == 1 and all(kind.repeats_on(own) for kind in kinds)


def kind_from_data(data: object) -> Kind:
    """Return what `msgspec.to_builtins` has made plain data of. Raise ValidationError."""
    return msgspec.convert(data, Kind)


def record_line(record: StateRecord) -> str:
    """Return a record as one line of JSON."""
    return msgspec.json.encode(record).decode()


def commitment_text(lines: Sequence[str], halvings: int) -> str:
    """Return what a result file carries under `states`: the root in hex, the halvings, a record a line."""
    return "\n".join([merkle_root(lines).hex(), str(halvings), *lines])


def read_commitment(text: str, epochs: int) -> Commitment:
    """Read what anybody may have written into a result. Raise JobError."""
    root, halvings, *lines = [*text.split("\n"), ""][: epochs + 5]
    if len(text) > MAX_COMMITMENT_CHARS or len(lines) != epochs + 2 or lines.pop():
        raise JobError(CommitmentInvalid())
    if merkle_root(lines).hex() != root or halvings not in _HALVINGS:
        raise JobError(CommitmentInvalid())
    try:
        records = tuple(msgspec.json.decode(line, type=StateRecord) for line in lines)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise JobError(CommitmentInvalid()) from error
    if any(record.epoch != number for number, record in enumerate(records)):
        raise JobError(CommitmentInvalid())
    return Commitment(bytes.fromhex(root), int(halvings), records)


def merkle_root(lines: Sequence[str]) -> bytes:
    """Return the Merkle tree hash of RFC 9162 (2.1.1) over lines in UTF-8. There must be one at least."""
    return _tree_hash([hashlib.sha256(_LEAF + line.encode("utf-8", "replace")).digest() for line in lines])


def _tree_hash(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(_NODE + _tree_hash(leaves[:split]) + _tree_hash(leaves[split:])).digest()


def spacing(epochs: int) -> int:
    """Return how many epochs lie between two states that are kept."""
    return max(1, math.ceil(epochs / SEGMENTS))


def kept_epochs(epochs: int) -> list[int]:
    """Return after which epochs of a job the state is kept. That of epoch 0 follows from the job's id."""
    step = spacing(epochs)
    return [*range(step, epochs, step), epochs]


def segment_of(epoch: int, epochs: int) -> tuple[int, int]:
    """Return the kept states around an epoch: that before it, or 0, and that after it."""
    first = (epoch - 1) // spacing(epochs) * spacing(epochs)
    return first, min(first + spacing(epochs), epochs)


def drawn_segments(block_hash: bytes, root: bytes, epochs: int) -> list[tuple[int, int]]:
    """Return the segments to train again, in order and each once."""
    drawn = set()
    for number in range(DRAWS):
        digest = hashlib.sha256(block_hash + root + number.to_bytes(4, "big")).digest()
        drawn.add(segment_of(1 + int.from_bytes(digest, "big") % epochs, epochs))
    return sorted(drawn)


def delivered_epochs(segments: Sequence[tuple[int, int]], commitment: Commitment) -> list[int]:
    """Return the epochs whose states a node delivers for these segments."""
    last = {commitment.epochs} if commitment.halvings else set()
    return sorted(last | {epoch for segment in segments for epoch in segment if epoch})


def state_name(epoch: int) -> str:
    """Return the name of a kept state's file in its directory."""
    return f"state-{epoch:06d}.safetensors"


def state_extension(epoch: int) -> str:
    """Return the extension by which a state is uploaded."""
    return STATE_EXTENSION.format(epoch=epoch)
