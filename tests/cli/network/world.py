"""A chain on which nothing is yet, and people with keystores and settings of their own."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account

from emeth_tui.clients.wallet import Wallet, create_keystore
from emeth_tui.devnet.chain.backends import ChainService
from tests.cli.commands.world import PROGRAM, run_program

CHAIN_ID = 31_337
PASSWORD = "a password for tests"
NATIVE_WEI = 10**20
WORK_FACTOR = 2**12


@dataclass
class Person:
    """Somebody with an account, in a directory of their own."""

    home: Path
    key: bytes

    @property
    def wallet(self) -> Wallet:
        return Wallet(self.key)

    @property
    def address(self) -> str:
        return self.wallet.address

    @property
    def config(self) -> Path:
        return self.home / "config.toml"

    def settle(self) -> None:
        """Make the directory, the keystore and the settings."""
        self.home.mkdir()
        create_keystore(self.home / "keystore.json", PASSWORD, self.key, iterations=WORK_FACTOR)
        (self.home / "password").write_text(PASSWORD + "\n", "utf-8")
        self.config.write_text(
            f'[wallet]\npassword_file = "{self.home / "password"}"\n'
            f'[state]\ndirectory = "{self.home / "state"}"\n'
            f'[cache]\ndirectory = "{self.home / "cache"}"\n',
            "utf-8",
        )

    @property
    def command(self) -> Sequence[str]:
        return [*PROGRAM, "--config", str(self.config)]

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `emeth-tui` to its end."""
        return await asyncio.to_thread(run_program, [*self.command, *arguments])

    async def output(self, *arguments: str) -> str:
        """Return what a command prints that has to do well."""
        result = await self.run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self.output(*arguments, "--json"))


@dataclass
class World:
    """The chain, and its people by name."""

    chain: ChainService
    directory: Path
    people: dict[str, Person]

    @property
    def profile(self) -> Path:
        return self.directory / "network.toml"

    def deploying(self, *more: str) -> list[str]:
        """Return the arguments of a deployment that anybody types."""
        return [
            *("network", "deploy", "--rpc", self.chain.rpc_url, "--output", str(self.profile)),
            *("--model-en", "devnet-small", "--model-ja", "devnet-small", "--yes", *more),
        ]


def person(directory: Path, name: str) -> Person:
    """Return somebody whose key follows from the name."""
    return Person(directory / name, bytes(Account.create(name).key))
