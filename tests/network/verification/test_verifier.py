"""The verifier on a real network: a good result is paid, each kind of bad one refused, what is late ends."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import random
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
import pytest_asyncio
import torch

from emeth_tui.clients.chain import requests
from emeth_tui.devnet.bots.plan import JobPlan, Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.network.verification.torch_tasks import train
from emeth_tui.notices.notice import Reason
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, JobStatus
from emeth_tui.protocol.hash_chain import RESULT_NAME, links
from emeth_tui.protocol.info_api import JOBS_PATH, read_rejection
from emeth_tui.training.files.models import open_model
from emeth_tui.training.run.evaluation import Evaluator
from emeth_tui.words.sentences import english
from tests.devnet.parties import LIMIT_S, Parties, wait_for_status
from tests.loopback import local_client

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

Content = dict[str, Any]
MODEL = "devnet-small"


@dataclass
class World:
    """A devnet without bots but the verifier, a trained job, and the parties to play it with."""

    devnet: Devnet
    parties: Parties
    planner: Planner
    scratch: Path
    jobs: int = 0

    def __post_init__(self) -> None:
        self.text = (self.scratch / "work/dataset.txt").read_text("utf-8")
        self.good = (self.scratch / "work" / RESULT_NAME).read_bytes()

    def plan(self, **changes: Any) -> JobPlan:
        """Plan one more job on the text that was trained on."""
        self.jobs += 1
        job_id = self.planner.job_id("verifier's test", self.jobs)
        return replace(self.planner.errand(0), job_id=job_id, dataset=self.text.encode(), **changes)

    def changed(self, change: Callable[[Content], None]) -> bytes:
        """Make the good result with something changed in it."""
        content = torch.load(io.BytesIO(self.good), weights_only=True)
        change(content)
        return saved(content)


def saved(content: Content) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    scratch = tmp_path_factory.mktemp("scratch")
    planner = Planner(load_corpus(None), "verifier's tests")
    devnet = Devnet(
        DevnetOptions(with_requester=False, with_rival=False, poll_interval_s=0.05, block_interval_s=0)
    )
    info = await devnet.start()
    dataset = scratch / "work/dataset.txt"
    dataset.parent.mkdir()
    dataset.write_bytes(planner.errand(0).dataset)
    train(
        job_id="0x00",
        model=MODEL,
        language="en",
        epochs=30,
        dataset=str(dataset),
        work_dir=str(scratch / "work"),
        verification_key=info.verification_key,
    )
    parties = Parties(devnet, planner)
    yield World(devnet, parties, planner, scratch)
    await parties.http.aclose()
    await devnet.stop()


async def test_a_good_result_is_verified_and_paid(world: World) -> None:
    chain, node = world.devnet.chain, world.parties.node.address
    plan = world.plan(fee_wei=token_to_wei("20.25"))
    before = await chain.balances(node)

    await world.parties.submit(plan, world.good)
    job = await wait_for_status(world.devnet, plan.job_id, JobStatus.VERIFIED, JobStatus.FAILED)

    assert job.status is JobStatus.VERIFIED
    assert job.gas == 5  # 1 MB at least, complexity 5822 (protocol.md §10)
    after = await chain.balances(node)
    assert after.emt_wei - before.emt_wei == ROUND_3_2_RATES.earned_wei(plan.fee_wei)
    (share,) = await chain.slot_shares(node, [await chain.current_slot()])
    assert share.own_gas >= 5


def set_epochs(content: Content, world: World, epochs: int) -> None:
    """State another number of epochs, with the matching hash."""
    key = world.devnet.info.verification_key
    content["epoch"] = torch.tensor([float(epochs)])
    content["hash"] = links(world.text, key, epochs)[-1]


def spoil_shape(content: Content, _world: World) -> None:
    name, tensor = next(iter(content["model_state_dict"].items()))
    content["model_state_dict"][name] = tensor[:-1].clone()


def drop_tensor(content: Content, _world: World) -> None:
    content["model_state_dict"].popitem()


def put_nan(content: Content, _world: World) -> None:
    next(iter(content["model_state_dict"].values()))[0] = float("nan")


def put_untrained_weights(content: Content, world: World) -> None:
    path = world.scratch / "work/dataset.txt"
    vocab_size = Evaluator(MODEL, "en", path).tensor_shapes["transformer.wte.weight"][0]
    job_model = open_model(MODEL)
    model = job_model.build(job_model.shape(vocab_size))
    job_model.set_initial_weights(model, 0)
    content["model_state_dict"] = model.export_weights()


def put_foreign_hash(content: Content, world: World) -> None:
    content["hash"] = links(world.text, "another key", 30)[-1]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda content, world: set_epochs(content, world, 29), "states 29 epochs"),
        (put_foreign_hash, "hash is not the chain's last link"),
        (spoil_shape, "shape"),
        (drop_tensor, "tensor"),
        (put_nan, "finite"),
        (put_untrained_weights, "validation loss"),
    ],
    ids=["29 epochs", "wrong hash", "wrong shape", "missing tensor", "not a number", "untrained"],
)
async def test_a_bad_result_is_rejected_with_the_reason(
    world: World,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Content, World], None],
    complaint: str,
) -> None:
    plan = world.plan()

    with caplog.at_level(logging.WARNING, "emeth_tui.network.verification.verifier"):
        await world.parties.submit(plan, world.changed(lambda content: spoil(content, world)))
        job = await wait_for_status(world.devnet, plan.job_id, JobStatus.VERIFIED, JobStatus.FAILED)
        assert job.status is JobStatus.FAILED
        reason = await logged(caplog, ": rejected, of ")

    assert complaint in reason
    assert world.devnet.info.verification_key not in reason
    assert complaint in english(await served_reason(world, plan.job_id))


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> str:
    """Return the line with these words, which comes after the block: the verifier waits for a receipt."""
    with anyio.fail_after(LIMIT_S):
        while True:
            for message in caplog.messages:
                if words in message:
                    return message
            await asyncio.sleep(0.01)


async def served_reason(world: World, job_id: JobId) -> Reason:
    """Ask the info server why a job was rejected."""
    async with local_client(world.devnet.info.info_url) as http:
        with anyio.fail_after(LIMIT_S):
            while True:
                reason = read_rejection((await http.get(f"{JOBS_PATH}/{job_id}")).content)
                if reason is not None:
                    return reason
                await asyncio.sleep(0.05)  # it lags behind the chain


async def test_more_epochs_than_asked_are_accepted(world: World) -> None:
    plan = world.plan()

    await world.parties.submit(plan, world.changed(lambda content: set_epochs(content, world, 31)))

    job = await wait_for_status(world.devnet, plan.job_id, JobStatus.VERIFIED, JobStatus.FAILED)
    assert job.status is JobStatus.VERIFIED


class Bomb:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.path),)


async def test_a_pickle_bomb_is_rejected_and_does_not_go_off(world: World) -> None:
    canary, plan = world.scratch / "canary", world.plan()
    bomb = saved({"epoch": Bomb(canary), "model_state_dict": {}, "loss": 0, "hash": ""})

    await world.parties.submit(plan, bomb)

    await wait_for_status(world.devnet, plan.job_id, JobStatus.FAILED)
    assert not canary.exists()


async def test_a_file_of_rubbish_and_an_archive_bomb_are_rejected(world: World) -> None:
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a/data/0", "w") as file:
        for _ in range(200):
            file.write(bytes(1_000_000))

    for result in (random.Random(1).randbytes(10_000), zeros.getvalue()):
        plan = world.plan()
        await world.parties.submit(plan, result)
        await wait_for_status(world.devnet, plan.job_id, JobStatus.FAILED)


async def test_a_result_that_is_not_in_storage_is_rejected(world: World) -> None:
    plan = world.plan()

    await world.parties.claim(plan)
    await world.parties.send("submit", plan.job_id, "../../etc/passwd")

    await wait_for_status(world.devnet, plan.job_id, JobStatus.FAILED)


async def test_parameters_that_make_no_sense_are_no_reason_to_stop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = world.plan()
    monkeypatch.setattr(requests, "write_parameters", lambda _parameters: "[" * 500)

    await world.parties.submit(plan, world.good)

    await wait_for_status(world.devnet, plan.job_id, JobStatus.FAILED)


async def test_a_job_past_its_deadline_is_timed_out_and_not_before(world: World) -> None:
    plan = world.plan(lifetime_s=3_600)
    await world.parties.claim(plan)

    await world.parties.move_clock(3_500)
    another = world.plan()  # verified after the verifier has looked at the late one too
    await world.parties.submit(another, world.good)
    await wait_for_status(world.devnet, another.job_id, JobStatus.VERIFIED)
    assert world.devnet.mirror.jobs[plan.job_id].status is JobStatus.PROCESSING

    await world.parties.move_clock(200)

    await wait_for_status(world.devnet, plan.job_id, JobStatus.TIMEOUT)
