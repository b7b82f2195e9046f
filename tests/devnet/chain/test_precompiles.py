"""Ethereum's precompiled contracts: those of the chain's rules answer right, and the others' curves wait."""

from __future__ import annotations

import subprocess
import sys

import pytest

from emeth_tui.devnet.chain.server import DevChain
from tests.devnet.chain.raw_rpc import CHAIN_ID, GENESIS_ACCOUNTS

# Vectors of EIP-196 and EIP-197: "chfast1" of addition and multiplication, and "jeff1" of the pairing.
ADDED = (
    "18b18acfb4c2c30276db5411368e7185b311dd124691610c5d3b74034e093dc9"
    "063c909c4720840cb5134cb9f59fa749755796819658d32efc0d288198f37266"
    "07c2b7f58a84bd6145f00c9c2bc0bb1a187f20ff2c92963a88019e7c6a014eed"
    "06614e20c147e940f2d70da3f74c9a17df361706a4485c742bd6788478fa17d7"
)
SUM = (
    "2243525c5efd4b9c3d3c45ac0ca3fe4dd85e830a4ce6b65fa1eeaee202839703"
    "301d1d33be6da8e509df21cc35964723180eed7532537db9ae5e7d48f195c915"
)
MULTIPLIED = (
    "2bd3e6d0f3b142924f5ca7b49ce5b9d54c4703d7ae5648e61d02268b1a0a9fb7"
    "21611ce0a6af85915e2f1d70300909ce2e49dfad4a4619c8390cae66cefdb204"
    "00000000000000000000000000000000000000000000000011138ce750fa15c2"
)
PRODUCT = (
    "070a8d6a982153cae4be29d434e8faef8a47b274a053f5a4ee2a6c9c13c31e5c"
    "031b8ce914eba3a9ffb989f9cdd5b0f01943074bf4f0f315690ec3cec6981afc"
)
PAIRED = (
    "1c76476f4def4bb94541d57ebba1193381ffa7aa76ada664dd31c16024c43f59"
    "3034dd2920f673e204fee2811c678745fc819b55d3e9d294e45c9b03a76aef41"
    "209dd15ebff5d46c4bd888e51a93cf99a7329636c63514396b4a452003a35bf7"
    "04bf11ca01483bfa8b34b43561848d28905960114c8ac04049af4b6315a41678"
    "2bb8324af6cfc93537a2ad1a445cfd0ca2a71acd7ac41fadbf933c2a51be344d"
    "120a2a4cf30c1bf9845f20c6fe39e07ea2cce61f0c9bb048165fe5e4de877550"
    "111e129f1cf1097710d41c4ac70fcdfa5ba2023c6ff1cbeac322de49d1b6df7c"
    "2032c61a830e3c17286de9462bf242fca2883585b93870a73853face6a6bf411"
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
)
TRUE = f"{1:064x}"

THROUGH_OUR_PROVIDER = f"""
import asyncio, sys
from emeth_tui.clients.chain.provider import ChainProvider
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.chain.web3 import AsyncWeb3
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.devnet.chain.backends import make_chain

async def ask() -> None:
    chain = make_chain("py-evm", chain_id={CHAIN_ID}, state_dir=None, genesis_accounts={{}})
    await chain.start()
    async with open_transport() as transport:
        w3 = AsyncWeb3(ChainProvider(Rpc([chain.rpc_url], transport)), middleware=[])
        print((await w3.eth.call({{"to": "0x" + "00" * 19 + "06", "data": "0x{ADDED}"}})).hex())
    await chain.stop()

asyncio.run(ask())
unused = ("py_ecc.bls", "py_ecc.optimized_bls", "aiohttp", "requests")
loaded = [name for name in sys.modules if name.startswith(unused)]
assert not loaded, loaded
assert 1_024 * 10 < sys.getrecursionlimit() < 100_000  # what py-evm needs, not what py_ecc sets
"""
PRAGUES = """
import sys
from types import SimpleNamespace
import emeth_tui.devnet.chain.evm
from eth.vm.forks.prague.computation import PragueComputation
assert "py_ecc.optimized_bls12_381" not in sys.modules
asked = SimpleNamespace(msg=SimpleNamespace(data=bytes(256)), consume_gas=lambda amount, reason: None)
PragueComputation._precompiles[bytes(19) + b"\\x0b"](asked)  # addition: nothing and nothing is nothing
print(asked.output == bytes(128))
"""


@pytest.mark.parametrize(
    ("address", "data", "answer"),
    [(6, ADDED, SUM), (7, MULTIPLIED, PRODUCT), (8, PAIRED, TRUE)],
    ids=["addition", "multiplication", "pairing"],
)
def test_the_curve_of_the_chains_rules_is_right(address: int, data: str, answer: str) -> None:
    chain = DevChain(
        chain_id=CHAIN_ID, state_file=None, genesis_accounts=GENESIS_ACCOUNTS, now=lambda: 1_800_000_000
    )
    assert (
        chain.request("eth_call", {"to": f"0x{address:040x}", "data": f"0x{data}"}, "latest") == f"0x{answer}"
    )
    chain.close()


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(
    ("script", "printed"), [(THROUGH_OUR_PROVIDER, SUM), (PRAGUES, "True")], ids=["chain", "prague"]
)
def test_curves_are_loaded_when_they_are_used(script: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip().removeprefix("0x")) == (0, printed), done.stderr
