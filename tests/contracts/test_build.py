"""The committed build: made from the committed sources, and good for old chains too."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from eth.chains.base import MiningChain
from eth.consensus.applier import ConsensusApplier
from eth.consensus.noproof import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.vm.forks.istanbul import IstanbulVM
from eth_account import Account
from web3 import Web3

from emeth_tui.protocol.contracts import ROUND_3_2_RATES, abi, bytecode
from tests.contracts.world import core_params

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
ARTIFACTS = sorted((ROOT / "emeth_tui/protocol/abi").glob("*.json")) + sorted(
    (ROOT / "tests/contracts/abi").glob("*.json")
)
DEPLOYER = Account.from_key((1).to_bytes(32, "big"))


def test_every_contract_is_built() -> None:
    assert [path.stem for path in ARTIFACTS] == [
        "EmethCore",
        "EmethToken",
        "HostileToken",
        "PublishedCore",
        "PublishedToken",
    ]


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.stem)
def test_the_build_is_of_these_sources(path: Path) -> None:
    artifact = json.loads(path.read_text("utf-8"))
    source = (ROOT / artifact["source"]).read_bytes()
    assert artifact["sourceSha256"] == hashlib.sha256(source).hexdigest(), "run: npm run build, in contracts/"


def test_the_compiler_is_pinned_and_leaves_no_host_in_the_lock_file() -> None:
    pinned = json.loads((CONTRACTS / "package.json").read_text("utf-8"))["devDependencies"]["solc"]
    lock = json.loads((CONTRACTS / "package-lock.json").read_text("utf-8"))
    used = {json.loads(path.read_text("utf-8"))["compiler"]["version"].split("+")[0] for path in ARTIFACTS}
    assert {pinned, lock["packages"]["node_modules/solc"]["version"]} == used
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


@pytest.mark.skipif(
    shutil.which("node") is None or not (CONTRACTS / "node_modules/solc").is_dir(),
    reason="needs node, and npm ci in contracts/",
)
def test_building_again_gives_the_same_bytes() -> None:
    command = ["node", "build.mjs", "--check"]
    checked = subprocess.run(command, cwd=CONTRACTS, capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_bytecode_runs_on_istanbul() -> None:
    """The al+ testnet names no fork: nothing newer than Istanbul (2019) may be needed."""
    chain = _istanbul_chain()
    token = _deploy(chain, 0, _constructor("EmethToken", 10**18))
    core = _deploy(chain, 1, _constructor("EmethCore", token, DEPLOYER.address, core_params(ROUND_3_2_RATES)))
    core_calls = Web3().eth.contract(address=core, abi=abi("EmethCore"))
    token_calls = Web3().eth.contract(address=token, abi=abi("EmethToken"))
    job_id, fee_wei = bytes(16), 10**18
    _apply(chain, 2, token, token_calls.encode_abi("approve", [core, 10**20]))
    refused = _apply(chain, 3, core, core_calls.encode_abi("request", [job_id, 1, "d", "{}", fee_wei, 2**40]))
    assert b"fee is below the verifier fee" in refused.output
    assert _apply(chain, 4, core, core_calls.encode_abi("currentSlot")).is_success


def _istanbul_chain() -> Any:
    forks = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, IstanbulVM),))
    chain_class: Any = MiningChain.configure("Istanbul", vm_configuration=forks, chain_id=60001)
    account = {"balance": 10**24, "nonce": 0, "code": b"", "storage": {}}
    params = {"difficulty": 10_000, "gas_limit": 20_000_000, "timestamp": 1}
    return chain_class.from_genesis(AtomicDB(), params, {bytes.fromhex(DEPLOYER.address[2:]): account})


def _constructor(contract: str, *arguments: Any) -> str:
    factory = Web3().eth.contract(abi=abi(contract), bytecode=bytecode(contract))
    return str(factory.constructor(*arguments).data_in_transaction)


def _deploy(chain: Any, nonce: int, data: str) -> str:
    computation = _apply(chain, nonce, "", data)
    assert computation.is_success
    return Web3.to_checksum_address(computation.msg.storage_address)


def _apply(chain: Any, nonce: int, to: str, data: str) -> Any:
    fields = {"nonce": nonce, "gas": 5_000_000, "gasPrice": 1, "value": 0, "to": to, "data": data}
    signed = DEPLOYER.sign_transaction({**fields, "chainId": 60001})
    decoded = chain.get_vm().get_transaction_builder().decode(bytes(signed.raw_transaction))
    _, _, computation = chain.apply_transaction(decoded)
    return computation
