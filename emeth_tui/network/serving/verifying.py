"""What verifies results as a service: beside storage and info server, or as a second verifier by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.http.connections import trusted_authorities
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import ServiceError
from emeth_tui.files import try_lock
from emeth_tui.foreign_text import system_text
from emeth_tui.network.files import is_secret, make_private_directory
from emeth_tui.network.services.storage import MAX_PARTS
from emeth_tui.network.serving.config import ServeSettings
from emeth_tui.network.supervision import supervise
from emeth_tui.network.verification.appeals import Rule
from emeth_tui.network.verification.examiner import examination_for
from emeth_tui.network.verification.replaying import replayer_for
from emeth_tui.network.verification.result_check import ResultCheck
from emeth_tui.network.verification.second import SecondVerifier
from emeth_tui.network.verification.torch_process import TorchProcess
from emeth_tui.notices.reasons.local.serving import (
    NotANetworksKey,
    NotText,
    ServedAlready,
    ServingSecretUnreadable,
)
from emeth_tui.protocol.storage_api import PART_BYTES
from emeth_tui.settings import Network

KEY_FILE = "verification_key"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HOUR_S = 3_600


def rule_of(settings: ServeSettings, network: Network) -> Rule:
    """Return what a network does with rejections."""
    second = settings.second
    if second is None:
        return Rule(network.appeal_s)
    return Rule(network.appeal_s, second.address, second.answer_h * _HOUR_S, second.unanswered)


async def open_check(
    stack: contextlib.AsyncExitStack, state_dir: Path, chain: ChainClient, wallet: Wallet, key: str
) -> ResultCheck:
    """Open what checks results, with its process and its files below a directory."""
    network = chain.network
    http = await stack.enter_async_context(_client_of(network.storage_url))
    process = TorchProcess("the verifier's process", state_dir / "verifier.log", niceness=0)
    stack.push_async_callback(process.close)
    examine, originals = examination_for(process, network, state_dir / "originals")
    return ResultCheck(
        wallet,
        http,
        examine,
        originals,
        replayer_for(process, chain, wallet, http, originals),
        verification_key=key,
        work_dir=state_dir / "verifier",
        max_result_bytes=MAX_PARTS * PART_BYTES,
    )


async def give_opinions(
    settings: ServeSettings, network: Network, wallet: Wallet, on_ready: Callable[[str], None]
) -> None:
    """Give second opinions until SIGINT or SIGTERM; call `on_ready` with the account once it begins.

    Raise ServiceError, or NetworkError when the chain is not there at the start.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    async with contextlib.AsyncExitStack() as stack:
        state_dir = open_state_dir(stack, settings.state_dir)
        key = _key_in(state_dir / KEY_FILE)
        chain = await ChainClient.connect(network)
        stack.push_async_callback(chain.close)
        check = await open_check(stack, state_dir, chain, wallet, key)
        services = await stack.enter_async_context(_client_of(network.info_url))
        second = SecondVerifier(chain, wallet, services, check)
        task = asyncio.create_task(supervise("second verifier", second.run), name="second verifier")
        stack.push_async_callback(cancel, task)
        on_ready(wallet.address)
        await stopping.wait()


def open_state_dir(stack: contextlib.AsyncExitStack, directory: Path) -> Path:
    """Make a service's directory, held by one process at a time. Raise ServiceError."""
    state_dir = make_private_directory(directory)
    lock = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, lock)
    if not try_lock(lock):
        raise ServiceError(ServedAlready(state_dir))
    return state_dir


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task until it has ended: libraries that use asyncio.wait_for may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)


def _key_in(path: Path) -> str:
    """Read the network's key, which the operator copies here. Raise ServiceError.

    With an empty or damaged one, no result would seem to be its node's own.
    """
    try:
        key = path.read_text("utf-8-sig").strip()
    except OSError as error:
        raise ServiceError(ServingSecretUnreadable(path, system_text(error))) from error
    except UnicodeDecodeError:
        raise ServiceError(ServingSecretUnreadable(path, NotText())) from None
    if not is_secret(key):
        raise ServiceError(ServingSecretUnreadable(path, NotANetworksKey()))
    return key


def _client_of(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=30.0, trust_env=False, verify=trusted_authorities())
