"""Results and states where training is done again: whose they are, and since when they are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.storage_api import COMPLETE_UPLOAD_PATH, PUT_SIGNED_URLS_PATH, VERIFIER_GET_URL_PATH
from tests.devnet.records import JOB_ID, OTHER_JOB_ID, new_wallet
from tests.network.servers.parts import Parts
from tests.network.services.site import running_site


@pytest.mark.parametrize("takes_states", [True, False])
async def test_states_are_taken_from_the_submitted_jobs_node_where_the_network_asks(
    parts: Parts, takes_states: bool
) -> None:
    async with running_site(parts, takes_states=takes_states) as site:
        submitted = replace(site.jobs[JOB_ID], status=JobStatus.SUBMITTED)
        site.jobs[JOB_ID] = submitted
        statuses = []
        for wallet, extension in (
            (site.node, ".state-000003"),
            (new_wallet(), ".state-000003"),
            (site.node, ".state-3"),
            (site.node, ".pt"),
        ):
            call = site.call(wallet, partNum=1, extension=extension)
            statuses.append((await site.post(PUT_SIGNED_URLS_PATH, call)).status_code)
        for wallet, epoch in ((site.verifier, 3), (site.node, 3), (site.verifier, 0)):
            call = site.call(wallet, state=epoch)
            statuses.append((await site.post(VERIFIER_GET_URL_PATH, call)).status_code)

    assert statuses == [200 if takes_states else 403, 403, 403, 403, 404, 403, 400]


async def test_the_newest_state_of_an_epoch_counts(parts: Parts) -> None:
    async with running_site(parts, takes_states=True) as site:
        site.jobs[JOB_ID] = replace(site.jobs[JOB_ID], status=JobStatus.SUBMITTED)
        for content in (b"first", b"second"):
            await site.upload(content, ".state-000003")
        await site.upload(b"another", ".state-000006")

        answer = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier, state=3))

        assert (await site.http.get(answer.json()["url"])).content == b"second"


async def test_a_result_is_complete_before_its_submission_or_never(parts: Parts) -> None:
    async with running_site(parts, takes_states=True) as site:
        begun = await site.begin_upload(1)
        part = await site.http.put(begun["urls"]["0"], content=b"chosen after the draw")  # type: ignore[index]
        site.jobs[JOB_ID] = replace(
            site.jobs[JOB_ID], status=JobStatus.SUBMITTED, result=str(begun["fileName"])
        )
        body = {
            **{"jobId": JOB_ID, "address": site.node.address, "uploadId": begun["uploadId"]},
            **{"extension": ".pt", "parts": [{"ETag": part.headers["ETag"], "PartNumber": 1}]},
        }

        late = await site.post(COMPLETE_UPLOAD_PATH, body)
        asked = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))

    assert (late.status_code, asked.status_code) == (403, 404)


async def test_a_result_that_is_joined_while_it_is_submitted_is_not_shown(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_site(parts, takes_states=True) as site:
        join = site.objects.complete

        async def join_late(upload: Any, chosen: Any) -> None:
            site.jobs[JOB_ID] = replace(
                site.jobs[JOB_ID], status=JobStatus.SUBMITTED, result=upload.file_name
            )
            await join(upload, chosen)

        monkeypatch.setattr(site.objects, "complete", join_late)
        with pytest.raises(httpx.HTTPStatusError):
            await site.upload(b"chosen after the draw")
        asked = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))

    assert asked.status_code == 404


async def test_a_result_completed_in_time_is_shown_to_the_verifier(parts: Parts) -> None:
    async with running_site(parts, takes_states=True) as site:
        name = await site.upload(b"weights")
        site.jobs[JOB_ID] = replace(site.jobs[JOB_ID], status=JobStatus.SUBMITTED, result=name)

        answer = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))

        assert (await site.http.get(answer.json()["url"])).content == b"weights"


async def test_a_state_of_a_node_that_had_the_job_before_is_not_anothers(parts: Parts) -> None:
    async with running_site(parts, takes_states=True) as site:
        site.jobs[JOB_ID] = replace(site.jobs[JOB_ID], status=JobStatus.SUBMITTED)
        await site.upload(b"before the chain was reorganised", ".state-000003")
        site.jobs[JOB_ID] = replace(site.jobs[JOB_ID], node=new_wallet().address)

        answer = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier, state=3))

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("extension", "status"), [(".pt", JobStatus.PROCESSING), (".state-000003", JobStatus.SUBMITTED)]
)
async def test_a_result_is_of_its_own_jobs_upload(parts: Parts, extension: str, status: JobStatus) -> None:
    async with running_site(parts, takes_states=True) as site:
        site.jobs[OTHER_JOB_ID] = replace(site.jobs[JOB_ID], job_id=OTHER_JOB_ID, status=status)
        name = await site.upload(b"chosen after the draw", extension, OTHER_JOB_ID)
        site.jobs[JOB_ID] = replace(site.jobs[JOB_ID], status=JobStatus.SUBMITTED, result=name)

        asked = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))

    assert asked.status_code == 404


async def test_a_result_with_a_name_that_no_database_takes_is_not_there(parts: Parts) -> None:
    async with running_site(parts, takes_states=True) as site:
        site.jobs[JOB_ID] = replace(site.jobs[JOB_ID], status=JobStatus.SUBMITTED, result="\0")

        asked = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))

    assert asked.status_code == 404
