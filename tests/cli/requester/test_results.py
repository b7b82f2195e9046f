"""`requests fetch`, `sample` and `compare`: a result that was really trained, and results that lie."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import torch

from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.model import JobId
from emeth_tui.network.verification.torch_tasks import train
from emeth_tui.training.run.evaluation import Evaluator
from tests.cli.requester.program import Program
from tests.engine.harness import Harness
from tests.loopback import local_client

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture
def emeth_tui(network: Harness, tmp_path: Path) -> Program:
    return Program(network, tmp_path)


@asynccontextmanager
async def node(emeth_tui: Program, job_id: JobId) -> AsyncIterator[StorageClient]:
    """Claim a job as another account does; its storage is yielded."""
    network = emeth_tui.network
    await network.rival_claims(job_id)
    profile = network.devnet.chain.network.model_copy(update={"storage_url": network.devnet.info.storage_url})
    async with local_client() as http:
        yield StorageClient(profile, network.rival.wallet, Transport(http))


async def deliver(emeth_tui: Program, job_id: JobId, result: Path) -> None:
    """Submit a file as a job's result, and have it verified whatever it is."""
    async with node(emeth_tui, job_id) as storage:
        name = await storage.upload(job_id, result)
    rival = emeth_tui.network.rival
    await rival.send(rival.chain.core("submit", bytes.fromhex(job_id[2:]), name), "submit")
    await emeth_tui.network.verify(job_id)


def trained(emeth_tui: Program, job_id: JobId) -> Path:
    """Train a job as a node does."""
    work = emeth_tui.directory / "work"
    work.mkdir()
    dataset = work / "dataset.txt"
    dataset.write_bytes(emeth_tui.text.read_bytes())
    key = emeth_tui.network.devnet.info.verification_key
    return Path(train(job_id, "devnet-small", "en", 30, str(dataset), str(work), key)["result"])


async def test_a_result_becomes_a_model_that_transformers_loads(emeth_tui: Program) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    job_id = await emeth_tui.requested()
    _stdout, why = await emeth_tui("requests", "fetch", job_id, code=24)
    assert "no verified result" in why
    result = await asyncio.to_thread(trained, emeth_tui, job_id)
    await deliver(emeth_tui, job_id, result)
    target = emeth_tui.directory / "model"

    fetched = await emeth_tui.json("requests", "fetch", job_id, str(target))
    compared = await emeth_tui.json("requests", "compare", job_id, "--prompt", "A lamp", "--tokens", "8")
    sampled, _stderr = await emeth_tui(
        "requests", "sample", job_id, "--prompt", "A lamp is", *["--tokens", "8", "--temperature", "0"]
    )

    assert fetched["hash_checked"] is True
    assert fetched["epochs"] == 30
    assert fetched["validation_loss"] < fetched["start_loss"] - 1
    assert fetched["validation_loss"] == pytest.approx(fetched["claimed_loss"], rel=0.02)
    assert compared["validation_loss"] == fetched["validation_loss"]
    assert sampled.startswith(" lit")
    (one,) = compared["samples"]
    assert one["prompt"] == "A lamp"
    assert one["start"] != one["result"]

    model = AutoModelForCausalLM.from_pretrained(str(target)).eval()
    tokenizer = AutoTokenizer.from_pretrained(str(target))
    evaluator = Evaluator("devnet-small", "en", emeth_tui.text)
    blocks = torch.tensor(evaluator.valid.astype("int64"))
    with torch.inference_mode():
        loss = float(model(input_ids=blocks, labels=blocks).loss)
        ids = tokenizer("A lamp is", return_tensors="pt").input_ids
        text = tokenizer.decode(model.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=0)[0])
    assert loss == pytest.approx(fetched["validation_loss"], abs=1e-3)
    assert text == "A lamp is" + sampled.rstrip("\n")

    _stdout, why = await emeth_tui("requests", "fetch", job_id, str(target), code=1)
    assert "is there already" in why


@pytest.mark.parametrize("lie", ["another text", "pickle", "too long"])
async def test_a_result_that_lies_leaves_no_model(emeth_tui: Program, lie: str) -> None:
    job_id = await emeth_tui.requested()
    result = emeth_tui.directory / "lie.pt"
    if lie == "another text":
        honest = await asyncio.to_thread(trained, emeth_tui, job_id)
        content = torch.load(honest, weights_only=True)
        torch.save({**content, "hash": "0" * 64}, result)
    elif lie == "pickle":
        torch.save({"epoch": print, "model_state_dict": {}, "loss": 0, "hash": ""}, result)
    else:
        result.write_bytes(bytes(17_000_000))
    await deliver(emeth_tui, job_id, result)
    target = emeth_tui.directory / "model"

    stdout, why = await emeth_tui("requests", "fetch", job_id, str(target), code=1)

    assert stdout == ""
    said = {"another text": "last link", "pickle": "result", "too long": "at most"}[lie]
    assert said in why
    assert not target.exists()
    assert json.loads((await emeth_tui("requests", "--json"))[0])[0]["state"] == "verified"
