"""Of several processes that serve one network, one verifies: the others wait for its end."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from emeth_tui.errors import ServiceError
from emeth_tui.network.serving.verifying import cancel
from emeth_tui.notices.reasons.local.serving import VerifierKeyDiffers

LOOK_EVERY_S = 2.0

_logger = logging.getLogger(__name__)


class VerifierLock(Protocol):
    """What one process holds at a time, and loses with its life. Each call may raise ServiceError."""

    def take(self) -> bool:
        """Take it, or make sure of it; return whether it is held."""

    def holder(self) -> str | None:
        """Return what the holder says of itself, None while there is none."""


def name_with(key: str) -> str:
    """Return what a verifier says of itself to others: which key it has, hard to guess the key from."""
    mark = hashlib.scrypt(key.encode(), salt=b"emeth-tui verifier", n=2**14, r=8, p=1, dklen=8)
    return f"emeth-tui verifier {mark.hex()}"


async def check_key(lock: VerifierLock, key: str, path: Path) -> None:
    """Raise ServiceError where another process verifies with another key: results would fail here."""
    if not await asyncio.to_thread(lock.take):
        holder = await asyncio.to_thread(lock.holder)
        if holder not in {None, name_with(key)}:
            raise ServiceError(VerifierKeyDiffers(path))


async def verify_in_turn(lock: VerifierLock, verify: Callable[[], Awaitable[None]]) -> None:
    """Wait for the lock, and verify while it is held. Raise ServiceError when it may have been lost."""
    if not await asyncio.to_thread(lock.take):
        _logger.warning("another process verifies: this one serves without, and takes over when that ends")
        while not await asyncio.to_thread(lock.take):  # noqa: ASYNC110 - a database sends no events
            await asyncio.sleep(LOOK_EVERY_S)
    _logger.info("this process verifies")
    verifying = asyncio.ensure_future(verify())
    try:
        while not verifying.done():
            await asyncio.wait({verifying}, timeout=LOOK_EVERY_S)
            if not await asyncio.to_thread(lock.take):
                return
        await verifying
    finally:
        await cancel(verifying)
