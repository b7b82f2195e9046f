"""Storage or info server of a run as a process of its own, on what the network keeps in its directory.

`python -m tests.faults.stage.service NAME OPTIONS`: the options are JSON. It prints its port as one line, and
ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.types import ASGIApp

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import kept_keys
from emeth_tui.errors import NetworkError
from emeth_tui.model import JobId
from emeth_tui.network.files import kept_secret
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.services.info_server import InfoApp
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.services.objects import DATASETS, ObjectStore
from emeth_tui.network.services.storage import StorageApp, StorageOptions
from emeth_tui.network.supervision import supervise
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.settings import Network, load_network, load_settings

_POLL_S = 0.1


async def _serve(name: str, state_dir: Path, url_lifetime_s: float) -> None:
    settings = load_settings(state_dir / "node.toml", environment={})
    chain = await _connected(load_network(settings, environment={}))
    objects = ObjectStore(state_dir / "storage")
    tasks: list[asyncio.Task[None]] = []
    if name == "storage":
        app = _storage(chain, objects, state_dir, url_lifetime_s)
    else:
        mirror = JobMirror(chain, interval_s=_POLL_S)
        info = InfoApp(mirror, lambda dataset: objects.size_bytes(DATASETS, dataset), lag_s=0.0)
        app = info.asgi()
        works: dict[str, Any] = {"mirror": mirror.run, "info server": info.follow}
        tasks += [asyncio.create_task(supervise(what, work)) for what, work in works.items()]
    service = HttpService(name, app)
    await service.start()
    print(json.dumps({"port": service.port}), flush=True)
    await to_thread.run_sync(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await service.stop()
    await chain.close()


async def _connected(network: Network) -> ChainClient:
    """Connect to the chain, which may be down as well."""
    while True:
        try:
            return await ChainClient.connect(network)
        except NetworkError:
            await asyncio.sleep(_POLL_S)


def _storage(chain: ChainClient, objects: ObjectStore, state_dir: Path, url_lifetime_s: float) -> ASGIApp:
    async def find_job(job_id: JobId) -> ChainJob | None:
        return (await chain.jobs([job_id])).get(job_id)

    return StorageApp(
        objects,
        find_job,
        secret=bytes.fromhex(kept_secret(state_dir / "storage_secret")),
        verifier_address=kept_keys(state_dir / "accounts.json", funding.ACCOUNTS)[funding.VERIFIER].address,
        options=StorageOptions(url_lifetime_s=url_lifetime_s),
    ).asgi()


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    asyncio.run(_serve(sys.argv[1], Path(given["state_dir"]), given["url_lifetime_s"]))
