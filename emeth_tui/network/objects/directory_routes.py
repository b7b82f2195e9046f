"""The presigned URLs of a directory of objects: GET an object, PUT a dataset, PUT a part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.network.objects.directory import DirectoryStore
from emeth_tui.network.objects.store import DATASETS, StoredPart, TooLarge
from emeth_tui.network.records.uploads import Uploads
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.protocol.job_ids import parse_job_id
from emeth_tui.protocol.storage_api import DATASET_EXTENSION

_Received = TypeVar("_Received")


class DirectoryRoutes:
    """Serves what the presigned URLs of a DirectoryStore name; `find_job` reads a job from the chain."""

    def __init__(
        self,
        objects: DirectoryStore,
        uploads: Uploads,
        find_job: Callable[[JobId], Awaitable[ChainJob | None]],
    ) -> None:
        self._objects = objects
        self._uploads = uploads
        self._find_job = find_job

    def routes(self) -> list[Route]:
        """Return the routes for an application."""
        return [
            Route("/objects/{kind}/{name}", self._get_object, methods=["GET"]),
            Route("/objects/{kind}/{name}", self._put_dataset, methods=["PUT"]),
            Route("/uploads/{upload_id}/{number:int}", self._put_part, methods=["PUT"]),
        ]

    async def _get_object(self, request: Request) -> Response:
        self._check_presigned(request)
        path = self._objects.path_of(request.path_params["kind"], request.path_params["name"])
        if path is None or not path.is_file():
            raise HTTPException(404, "there is no such object")
        return FileResponse(path, media_type="application/octet-stream")

    async def _put_dataset(self, request: Request) -> Response:
        self._check_presigned(request)
        path = self._objects.path_of(DATASETS, request.path_params["name"])
        if path is None or request.path_params["kind"] != DATASETS:
            raise HTTPException(404, "only datasets are uploaded whole")
        job_id = _job_of(path.name)
        await self._check_open(job_id)
        receiving = self._objects.receive(path, request.stream(), self._objects.max_dataset_bytes)
        temporary, part = await _received(receiving)
        try:
            await self._check_open(job_id)  # it may have been requested while the body came
            if not await self._objects.put_dataset(temporary, path.name):
                raise HTTPException(409, "a job on the chain names this dataset: it stays as it is")
        finally:
            temporary.unlink(missing_ok=True)
        return _stored(part)

    async def _put_part(self, request: Request) -> Response:
        self._check_presigned(request)
        upload, number = (
            await self._uploads.find(request.path_params["upload_id"]),
            request.path_params["number"],
        )
        if upload is None or not 1 <= number <= upload.parts:
            raise HTTPException(404, "there is no such part")
        if upload.is_complete:
            raise HTTPException(409, "the upload is complete")
        return _stored(await _received(self._objects.write_part(upload, number, request.stream())))

    async def _check_open(self, job_id: JobId) -> None:
        if await self._find_job(job_id) is not None:
            raise HTTPException(409, f"job {job_id} is on the chain: its dataset stays as it is")

    def _check_presigned(self, request: Request) -> None:
        expires, signature = (request.query_params.get(key, "") for key in ("expires", "signature"))
        problem = self._objects.presigner.problem_with(request.method, request.url.path, expires, signature)
        if problem:
            raise HTTPException(403, problem)


async def _received(writing: Awaitable[_Received]) -> _Received:
    try:
        return await writing
    except TooLarge as error:
        raise HTTPException(413, str(error)) from None
    except ClientDisconnect:
        raise HTTPException(400, "the connection broke off") from None


def _job_of(name: str) -> JobId:
    try:
        return parse_job_id(name.removesuffix(DATASET_EXTENSION))
    except JobError as error:
        raise HTTPException(400, str(error)) from None


def _stored(part: StoredPart) -> Response:
    return Response(headers={"ETag": f'"{part.etag}"'})
