"""The storage's objects on disk: datasets, results and uploads under way. No name escapes the directory."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
from anyio import to_thread

from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.network.files import make_private_directory, read_json, write_json, write_private
from emeth_tui.protocol.job_ids import parse_job_id

DATASETS = "dataset"  # the prefix that `sizeOf` takes (protocol.md §5)
RESULTS = "result"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")


class TooLarge(Exception):
    """A body is longer than the storage accepts."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload, complete or not."""

    upload_id: str
    job_id: JobId
    address: str  # lower case
    parts: int
    file_name: str


@dataclass(frozen=True, slots=True)
class StoredPart:
    etag: str  # lower-case hex, without quotes
    size_bytes: int


class ObjectStore:
    """Objects named `dataset/NAME` and `result/NAME`, and multipart uploads, under one directory."""

    def __init__(self, root: Path) -> None:
        self._objects = make_private_directory(root / "objects")
        self._uploads = make_private_directory(root / "uploads")
        self._private = make_private_directory(root / "private")  # an empty file for each private dataset
        self._owners = make_private_directory(root / "owners")  # of each dataset's name: an address
        self._states = make_private_directory(root / "states")  # of each job's states: the object's name
        for kind in (DATASETS, RESULTS):
            make_private_directory(self._objects / kind)

    def path_of(self, kind: str, name: str) -> Path | None:
        """Return an object's path; None when no object can have that name."""
        if kind not in (DATASETS, RESULTS) or not _NAME.fullmatch(name):
            return None
        return self._objects / kind / name

    def size_bytes(self, kind: str, name: str) -> int | None:
        """Return an object's size; None when there is none."""
        path = self.path_of(kind, name)
        try:
            return path.stat().st_size if path else None
        except FileNotFoundError:
            return None

    def claim(self, name: str, address: str) -> bool:
        """Let a dataset's name be its first claimant's; return whether it is this account's."""
        if self.owner_of(name) is None and self.path_of(DATASETS, name) is not None:
            write_private(self._owners / name, address.lower())
        return self.owner_of(name) == address.lower()

    def owner_of(self, name: str) -> str | None:
        """Return whose a dataset's name is, in lower case; None where nobody claimed it."""
        if self.path_of(DATASETS, name) is None:
            return None
        try:
            return (self._owners / name).read_text("ascii")
        except FileNotFoundError:
            return None

    def set_private(self, name: str, private: bool) -> None:
        """Record whether a dataset is for its job's parties alone."""
        if self.path_of(DATASETS, name) is None:
            return
        if private:
            (self._private / name).touch()
        else:
            (self._private / name).unlink(missing_ok=True)

    def is_private(self, name: str) -> bool:
        return self.path_of(DATASETS, name) is not None and (self._private / name).exists()

    def note_state(self, upload: Upload) -> None:
        """Let a complete upload be a state of its job, named by its extension; the newest one counts."""
        write_private(self._states / f"{upload.job_id}{Path(upload.file_name).suffix}", upload.file_name)

    def state_of(self, job_id: JobId, extension: str) -> str | None:
        """Return the name of the object that holds a job's state; None where there is none yet."""
        try:
            return (self._states / f"{job_id}{extension}").read_text("ascii")
        except FileNotFoundError:
            return None

    async def write(self, path: Path, body: AsyncIterator[bytes], limit_bytes: int) -> StoredPart:
        """Stream a body into a file, completely or not at all. Raise TooLarge."""
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.incoming")
        digest, size = hashlib.md5(usedforsecurity=False), 0  # the ETag's customary hash
        try:
            async with await anyio.open_file(temporary, "wb") as file:
                async for chunk in body:
                    size += len(chunk)
                    if size > limit_bytes:
                        raise TooLarge(f"more than {limit_bytes:,} bytes")
                    digest.update(chunk)
                    await file.write(chunk)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return StoredPart(digest.hexdigest(), size)

    def begin_upload(self, job_id: JobId, address: str, parts: int, extension: str) -> Upload:
        """Record a new upload, with the name of its future object."""
        upload_id = secrets.token_hex(16)
        upload = Upload(upload_id, job_id, address.lower(), parts, f"{job_id}-{upload_id[:8]}{extension}")
        make_private_directory(self._uploads / upload_id)
        write_json(self._uploads / upload_id / "upload.json", asdict(upload))
        return upload

    def find_upload(self, upload_id: str) -> Upload | None:
        """Return an upload; None when there is none."""
        if not _UPLOAD_ID.fullmatch(upload_id):
            return None
        kept = read_json(self._uploads / upload_id / "upload.json")
        try:
            return Upload(**kept) if kept and parse_job_id(kept["job_id"]) else None
        except (TypeError, KeyError, JobError):
            return None

    async def write_part(
        self, upload: Upload, number: int, body: AsyncIterator[bytes], limit_bytes: int
    ) -> StoredPart:
        """Store part `number` (from 1); a part sent again replaces the earlier one."""
        directory = self._uploads / upload.upload_id
        part = await self.write(directory / f"part-{number}", body, limit_bytes)
        write_json(directory / f"part-{number}.json", asdict(part))
        return part

    def stored_parts(self, upload: Upload) -> Sequence[StoredPart | None]:
        """Return the parts in order; None for one that has not arrived."""
        directory = self._uploads / upload.upload_id
        records = [read_json(directory / f"part-{number}.json") for number in range(1, upload.parts + 1)]
        return [StoredPart(**record) if record else None for record in records]

    async def complete(self, upload: Upload) -> None:
        """Join an upload's parts into its object; doing so twice changes nothing."""
        await to_thread.run_sync(self._join, upload)

    def is_complete(self, upload: Upload) -> bool:
        return self.size_bytes(RESULTS, upload.file_name) is not None

    def _join(self, upload: Upload) -> None:
        directory, target = self._uploads / upload.upload_id, self._objects / RESULTS / upload.file_name
        joined = directory / "joined"
        with joined.open("wb") as whole:
            for number in range(1, upload.parts + 1):
                with (directory / f"part-{number}").open("rb") as part:
                    shutil.copyfileobj(part, whole, 1 << 20)
        joined.replace(target)
        for number in range(1, upload.parts + 1):
            (directory / f"part-{number}").unlink()
