"""Objects as files of one directory. No name escapes it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import anyio
from anyio import to_thread

from emeth_tui.files import sync_directory
from emeth_tui.network.files import make_private_directory, read_json, write_json
from emeth_tui.network.objects.presign import Presigner
from emeth_tui.network.objects.store import DATASETS, RESULTS, Kind, Stored, StoredPart, TooLarge, is_name
from emeth_tui.network.records.datasets import Datasets
from emeth_tui.network.records.uploads import Upload

INCOMING = ".incoming"  # the end of a file's name while it arrives


class DirectoryStore:
    """Objects, and multipart uploads under way, below one directory; the service itself serves its URLs.

    What a job on the chain names is settled: `put_dataset` changes it no more.
    """

    def __init__(
        self,
        root: Path,
        presigner: Presigner,
        datasets: Datasets,
        *,
        part_bytes: int,
        max_dataset_bytes: int,
    ) -> None:
        self.presigner = presigner
        self._datasets = datasets
        self._settling = asyncio.Lock()
        self.part_bytes = part_bytes
        self.max_dataset_bytes = max_dataset_bytes
        self._objects = make_private_directory(root / "objects")
        self._uploads = make_private_directory(root / "uploads")
        for kind in (DATASETS, RESULTS):
            make_private_directory(self._objects / kind)

    def path_of(self, kind: str, name: str) -> Path | None:
        """Return an object's path; None when no object can have that name."""
        if kind not in (DATASETS, RESULTS) or not is_name(name):
            return None
        return self._objects / kind / name

    async def size_bytes(self, kind: str, name: str) -> int | None:
        return _size_of(self.path_of(kind, name))

    async def settle(self, name: str) -> int | None:
        async with self._settling:
            size_bytes = _size_of(self.path_of(DATASETS, name))
            if size_bytes is not None:
                await self._datasets.settle(name, name, size_bytes)
            return size_bytes

    async def put_dataset(self, temporary: Path, name: str) -> bool:
        """Give a dataset its content; return False where it is settled."""
        async with self._settling:
            dataset = await self._datasets.find(name)
            if dataset is not None and dataset.object_key is not None:
                return False
            await to_thread.run_sync(put_in_place, temporary, self._objects / DATASETS / name)
            return True

    async def put_url(self, name: str, size_bytes: int | None) -> str:
        if size_bytes is not None and size_bytes > self.max_dataset_bytes:
            raise TooLarge(f"more than {self.max_dataset_bytes:,} bytes")
        return self.presigner.sign("PUT", f"/objects/{DATASETS}/{name}")

    async def get_url(self, kind: str, name: str) -> str:
        return self.presigner.sign("GET", f"/objects/{kind}/{name}")

    # ---- multipart uploads

    async def begin(self, upload: Upload) -> str:
        make_private_directory(self._uploads / upload.upload_id)
        return upload.upload_id

    async def part_urls(self, upload: Upload) -> Sequence[str]:
        return [
            self.presigner.sign("PUT", f"/uploads/{upload.upload_id}/{number}")
            for number in range(1, upload.parts + 1)
        ]

    async def parts(self, upload: Upload) -> Sequence[Sequence[StoredPart]]:
        return await to_thread.run_sync(self._parts, upload)

    async def complete(self, upload: Upload, parts: Sequence[StoredPart]) -> None:
        del parts  # they are the files that are there
        await to_thread.run_sync(self._join, upload)

    async def write_part(self, upload: Upload, number: int, body: AsyncIterator[bytes]) -> StoredPart:
        """Store part `number` (from 1); a part sent again replaces the earlier one. Raise TooLarge."""
        directory = self._uploads / upload.handle
        temporary, part = await self.receive(directory / f"part-{number}", body, self.part_bytes)
        await to_thread.run_sync(put_in_place, temporary, directory / f"part-{number}")
        write_json(directory / f"part-{number}.json", asdict(part))
        return part

    async def receive(
        self, path: Path, body: AsyncIterator[bytes], limit_bytes: int
    ) -> tuple[Path, StoredPart]:
        """Write a body beside a path, on the disk when this returns; return the file. Raise TooLarge."""
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{INCOMING}")
        digest, size = hashlib.md5(usedforsecurity=False), 0  # the ETag's customary hash
        try:
            async with await anyio.open_file(temporary, "wb") as file:
                async for chunk in body:
                    size += len(chunk)
                    if size > limit_bytes:
                        raise TooLarge(f"more than {limit_bytes:,} bytes")
                    digest.update(chunk)
                    await file.write(chunk)
                await file.flush()
                await to_thread.run_sync(os.fsync, file.wrapped.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary, StoredPart(digest.hexdigest(), size)

    # ---- what lies about

    async def everything(self) -> AsyncIterator[Stored]:
        for stored in await to_thread.run_sync(lambda: list(self._everything())):
            yield stored

    async def delete(self, stored: Stored) -> None:
        if stored.kind is Kind.UPLOAD:
            path = self._uploads / stored.handle
            await to_thread.run_sync(lambda: shutil.rmtree(path, ignore_errors=True))
        else:
            (self._objects / stored.handle).unlink(missing_ok=True)

    def _everything(self) -> Iterator[Stored]:
        for kind in (DATASETS, RESULTS):
            for path in (self._objects / kind).iterdir():
                is_arriving = path.name.endswith(INCOMING)
                handle = f"{kind}/{path.name}"
                yield Stored(Kind.INCOMING if is_arriving else Kind(kind), path.name, handle)
        for path in self._uploads.iterdir():
            yield Stored(Kind.UPLOAD, path.name, path.name)

    def _parts(self, upload: Upload) -> Sequence[Sequence[StoredPart]]:
        directory = self._uploads / upload.handle
        records = [read_json(directory / f"part-{number}.json") for number in range(1, upload.parts + 1)]
        return [[StoredPart(**record)] if record else [] for record in records]

    def _join(self, upload: Upload) -> None:
        directory, target = self._uploads / upload.handle, self._objects / RESULTS / upload.file_name
        if not target.exists():
            joined = directory / f"joined.{secrets.token_hex(4)}"  # a client that waited too long asks again
            try:
                _write_joined(joined, [directory / f"part-{number}" for number in range(1, upload.parts + 1)])
                put_in_place(joined, target)
            except FileNotFoundError:
                if not target.exists():  # else whoever joined them at the same time was first
                    raise
            finally:
                joined.unlink(missing_ok=True)  # a full disk has taken a part of it
        shutil.rmtree(directory, ignore_errors=True)


def _write_joined(path: Path, parts: Sequence[Path]) -> None:
    with path.open("wb") as whole:
        for one in parts:
            with one.open("rb") as part:
                shutil.copyfileobj(part, whole, 1 << 20)
        whole.flush()
        os.fsync(whole.fileno())


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a file its name; it has it on the disk when this returns."""
    temporary.replace(path)
    sync_directory(path.parent)


def _size_of(path: Path | None) -> int | None:
    try:
        return path.stat().st_size if path else None
    except FileNotFoundError:
        return None
