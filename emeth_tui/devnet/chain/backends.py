"""The devnet's chain as a service of either kind: py-evm in this process, or anvil beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from emeth_tui.devnet.chain.anvil import AnvilChain
from emeth_tui.devnet.chain.server import DevChain
from emeth_tui.errors import DevnetError
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.notices.reasons.local.devnet import ChainNotRunning

ChainKind = Literal["py-evm", "anvil"]


class ChainService(Protocol):
    """A chain that answers JSON-RPC at `rpc_url` between `start` and `stop`. Both raise DevnetError."""

    @property
    def rpc_url(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class PyEvmChain:
    """DevChain on its own HTTP port; opened and closed off the event loop."""

    def __init__(
        self,
        *,
        chain_id: int,
        state_file: Path | None,
        genesis_accounts: Mapping[str, int],
        preferred_port: int = 0,
        can_reorganise: bool = False,
    ) -> None:
        self._open = partial(
            DevChain,
            chain_id=chain_id,
            state_file=state_file,
            genesis_accounts=genesis_accounts,
            can_reorganise=can_reorganise,
        )
        self._preferred_port = preferred_port
        self._chain: DevChain | None = None
        self._service: HttpService | None = None

    @property
    def rpc_url(self) -> str:
        if self._service is None:
            raise DevnetError(ChainNotRunning())
        return self._service.url

    async def start(self) -> None:
        self._chain = await asyncio.to_thread(self._open)
        self._service = HttpService("chain", self._chain.app(), preferred_port=self._preferred_port)
        try:
            await self._service.start()
        except BaseException:
            self._chain.close()
            raise

    async def stop(self) -> None:
        if self._service is not None:
            await self._service.stop()
        if self._chain is not None:
            await asyncio.to_thread(self._chain.close)


def make_chain(
    kind: ChainKind,
    *,
    chain_id: int,
    state_dir: Path | None,
    genesis_accounts: Mapping[str, int],
    preferred_port: int = 0,
    can_reorganise: bool = False,
) -> ChainService:
    """Return a chain; with a state directory it is saved there, and continues an existing one.

    Anvil can always reorganise.
    """
    if kind == "anvil":
        return AnvilChain(
            chain_id=chain_id,
            state_file=None if state_dir is None else state_dir / "anvil.json",
            genesis_accounts=genesis_accounts,
            preferred_port=preferred_port,
        )
    return PyEvmChain(
        chain_id=chain_id,
        state_file=None if state_dir is None else state_dir / "chain.state",
        genesis_accounts=genesis_accounts,
        preferred_port=preferred_port,
        can_reorganise=can_reorganise,
    )
