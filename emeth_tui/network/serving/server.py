"""Run a network's services until a signal: everything is opened in order, and closed in the other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contracts import read
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import ServiceError
from emeth_tui.model import JobId
from emeth_tui.network.account import Account
from emeth_tui.network.files import kept_secret
from emeth_tui.network.records.jobs import JobRecords
from emeth_tui.network.records.sqlite import SqliteDatabase
from emeth_tui.network.services.appealing import AppealsApp
from emeth_tui.network.services.http_service import HttpService, bind
from emeth_tui.network.services.info_server import InfoApp
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.services.storage import StorageApp
from emeth_tui.network.serving.application import Services
from emeth_tui.network.serving.config import ServeSettings
from emeth_tui.network.serving.edge import Edge, Proxies
from emeth_tui.network.serving.metrics import Metrics
from emeth_tui.network.serving.parts import open_database, open_storing, verifier_lock
from emeth_tui.network.serving.rate_limit import RateLimit
from emeth_tui.network.serving.upkeep import keep_copies, sweeper_of
from emeth_tui.network.serving.verifying import (
    KEY_FILE,
    STOP_SIGNALS,
    cancel,
    open_check,
    open_state_dir,
    rule_of,
)
from emeth_tui.network.serving.verifying_in_turn import check_key, name_with, verify_in_turn
from emeth_tui.network.supervision import supervise
from emeth_tui.network.verification.appeals import Appeals
from emeth_tui.network.verification.rejections import Rejections
from emeth_tui.network.verification.verifier import Verifier
from emeth_tui.notices.reasons.local.serving import NotTheVerifier
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.settings import Network
from emeth_tui.settings.values import split_listen

RECEIPT_TIMEOUT_S = 600.0

_logger = logging.getLogger(__name__)


async def serve(
    settings: ServeSettings,
    network: Network,
    verifier: Wallet | None,
    on_ready: Callable[[str], None],
    secrets: Mapping[str, str],
) -> None:
    """Serve until SIGINT or SIGTERM; call `on_ready` with the address once everything answers.

    `secrets` are the variables of credentials.py that were set. With a `verifier`, results are verified too,
    by that account. Raise ServiceError, or NetworkError when the chain is not there at the start.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    async with contextlib.AsyncExitStack() as stack:
        service = await _open(stack, settings, network, verifier, secrets)
        on_ready(service.url)
        await stopping.wait()
        _logger.info("stopping: requests under way have %d s", settings.stop_grace_s)


async def _open(
    stack: contextlib.AsyncExitStack,
    settings: ServeSettings,
    network: Network,
    verifier: Wallet | None,
    secrets: Mapping[str, str],
) -> HttpService:
    state_dir = open_state_dir(stack, settings.state_dir)
    chain = await ChainClient.connect(network)
    stack.push_async_callback(chain.close)
    its_verifier = str(await read(chain.contracts.core.functions.verifier()))
    if verifier is not None and verifier.address != its_verifier:
        raise ServiceError(NotTheVerifier(verifier.address, its_verifier))
    database = await open_database(settings, secrets)
    stack.callback(database.close)
    find_job = partial(_find_job, chain)
    storing = await open_storing(settings, network, secrets, database, find_job)
    kept = JobRecords(database, network.chain_id, network.core_address)
    mirror = JobMirror(chain, kept, interval_s=min(network.poll_interval_s, 2.0))
    await mirror.refresh()
    _run(stack, "mirror", mirror.run)
    _run(stack, "sweeper", sweeper_of(storing, database, mirror, find_job, settings.orphans_kept_h).run)
    if isinstance(database, SqliteDatabase):
        _run(stack, "copies", partial(keep_copies, database, state_dir))

    rejections, metrics = Rejections(database), Metrics()
    appeals = Appeals(database, rule_of(settings, network))
    wait_of_account = _limit_of_accounts(settings, metrics)
    storage = StorageApp(
        storing,
        find_job,
        verifier_address=its_verifier,
        second_address=appeals.rule.second,
        wait_of_account=wait_of_account,
    )
    appealing = AppealsApp(appeals, find_job, network.core_address, wait_of_account=wait_of_account)
    info = InfoApp(mirror, storing.objects.settle, rejections.of, appealing.routes(), lag_s=0.0)
    _run(stack, "info server", info.follow)
    services = Services(storage.asgi(), info.asgi(), mirror, metrics)
    service = _service(settings, services, metrics)
    if verifier is not None:
        account = Account(chain, verifier, receipt_timeout_s=RECEIPT_TIMEOUT_S)
        await _open_verifier(stack, settings, account, mirror, rejections, appeals, secrets)
    await service.start()
    stack.push_async_callback(service.stop)
    return service


async def _find_job(chain: ChainClient, job_id: JobId) -> ChainJob | None:
    return (await chain.jobs([job_id])).get(job_id)


def _service(settings: ServeSettings, services: Services, metrics: Metrics) -> HttpService:
    limit = RateLimit(settings.limits.requests_per_minute)
    edge = Edge(services, Proxies(settings.trusted_proxies), limit, metrics)
    host, port = split_listen(settings.listen)
    return HttpService("network", edge, listener=bind(host, port), grace_s=settings.stop_grace_s)


def _limit_of_accounts(settings: ServeSettings, metrics: Metrics) -> Callable[[str], float]:
    limit = RateLimit(settings.limits.calls_per_minute)

    def wait_of(account: str) -> float:
        wait_s = limit.take(account)
        if wait_s:
            metrics.limited("account")
        return wait_s

    return wait_of


async def _open_verifier(
    stack: contextlib.AsyncExitStack,
    settings: ServeSettings,
    account: Account,
    mirror: JobMirror,
    rejections: Rejections,
    appeals: Appeals,
    secrets: Mapping[str, str],
) -> None:
    key_path = settings.state_dir / KEY_FILE
    key = kept_secret(key_path)
    check = await open_check(stack, settings.state_dir, account.chain, account.wallet, key)
    held = appeals if appeals.rule.holds else None
    if held is not None:
        await held.resume()
    verifier = Verifier(account, mirror, check, rejections, held)
    lock = verifier_lock(settings, account.chain.network, secrets, name_with(key))
    if lock is None:
        _run(stack, "verifier", verifier.run)
        return
    stack.callback(lock.close)
    await check_key(lock, key, key_path)

    async def take_over() -> None:
        if held is not None:
            await held.resume()
        await verifier.run()

    _run(stack, "verifier", partial(verify_in_turn, lock, take_over))


def _run(stack: contextlib.AsyncExitStack, name: str, run: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(supervise(name, run), name=f"network {name}")
    stack.push_async_callback(cancel, task)
