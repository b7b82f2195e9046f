"""What node, link and keeper send each other: frozen structs whose annotations are the receiver's limits.

Lines for a worker and of a worker are those of `workers.wire`, with its numbers: what is sent again after a
broken line is taken once. An *attempt* is one process of the node's at one device; it has a name that no
other has, and what comes of an attempt that was given up is dropped.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from emeth_tui.workers.wire import MAX_LINE_BYTES

PROTOCOL = 1  # with different numbers the two sides do not understand each other
MAX_CHUNK_BYTES = 256 * 1024
MAX_JOBS = 1_000
MAX_ATTEMPTS = 256
MAX_DEVICES = 64
MAX_FILES = 16  # of a job, of the kinds that are moved
MAX_MODELS = 16  # that a node wants ready on a host

HostName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,23}\Z")]
NodeName = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Attempt = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
JOB_PATTERN = r"0x[0-9a-f]{32}"
JobName = Annotated[str, Meta(pattern=rf"^{JOB_PATTERN}\Z")]
DeviceName = Annotated[str, Meta(pattern=r"^(cpu|cuda:(0|[1-9][0-9]{0,2}))\Z")]
CHECKPOINT_PATTERN = r"checkpoints/epoch-[0-9]{6}-block-[0-9]{9}\.pt"
FileName = Annotated[
    str, Meta(pattern=rf"^(dataset\.txt|checkpoint\.pt|average\.int8|{CHECKPOINT_PATTERN})\Z")
]
FileKind = Annotated[str, Meta(pattern=r"^(dataset|checkpoint|average|result)\Z")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
MAX_SIZE_BYTES = 2**50
Size = Annotated[int, Meta(ge=0, le=MAX_SIZE_BYTES)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Request = Annotated[int, Meta(ge=1, le=2**53)]
ModelName = Annotated[str, Meta(min_length=1, max_length=500)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Version = Annotated[str, Meta(pattern=r"^[0-9A-Za-z.+_-]{0,64}\Z")]  # shown on terminals
Line = Annotated[bytes, Meta(max_length=MAX_LINE_BYTES)]
Chunk = Annotated[bytes, Meta(min_length=1, max_length=MAX_CHUNK_BYTES)]
ReasonData = dict[str, Any]  # as `notices.notice.to_data` writes a reason


class _Frame(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of what is sent."""


class Versions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What training depends on at one end; "" where it is not installed."""

    emeth_tui: Version
    python: Version
    torch: Version


class FarDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device of a host, and the threads that its worker has."""

    name: DeviceName
    threads: Annotated[int, Meta(ge=1, le=4096)]


# -- workers, both ways


class KeeperHello(_Frame, frozen=True):
    """The keeper speaks first: what it is, and what there is on its host."""

    protocol: Count
    versions: Versions
    devices: Annotated[tuple[FarDevice, ...], Meta(max_length=MAX_DEVICES)]
    free_bytes: Size


class Known(_Frame, frozen=True):
    """The attempts and jobs that the node knows: the keeper ends all others, and deletes their files."""

    attempts: Annotated[tuple[Attempt, ...], Meta(max_length=MAX_ATTEMPTS)]
    jobs: Annotated[tuple[JobName, ...], Meta(max_length=MAX_JOBS)]


class Ask(_Frame, frozen=True):
    """What is there for jobs? The models are made ready, if they are not; `Stock` is the answer."""

    models: Annotated[tuple[ModelName, ...], Meta(max_length=MAX_MODELS)]


class FarModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model on its host: ready, or the share of its download that has arrived, or why there is none."""

    name: ModelName
    ready: bool
    arrived: Share = 0.0
    trouble: ReasonData | None = None


class JobUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the host's disk a job's files take."""

    job: JobName
    used_bytes: Size


class Stock(_Frame, frozen=True):
    """What there is for jobs: the disk's free space, the most that they may take, and the models."""

    free_bytes: Size
    limit_bytes: Size
    jobs: Annotated[tuple[JobUse, ...], Meta(max_length=MAX_JOBS)]
    models: Annotated[tuple[FarModel, ...], Meta(max_length=MAX_MODELS)]


class Open(_Frame, frozen=True):
    """Begin an attempt, once no other is at work on this device; or send again what it has to say.

    One that has `begun` before is not begun again: where it is not known any more, it has ended.
    """

    attempt: Attempt
    device: DeviceName
    begun: bool = False


class Down(_Frame, frozen=True):
    """A line for an attempt's worker."""

    attempt: Attempt
    line: Line


