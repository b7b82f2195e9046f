"""Storage or info server of a run as a process of its own, on what the network keeps in its directory.

`python -m tests.faults.stage.service NAME OPTIONS`: the options are JSON. It prints its port as one line, and
ends with its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import kept_keys
from emeth_tui.errors import NetworkError
from emeth_tui.model import JobId
from emeth_tui.network.files import kept_secret
from emeth_tui.network.records.sqlite import RECORDS_FILE, SqliteDatabase
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.services.info_server import InfoApp
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.services.storage import StorageApp
from emeth_tui.network.services.storing import StorageOptions, in_directory
from emeth_tui.network.supervision import supervise
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.settings import Network, load_network, load_settings

_POLL_S = 0.1


async def _serve(name: str, state_dir: Path, url_lifetime_s: float) -> None:
    settings = load_settings(state_dir / "node.toml", environment={})
    chain = await _connected(load_network(settings, environment={}))
    tasks: list[asyncio.Task[None]] = []
    with contextlib.closing(SqliteDatabase(state_dir / RECORDS_FILE)) as database:
        storing = in_directory(
            state_dir / "storage",
            database,
            partial(_find_job, chain),
            secret=bytes.fromhex(kept_secret(state_dir / "storage_secret")),
            options=StorageOptions(url_lifetime_s=url_lifetime_s),
        )
        if name == "storage":
            verifier = kept_keys(state_dir / "accounts.json", funding.ACCOUNTS)[funding.VERIFIER].address
            app = StorageApp(storing, partial(_find_job, chain), verifier_address=verifier).asgi()
        else:
            mirror = JobMirror(chain, interval_s=_POLL_S)
            info = InfoApp(mirror, storing.objects.settle, lag_s=0.0)
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


async def _find_job(chain: ChainClient, job_id: JobId) -> ChainJob | None:
    return (await chain.jobs([job_id])).get(job_id)


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    asyncio.run(_serve(sys.argv[1], Path(given["state_dir"]), given["url_lifetime_s"]))
