"""EmethCore with a token that lies, fails or calls back: escrow is exact or nothing happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pytest

from emeth_tui.protocol.contracts import JobStatus
from tests.contracts.world import DAY_S, EMT, HOUR_S, Network

CALL_FAILED = "EmethCore: token call failed"
WRONG_AMOUNT = "EmethCore: token moved a wrong amount"


class Mode(IntEnum):
    """How the token behaves, as contracts/test/HostileTokens.sol numbers it."""

    HONEST = 0
    SAYS_NOTHING = 1
    SAYS_FALSE = 2
    LIES_TRUE = 3
    TAKES_CUT = 4
    REVERTS_BARE = 5
    SAYS_TWO = 6
    REENTERS = 7


REFUSALS = {
    Mode.SAYS_FALSE: CALL_FAILED,
    Mode.LIES_TRUE: WRONG_AMOUNT,
    Mode.TAKES_CUT: WRONG_AMOUNT,
    Mode.REVERTS_BARE: CALL_FAILED,
    Mode.SAYS_TWO: CALL_FAILED,
}


@dataclass(frozen=True)
class Stage:
    """A network ready for every call that makes EmethCore move EMT: name -> sender and call."""

    network: Network
    moving: dict[str, tuple[str, Any]]
    submitted_job: bytes


@pytest.fixture(scope="module")
def _stage() -> Iterator[Stage]:
    network = Network(hostile=True)
    yield Stage(network, moving_calls(network), network.submitted())
    network.chain.close()


@pytest.fixture
def stage(_stage: Stage) -> Iterator[Stage]:
    """The stage; what a test does to it is taken back."""
    with _stage.network.undone():
        yield _stage


def moving_calls(network: Network) -> dict[str, tuple[str, Any]]:
    core = network.core.functions
    network.verified(10)
    slot = network.now_unix_s // DAY_S
    network.now_unix_s += DAY_S
    late = network.processing()
    network.now_unix_s += HOUR_S + 1
    return {
        "request": ("requester", network.request_call(network.new_job_id())),
        "cancel": ("requester", core.cancel(network.requested())),
        "process": ("node", core.process(network.requested())),
        "decline": ("node", core.decline(network.processing())),
        "verify": ("verifier", core.verify(network.submitted(), 1)),
        "rejectResult": ("verifier", core.rejectResult(network.submitted())),
        "timeout": ("verifier", core.timeout(late)),
        "withdrawSlotReward": ("node", core.withdrawSlotReward(slot)),
    }


def set_mode(network: Network, mode: Mode) -> None:
    network.send("owner", network.token.functions.setMode(mode))


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.HONEST, Mode.SAYS_NOTHING], ids=lambda mode: mode.name)
def test_tokens_that_answer_true_or_nothing_work(stage: Stage, mode: Mode) -> None:
    set_mode(stage.network, mode)
    for sender, call in stage.moving.values():
        stage.network.send(sender, call)


@pytest.mark.parametrize("mode", REFUSALS, ids=lambda mode: mode.name)
def test_what_does_not_arrive_in_escrow_is_refused(stage: Stage, mode: Mode) -> None:
    set_mode(stage.network, mode)
    for name in ("request", "process"):
        sender, call = stage.moving[name]
        assert stage.network.refusal(sender, call) == REFUSALS[mode]


@pytest.mark.parametrize(
    "mode", [mode for mode in REFUSALS if mode != Mode.TAKES_CUT], ids=lambda mode: mode.name
)
def test_what_does_not_leave_escrow_ends_no_job(stage: Stage, mode: Mode) -> None:
    ending = ("cancel", "decline", "verify", "rejectResult", "timeout")
    set_mode(stage.network, mode)
    for name in ending:
        sender, call = stage.moving[name]
        assert stage.network.refusal(sender, call) == REFUSALS[mode]
    # Whoever could not be paid is paid once the token behaves.
    set_mode(stage.network, Mode.HONEST)
    for name in ending:
        sender, call = stage.moving[name]
        assert stage.network.answer(sender, call) is True


@pytest.mark.parametrize(
    "mode", [Mode.SAYS_FALSE, Mode.REVERTS_BARE, Mode.SAYS_TWO], ids=lambda mode: mode.name
)
def test_a_reward_that_is_not_minted_is_not_lost(stage: Stage, mode: Mode) -> None:
    sender, call = stage.moving["withdrawSlotReward"]
    set_mode(stage.network, mode)
    assert stage.network.refusal(sender, call) == CALL_FAILED
    assert stage.network.attempt(sender, call)["status"] == 0
    set_mode(stage.network, Mode.HONEST)
    with stage.network.moved_wei() as moved:
        stage.network.send(sender, call)
    assert moved == {"node": 288_000 * EMT}


REENTRANT = ["request", "cancel", "process", "submit", "decline"]
REENTRANT += ["verify", "rejectResult", "timeout", "withdrawSlotReward"]


@pytest.mark.parametrize("inner", REENTRANT)
def test_no_call_comes_back_in_through_the_token(stage: Stage, inner: str) -> None:
    reenter_with(stage, inner_call(stage, inner))
    for sender, call in stage.moving.values():
        assert stage.network.refusal(sender, call) == "EmethCore: reentrant call"


def test_a_refund_that_cancels_again_takes_nothing(stage: Stage) -> None:
    """The classic theft."""
    network = stage.network
    job_id = network.requested()
    cancel = network.core.functions.cancel(job_id)
    reenter_with(stage, cancel)

    with network.moved_wei() as moved:
        assert network.attempt("requester", cancel)["status"] == 0

    assert moved == {}
    assert network.status(job_id) == JobStatus.REQUESTED


def test_reading_is_open_while_the_token_runs(stage: Stage) -> None:
    network = stage.network
    job_id = network.requested()
    reenter_with(stage, network.core.functions.jobs(job_id))
    network.send("requester", network.core.functions.cancel(job_id))
    assert network.status(job_id) == JobStatus.CANCELED


def reenter_with(stage: Stage, call: Any) -> None:
    core, payload = stage.network.core, call._encode_transaction_data()
    stage.network.send("owner", stage.network.token.functions.reenterWith(core.address, payload))


def inner_call(stage: Stage, name: str) -> Any:
    network = stage.network
    if name == "request":
        return network.request_call(network.new_job_id())
    arguments = {"submit": ("x",), "verify": (1,)}.get(name, ())
    subject = 0 if name == "withdrawSlotReward" else stage.submitted_job
    return getattr(network.core.functions, name)(subject, *arguments)
