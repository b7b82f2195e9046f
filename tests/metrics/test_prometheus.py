"""A real Prometheus scrapes a node on a local network, with the example's rules."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from emeth_tui.metrics.server import serve_metrics
from tests.engine.harness import WAIT_S, Harness
from tests.engine.quick_worker import Script
from tests.loopback import free_port, local_client
from tests.terminal import ROOT

PROMETHEUS = shutil.which("prometheus")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is missing: Debian's `prometheus`"),
]
EXAMPLE = ROOT / "contrib" / "prometheus"


@asynccontextmanager
async def prometheus(directory: Path, target: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run Prometheus on the example, with another target and a shorter interval."""
    assert PROMETHEUS is not None
    text = (EXAMPLE / "prometheus.yml").read_text("utf-8").replace("127.0.0.1:9101", target)
    (directory / "prometheus.yml").write_text(text.replace("15s", "1s").replace("30s", "1s"), "utf-8")
    shutil.copy(EXAMPLE / "alerts.yml", directory)
    listen = f"127.0.0.1:{free_port()}"
    with (directory / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROMETHEUS,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={listen}",
            stdout=log,
            stderr=log,
        )
    try:
        async with local_client(f"http://{listen}/api/v1") as http:
            yield http
    finally:
        process.terminate()
        await process.wait()


async def answer(http: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    """Return the samples of a query, once there are some."""
    with anyio.fail_after(WAIT_S):
        while True:
            try:
                result = (await http.get("/query", params={"query": query})).json()["data"]["result"]
            except (httpx.TransportError, KeyError, ValueError):
                result = []
            if result:
                return list(result)
            await asyncio.sleep(0.2)


async def test_prometheus_reads_a_node_at_work(network: Harness, tmp_path: Path) -> None:
    job_id = await network.post()
    async with network.node(script=Script(hold_before_epoch=3)) as node:
        await node.event("training", job_id)
        port = free_port()
        served = serve_metrics(f"127.0.0.1:{port}", node.node, node.node._context.events)
        async with served, prometheus(tmp_path, f"127.0.0.1:{port}") as http:
            (up,) = await answer(http, 'up{job="emeth"} == 1')
            (training,) = await answer(http, 'emeth_jobs{state="training"} == 1')
            (locked,) = await answer(http, "emeth_deposits_locked_emt")
            rules = (await http.get("/rules")).json()["data"]["groups"][0]["rules"]
            snapshot = node.node.snapshot()

    assert up["metric"]["instance"] == training["metric"]["instance"] == f"127.0.0.1:{port}"
    assert snapshot.deposits is not None
    assert float(locked["value"][1]) == snapshot.deposits.locked_wei / 10**18
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    assert len(rules) == 12
