"""Running a devnet in the foreground, until someone stops it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from emeth_tui.devnet.chain.backends import ChainKind
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetInfo, DevnetOptions
from emeth_tui.logs import quiet_libraries
from emeth_tui.process.garbage import collect_as_usual
from emeth_tui.settings.values import Verification
from emeth_tui.streams import announce

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# At INFO these log whole URLs, and a presigned URL gives access to its object.


def run_devnet(
    *,
    state_dir: Path | None,
    corpus: Path | None,
    chain: ChainKind,
    verification: Verification,
    with_rival: bool,
    until_input_ends: bool,
) -> None:
    """Run a devnet, print its endpoints, log to stderr; stop on a signal, or when the input ends.

    Raise DevnetError when it does not come up.
    """
    _narrate()
    options = DevnetOptions(
        state_dir=state_dir, corpus=corpus, chain=chain, verification=verification, with_rival=with_rival
    )
    run(options, print_endpoints, until_input_ends=until_input_ends)


def run(
    options: DevnetOptions, on_ready: Callable[[DevnetInfo], None], *, until_input_ends: bool = False
) -> None:
    """Run a devnet until SIGINT, SIGTERM or SIGHUP; call `on_ready` once with its endpoints."""
    asyncio.run(_run(options, on_ready, until_input_ends))


async def _run(
    options: DevnetOptions, on_ready: Callable[[DevnetInfo], None], until_input_ends: bool
) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    if until_input_ends:
        threading.Thread(target=_wait_for_end_of_input, args=(loop, stopping), daemon=True).start()
    devnet = Devnet(options)
    starting = asyncio.create_task(devnet.start())
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return
        collect_as_usual()
        on_ready(starting.result())
        await stopped
    finally:
        stopped.cancel()
        await devnet.stop()


def print_endpoints(info: DevnetInfo) -> None:
    """Print where a devnet is and how to join it."""
    announce(
        "\n".join(
            [
                "The devnet runs; Ctrl-C stops it.",
                f"  chain {info.chain_id}    {info.rpc_url}",
                f"  EmethCore      {info.core_address}",
                f"  EMT            {info.token_address}",
                f"  storage API    {info.storage_url}",
                f"  info server    {info.info_url}",
                f"  description    {info.description}",
                f"A node joins with: emeth-tui --no-ui --config {info.node_settings}",
            ]
        )
    )


def _narrate() -> None:
    formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(message)s", "%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    quiet_libraries()


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    loop.call_soon_threadsafe(stopping.set)
