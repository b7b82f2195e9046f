"""DevChain against anvil: the same calls, the same answers."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.devnet.chain.anvil import BINARY_VARIABLE, find_anvil
from emeth_tui.devnet.chain.backends import ChainKind, make_chain
from tests.devnet.chain.chain_scenario import Scenario
from tests.devnet.chain.raw_rpc import CHAIN_ID, GENESIS_ACCOUNTS, RawRpc, revert_data

pytestmark = pytest.mark.skipif(
    find_anvil() is None, reason=f"needs an anvil binary, on the PATH or named by {BINARY_VARIABLE}"
)
Answers = dict[str, Any]

# Members that differ from chain to chain: compared by their shape.
SHAPE_ONLY = {"hash", "parentHash", "blockHash", "stateRoot", "mixHash", "parentBeaconBlockRoot", "size"}
# What anvil says beyond the standard.
ANVIL_ONLY = {"blobGasPrice", "blockTimestamp", "baseFeePerBlobGas", "blobGasUsedRatio"}
# Errors that each words in its own way: what both must contain.
ERROR_WORDS = {
    "call in the future": "block",
    "call without the money": "insufficient funds for gas",
    "estimate without end": "gas",
    "nonce too low": "nonce too low",
    "nonce too low, other bytes": "nonce too low",
    "no money": "insufficient funds for gas",
    "no money at all": "insufficient funds for gas",
    "too little gas": "intrinsic gas too low",
    "too much gas": "gas.limit",
    "wrong chain": "invalid chain id for signer",
    "fee below base fee": "max fee per gas less than block base fee",
    "legacy fee below base fee": "max fee per gas less than block base fee",
    "bytes that are no transaction": "failed to decode transaction",
    "no bytes": "transaction",
    "no hex": "hex",
    "no such method": "method",
    "too few parameters": "param",
    "a short address": "length|bytes",
    "balance in the future": "block",
    "already known": "already (known|imported)",
    "underpriced": "replacement transaction underpriced",
    "known while waiting": "already (known|imported)",
    "time in the past": "lower than previous|lower than the previous",
    "mined in the past": "lower than previous|lower than the previous",
    "time moved by nonsense": "",
    "time moved backwards": "",
    "logs of no block": "unknown block",
}
# Each chain's own taste: both answer with a quantity.
TASTE = {"gas price", "priority fee"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, Answers]:
    """The same life on both chains: DevChain's answers and anvil's."""
    directory = tmp_path_factory.mktemp("chains")
    return asyncio.run(_live("py-evm", directory)), asyncio.run(_live("anvil", directory))


async def _live(kind: ChainKind, directory: Path) -> Answers:
    chain = make_chain(kind, chain_id=CHAIN_ID, state_dir=directory, genesis_accounts=GENESIS_ACCOUNTS)
    await chain.start()
    rpc = RawRpc(chain.rpc_url)
    try:
        scenario = Scenario(rpc)
        await scenario.live()
    finally:
        await rpc.close()
        await chain.stop()
    return scenario.answers


def test_the_answers_are_the_same(answers: tuple[Answers, Answers]) -> None:
    ours, anvils = answers
    assert ours.keys() == anvils.keys()
    differences = {
        name: difference
        for name, answer in ours.items()
        if (difference := _difference(name, answer, anvils[name]))
    }
    assert differences == {}


def test_both_refuse_the_same_with_the_same_words(answers: tuple[Answers, Answers]) -> None:
    for answers_of_one in answers:
        for name, words in ERROR_WORDS.items():
            message = answers_of_one[name]["error"]["message"]
            assert re.search(words, message, re.IGNORECASE), f"{name}: {message}"


def test_reverts_carry_the_reason(answers: tuple[Answers, Answers]) -> None:
    reason = "EmethCore: job is not requested"
    expected = {"code": 3, "message": f"execution reverted: {reason}", "data": revert_data(reason)}
    for answers_of_one in answers:
        assert answers_of_one["call refused"]["error"] == expected
        assert answers_of_one["estimate refused"]["error"] == expected


def test_estimates_are_close(answers: tuple[Answers, Answers]) -> None:
    ours, anvils = (int(each["estimate of a call"]["result"], 16) for each in answers)
    assert abs(ours - anvils) <= anvils * 0.02


def _difference(name: str, ours: Any, anvils: Any) -> Any:
    """Return the difference between two answers as text; "" if there is none."""
    if name in ERROR_WORDS:
        codes = [answer.get("error", {}).get("code") for answer in (ours, anvils)]
        return "" if codes[0] == codes[1] else f"codes {codes}"
    ours, anvils = _comparable(ours), _comparable(anvils)
    if name == "waiting transaction":
        # What it will pay is not known yet: anvil guesses, others name the most.
        assert all(answer["result"].pop("gasPrice") for answer in (ours, anvils))
    if name in TASTE or name == "estimate of a call":
        ours, anvils = _shape(ours["result"]), _shape(anvils["result"])
    return "" if ours == anvils else f"ours {ours}, anvil {anvils}"


def _comparable(value: Any, key: str = "") -> Any:
    """Leave out what may differ."""
    if key in SHAPE_ONLY:
        return _shape(value)
    if key == "error":
        return {**value, "message": ""}
    if isinstance(value, dict):
        return {k: _comparable(v, k) for k, v in sorted(value.items()) if k not in ANVIL_ONLY}
    if isinstance(value, list):
        return [_comparable(item, key) for item in value]
    return value.lower() if isinstance(value, str) else value


def _shape(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith("0x"):
        return value
    return "hash" if len(value) == 66 else "quantity"
