"""What the first settings need from outside the program: devices, disk, keystores, the chain."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from emeth_tui.clients.threads import run_to_end
from emeth_tui.errors import ChainUnreachable
from emeth_tui.files import nearest_existing
from emeth_tui.foreign_text import endpoint
from emeth_tui.notices.reasons.setup import NoAnswerWithin

if TYPE_CHECKING:
    from emeth_tui.settings import Network

ASK_CHAIN_S = 15.0


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device that can train: its name in the settings, and what it is."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Funds:
    """What an account holds, in wei."""

    emt_wei: int
    native_wei: int


class Machine:
    """This machine and what it reaches."""

    def devices(self) -> list[FoundDevice]:
        """List the GPUs that CUDA shows, then the CPU."""
        from emeth_tui.engine.gpus.nvml import cuda_gpus

        gpus = [FoundDevice(f"cuda:{index}", name) for index, name in enumerate(cuda_gpus())]
        return [*gpus, FoundDevice("cpu", f"{os.cpu_count() or 1} × CPU")]

    def free_bytes(self, directory: Path) -> int:
        """Return the free bytes of the file system that holds a directory, or would hold it."""
        return shutil.disk_usage(nearest_existing(directory)).free

    def address_in(self, keystore: Path) -> str:
        """Return the address that a keystore names, "" if none. Raise WalletError if it is no keystore."""
        from emeth_tui.clients.wallet import keystore_address

        return keystore_address(keystore)

    def check_key(self, private_key: bytes) -> None:
        """Raise WalletError if these bytes are not a private key."""
        from emeth_tui.clients.wallet import Wallet

        Wallet(private_key)

    async def write_keystore(self, path: Path, password: str, private_key: bytes | None) -> str:
        """Write a keystore, with a new key if none is given, and return its address. Raise WalletError."""
        from emeth_tui.clients.wallet import create_keystore

        return await run_to_end(create_keystore, path, password, private_key)

    async def funds(self, network: Network, address: str) -> Funds:
        """Return what an account holds on the chain. Raise NetworkError."""
        await asyncio.to_thread(_load_chain_client)
        from emeth_tui.clients.chain.client import ChainClient

        with anyio.move_on_after(ASK_CHAIN_S):
            chain = await ChainClient.connect(network)
            try:
                balances = await chain.balances(address)
            finally:
                await chain.close()
            return Funds(balances.emt_wei, balances.native_wei)
        raise ChainUnreachable(NoAnswerWithin(", ".join(map(endpoint, network.rpc_urls)), round(ASK_CHAIN_S)))


def _load_chain_client() -> None:
    import emeth_tui.clients.chain.client  # noqa: F401 - a second or more, away from the event loop