class Taken(_Frame, frozen=True):
    """How many of the node's lines an attempt's worker has been given."""

    attempt: Attempt
    lines: Count


class Up(_Frame, frozen=True):
    """A line of an attempt's worker."""

    attempt: Attempt
    line: Line


class Heard(_Frame, frozen=True):
    """How many of the worker's lines the node has acted on: they are not needed any more."""

    attempt: Attempt
    lines: Count


class Ended(_Frame, frozen=True):
    """An attempt's worker is gone; all that it said came before."""

    attempt: Attempt
    reason: ReasonData


class Kill(_Frame, frozen=True):
    """End an attempt now, or forget one that has ended."""

    attempt: Attempt


class Beat(_Frame, frozen=True):
    """Nothing but a sign of life; it is answered by another."""


# -- files, between link and keeper


class ListFiles(_Frame, frozen=True):
    """Which files of a job's are there?"""

    request: Request
    job: JobName


class FarFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of a job's, and its size."""

    name: FileName
    size_bytes: Size


class Files(_Frame, frozen=True):
    """The files of a job's that can be moved."""

    request: Request
    files: Annotated[tuple[FarFile, ...], Meta(max_length=MAX_FILES)]


class Offer(_Frame, frozen=True):
    """A file that the keeper may have; it says with `Wanted` from where on it needs it."""

    request: Request
    job: JobName
    name: FileName
    size_bytes: Size
    sha256: Sha256


class Wanted(_Frame, frozen=True):
    """The file is wanted from `offset` on; at its full size it is there."""

    request: Request
    offset: Size


class Get(_Frame, frozen=True):
    """Send a file from `offset` on, if it is the file of this digest; else from its beginning."""

    request: Request
    job: JobName
    name: FileName
    offset: Size
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")]


class Sending(_Frame, frozen=True):
    """A file follows in pieces, from `offset` on."""

    request: Request
    size_bytes: Size
    sha256: Sha256
    offset: Size


class Piece(_Frame, frozen=True):
    """Bytes of a file, at a place."""

    request: Request
    offset: Size
    data: Chunk


class Stored(_Frame, frozen=True):
    """The file is there whole, and its digest is right."""

    request: Request


class Refused(_Frame, frozen=True):
    """What was asked for is not done."""

    request: Request
    reason: ReasonData


# -- between node and link


class Joined(_Frame, frozen=True):
    """The link has reached the keeper."""

    hello: KeeperHello


class Away(_Frame, frozen=True):
    """The link does not reach the keeper (any more), and tries again. `final`: only people can help."""

    reason: ReasonData
    final: bool = False


class Turned(_Frame, frozen=True):
    """Something was refused that came with this host's certificate, or with one that it had before."""

    reason: ReasonData


class Put(_Frame, frozen=True):
    """Have the host hold a job's dataset, the newest checkpoint that the node has, or a part's newest
    average as the difference that leads to it."""

    request: Request
    job: JobName
    what: FileKind


class Bring(_Frame, frozen=True):
    """Have the node hold a job's newest checkpoint or its result, of at most so many bytes."""

    request: Request
    job: JobName
    what: FileKind
    limit_bytes: Size


class Cancel(_Frame, frozen=True):
    """Forget a request."""

    request: Request


class Moved(_Frame, frozen=True):
    """A request is done: so many bytes were moved, in so many seconds."""

    request: Request
    moved_bytes: Size
    seconds: Annotated[float, Meta(ge=0.0, le=1e9)]


class Carried(_Frame, frozen=True):
    """So many bytes of files have gone out and come home since the last report, in so many seconds."""

    out_bytes: Size
    home_bytes: Size
    seconds: Annotated[float, Meta(ge=0.0, le=1e9)]


ToKeeper = Known | Ask | Open | Down | Heard | Kill | Beat | ListFiles | Offer | Get | Piece | Cancel
FromKeeper = (
    KeeperHello | Stock | Taken | Up | Ended | Beat | Files | Wanted | Sending | Piece | Stored | Refused
)
ToLink = Known | Ask | Open | Down | Heard | Kill | Put | Bring | Cancel
FromLink = Joined | Away | Turned | Stock | Taken | Up | Ended | Moved | Carried | Refused
PASSED_ON_DOWN = (Known, Ask, Open, Down, Heard, Kill)  # what a link hands from the node to the keeper
PASSED_ON_UP = (Stock, Taken, Up, Ended)
