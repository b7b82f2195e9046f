"""Foundry's anvil as the devnet's chain: find it, run it as a child process on loopback, and stop it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import httpx

from emeth_tui.errors import DevnetError
from emeth_tui.foreign_text import ForeignText, one_line, system_text
from emeth_tui.hardening import child_environment
from emeth_tui.network.services.http_service import LOOPBACK, bind_loopback
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.local.devnet import (
    AnvilDidNotStart,
    AnvilEnded,
    AnvilMissing,
    AnvilRefused,
    AnvilUnrunnable,
    NothingSaid,
)
from emeth_tui.process.children import end_child, start_child

BINARY_VARIABLE = "EMETH_ANVIL"
_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 10
_SHOWN_LINES = 5  # of anvil's output, when it does not start


def find_anvil() -> str | None:
    """Return the binary that $EMETH_ANVIL names, else `anvil` on the PATH."""
    return shutil.which(os.environ.get(BINARY_VARIABLE) or "anvil")


class AnvilChain:
    """One anvil. `state_file` is read on start and written on stop; with None nothing is saved.

    `genesis_accounts` (address to wei) are funded only on a new chain.
    """

    def __init__(
        self,
        *,
        chain_id: int,
        state_file: Path | None,
        genesis_accounts: Mapping[str, int],
        preferred_port: int = 0,
        hardfork: str = "cancun",
    ) -> None:
        self._chain_id = chain_id
        self._hardfork = hardfork
        self._state_file = state_file
        self._genesis_accounts = dict(genesis_accounts)
        self._preferred_port = preferred_port
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._last_lines: deque[str] = deque(maxlen=_SHOWN_LINES)

    @property
    def rpc_url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    async def start(self) -> None:
        """Run anvil and wait until it listens. Raise DevnetError when it does not."""
        is_new = self._state_file is None or not self._state_file.exists()
        with bind_loopback(self._preferred_port) as reserved:
            self._port = reserved.getsockname()[1]
        await self._spawn()
        try:
            await asyncio.wait_for(self._listening(), _START_TIMEOUT_S)
            if is_new:
                await self._fund()
        except (asyncio.TimeoutError, httpx.HTTPError) as error:
            await self.stop()
            raise DevnetError(AnvilDidNotStart(self._said())) from error
        except BaseException:
            await self.stop()
            raise
        self._reader = asyncio.create_task(self._drain(), name="devnet anvil output")

    async def stop(self) -> None:
        """Let anvil write its state and exit; kill it when it does not."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await end_child(self._process, _STOP_TIMEOUT_S)
        if self._reader is not None:
            await self._reader
        self._process = self._reader = None

    async def _spawn(self) -> None:
        binary = find_anvil()
        if binary is None:
            raise DevnetError(AnvilMissing(BINARY_VARIABLE))
        arguments = ["--host", LOOPBACK, "--port", str(self._port), "--chain-id", str(self._chain_id)]
        # By default the same rules as DevChain's, and no accounts for which anvil itself could sign.
        arguments += ["--hardfork", self._hardfork, "--accounts", "0"]
        if self._state_file is not None:
            self._state_file.parent.mkdir(parents=True, exist_ok=True)
            arguments += ["--state", str(self._state_file)]
        try:
            self._process = await start_child(
                binary,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=child_environment(),
                start_new_session=True,  # Ctrl-C in the terminal goes to the devnet, which then stops it
            )
        except OSError as error:
            raise DevnetError(AnvilUnrunnable(str(binary), system_text(error))) from error

    async def _listening(self) -> None:
        while (line := await self._next_line()) is not None:
            if line.startswith("Listening on "):
                return
        raise DevnetError(AnvilEnded(self._said()))

    async def _drain(self) -> None:
        """Keep reading, so that anvil never blocks on a full pipe."""
        while await self._next_line() is not None:
            pass

    async def _next_line(self) -> str | None:
        if self._process is None or self._process.stdout is None:
            return None
        line = (await self._process.stdout.readline()).decode("utf-8", "replace")
        if line.strip():
            self._last_lines.append(line.strip())
        return line or None

    def _said(self) -> ForeignText | Reason:
        return one_line(" / ".join(self._last_lines)) or NothingSaid()

    async def _fund(self) -> None:
        async with httpx.AsyncClient(timeout=_START_TIMEOUT_S) as client:
            for number, (address, balance_wei) in enumerate(self._genesis_accounts.items()):
                request = {"jsonrpc": "2.0", "id": number, "method": "anvil_setBalance"}
                params = [address, hex(balance_wei)]
                response = await client.post(self.rpc_url, json={**request, "params": params})
                if "error" in response.json():
                    raise DevnetError(AnvilRefused(address, one_line(response.json()["error"])))
