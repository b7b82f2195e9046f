"""A machine with two GPUs and a funded account, and a scrypt that takes no second."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.clients.wallet import create_keystore
from emeth_tui.errors import NetworkError
from emeth_tui.model import token_to_wei
from emeth_tui.settings import Network
from emeth_tui.tui.setup.machine import FoundDevice, Funds, Machine

PRIVATE_KEY = "0x" + "11" * 32
KEYSTORE = Path("/srv/keystore.json")  # one that is there, and this account's
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"


class StandInMachine(Machine):
    """Answers what a test has set."""

    def __init__(self) -> None:
        self.found = [
            FoundDevice("cuda:0", "NVIDIA RTX 4090, 24 GB"),
            FoundDevice("cuda:1", "NVIDIA RTX 4090, 24 GB"),
            FoundDevice("cpu", "16 × CPU"),
        ]
        self.free = 212_000_000_000
        self.refusal: NetworkError | None = None
        self.holds = Funds(token_to_wei(1_240), token_to_wei(3))
        self.asked: list[tuple[str, str]] = []
        self.measured: set[Path] = set()

    def devices(self) -> list[FoundDevice]:
        return self.found

    def address_in(self, keystore: Path) -> str:
        return ADDRESS if keystore == KEYSTORE else super().address_in(keystore)

    def free_bytes(self, directory: Path) -> int:
        self.measured.add(directory)
        return self.free

    async def write_keystore(self, path: Path, password: str, private_key: bytes | None) -> str:
        return create_keystore(path, password, private_key, iterations=2)

    async def funds(self, network: Network, address: str) -> Funds:
        self.asked.append((network.rpc_urls[0], address))
        if self.refusal is not None:
            raise self.refusal
        return self.holds
