"""Who may do what in which status, and with which words everything else is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from emeth_tui.protocol.contracts import JobStatus
from tests.contracts.world import EMT, FEE_WEI, HOUR_S, PEOPLE, Network

NOT_REQUESTED = "EmethCore: job is not requested"
NOT_PROCESSING = "EmethCore: job is not processing"
NOT_SUBMITTED = "EmethCore: job is not submitted"
NO_SUCH_JOB = "EmethCore: no such job"


@dataclass(frozen=True)
class Action:
    """A call on a job: the status that it needs, who may send it, and what it says otherwise."""

    needs: JobStatus
    callers: tuple[str, ...]
    others_refusal: str
    status_refusal: str


_REQUESTER = "EmethCore: caller is not the requester"
_NODE = "EmethCore: caller is not the assigned node"
_VERIFIER = "EmethCore: caller is not the verifier"
_POOR = "EmethToken: allowance too low"
ACTIONS = {
    "cancel": Action(JobStatus.REQUESTED, ("requester",), _REQUESTER, NOT_REQUESTED),
    "process": Action(JobStatus.REQUESTED, ("requester", "node", "rival"), _POOR, NOT_REQUESTED),
    "submit": Action(JobStatus.PROCESSING, ("node",), _NODE, NOT_PROCESSING),
    "decline": Action(JobStatus.PROCESSING, ("node",), _NODE, NOT_PROCESSING),
    "verify": Action(JobStatus.SUBMITTED, ("verifier",), _VERIFIER, NOT_SUBMITTED),
    "rejectResult": Action(JobStatus.SUBMITTED, ("verifier",), _VERIFIER, NOT_SUBMITTED),
    "timeout": Action(JobStatus.PROCESSING, ("verifier",), _VERIFIER, NOT_PROCESSING),
}
ARGUMENTS: dict[str, tuple[Any, ...]] = {"submit": ("result.pt",), "verify": (100,)}
REACHABLE = [status for status in JobStatus if status not in {JobStatus.ASSIGNED, JobStatus.REJECTED}]


@pytest.mark.parametrize("status", REACHABLE, ids=lambda status: status.name)
def test_each_call_is_open_in_its_status_only(network: Network, status: JobStatus) -> None:
    job_id = job_in(network, status)

    for name, action in ACTIONS.items():
        call = action_call(network, name, job_id)
        with network.undone():
            if name == "timeout":
                network.now_unix_s += HOUR_S + 1
            if status == action.needs:
                assert network.answer(action.callers[-1], call) is True
            else:
                assert network.refusal(action.callers[-1], call) == action.status_refusal


@pytest.mark.parametrize("name", ACTIONS)
def test_each_call_is_open_to_its_callers_only(network: Network, name: str) -> None:
    action = ACTIONS[name]
    job_id = job_in(network, action.needs)
    if name == "timeout":
        network.now_unix_s += HOUR_S + 1
    call = action_call(network, name, job_id)

    for person in PEOPLE:
        if person in action.callers:
            assert network.answer(person, call) is True
        else:
            assert network.refusal(person, call) == action.others_refusal


@pytest.mark.parametrize("name", ACTIONS)
def test_a_job_that_does_not_exist_is_refused(network: Network, name: str) -> None:
    caller = ACTIONS[name].callers[-1]
    assert network.refusal(caller, action_call(network, name, b"\xff" * 16)) == NO_SUCH_JOB


def test_a_refused_transaction_fails_and_moves_nothing(network: Network) -> None:
    job_id = network.processing()
    with network.moved_wei() as moved:
        receipt = network.attempt("rival", network.core.functions.process(job_id))

    assert receipt["status"] == 0
    assert receipt["logs"] == []
    assert moved == {}
    assert network.core.functions.jobAssigns(job_id).call()[0] == network.address("node")


def test_an_id_is_taken_once_and_for_all(network: Network) -> None:
    for status in (JobStatus.REQUESTED, JobStatus.CANCELED, JobStatus.VERIFIED):
        job_id = job_in(network, status)
        assert network.refusal("rival", network.request_call(job_id)) == "EmethCore: job exists"


def test_any_id_will_do(network: Network) -> None:
    network.send("requester", network.request_call(bytes(16)))
    assert network.core.functions.jobs(bytes(16)).call()[0] is True


def test_a_fee_below_the_verifier_fee_is_refused(network: Network) -> None:
    def request(fee_wei: int) -> Any:
        return network.request_call(network.new_job_id(), fee_wei=fee_wei)

    refusal = "EmethCore: fee is below the verifier fee"
    assert network.refusal("requester", request(10 * EMT - 1)) == refusal
    assert network.refusal("requester", request(0)) == refusal
    assert network.answer("requester", request(10 * EMT)) is True


def test_a_request_needs_allowance_and_balance(network: Network) -> None:
    call = network.request_call(network.new_job_id())
    assert network.refusal("stranger", call) == "EmethToken: allowance too low"
    network.send("stranger", network.token.functions.approve(network.core.address, FEE_WEI))
    assert network.refusal("stranger", call) == "EmethToken: balance too low"
    network.send("owner", network.token.functions.transfer(network.address("stranger"), FEE_WEI))
    network.send("stranger", call)


def test_a_deposit_needs_allowance_and_balance(network: Network) -> None:
    call = network.core.functions.process(network.requested())
    assert network.refusal("stranger", call) == "EmethToken: allowance too low"
    network.send("stranger", network.token.functions.approve(network.core.address, FEE_WEI))
    assert network.refusal("stranger", call) == "EmethToken: balance too low"
    network.send("owner", network.token.functions.transfer(network.address("stranger"), FEE_WEI))
    network.send("stranger", call)


def test_an_absurd_fee_is_refused(network: Network) -> None:
    call = network.request_call(network.new_job_id(), fee_wei=2**256 - 1)
    assert network.refusal("requester", call) == "EmethToken: balance too low"


def test_process_is_open_until_the_deadline(network: Network) -> None:
    call = network.core.functions.process(network.requested())
    network.now_unix_s += HOUR_S
    assert network.answer("node", call) is True
    network.now_unix_s += 1
    assert network.refusal("node", call) == "EmethCore: deadline has passed"


def test_timeout_waits_until_the_deadline_has_passed(network: Network) -> None:
    call = network.core.functions.timeout(network.processing())
    network.now_unix_s += HOUR_S
    assert network.refusal("verifier", call) == "EmethCore: deadline has not passed"
    network.now_unix_s += 1
    assert network.answer("verifier", call) is True


def test_a_late_result_counts_until_the_verifier_ends_the_job(network: Network) -> None:
    job_id = network.processing()
    network.now_unix_s += 2 * HOUR_S
    network.send("node", network.core.functions.submit(job_id, "late.pt"))
    assert network.refusal("verifier", network.core.functions.timeout(job_id)) == NOT_PROCESSING
    network.send("verifier", network.core.functions.verify(job_id, 1))


def test_a_result_is_delivered_once(network: Network) -> None:
    job_id = network.submitted()
    assert network.refusal("node", network.core.functions.submit(job_id, "again.pt")) == NOT_PROCESSING


def test_a_requested_job_may_have_passed_its_deadline_and_is_cancelled_then(network: Network) -> None:
    job_id = network.requested(deadline_unix_s=network.now_unix_s - 1)
    call = network.core.functions.process(job_id)
    assert network.refusal("node", call) == "EmethCore: deadline has passed"
    network.send("requester", network.core.functions.cancel(job_id))


def test_gas_beyond_all_reason_is_refused(network: Network) -> None:
    job_id = network.submitted()
    refusal = "EmethCore: gas out of range"
    assert network.refusal("verifier", network.core.functions.verify(job_id, 2**128)) == refusal
    assert network.answer("verifier", network.core.functions.verify(job_id, 2**128 - 1)) is True


def test_the_owner_alone_changes_the_verifier(network: Network) -> None:
    job_id = network.submitted()
    change = network.core.functions.setVerifier(network.address("rival"))
    for person in ("verifier", "node", "stranger"):
        assert network.refusal(person, change) == "EmethCore: caller is not the owner"
    nobody = network.core.functions.setVerifier("0x" + "00" * 20)
    assert network.refusal("owner", nobody) == "EmethCore: zero address"

    receipt = network.send("owner", change)

    assert network.events(receipt) == [("VerifierChanged", {"verifier": network.address("rival")})]
    verify = network.core.functions.verify(job_id, 1)
    assert network.refusal("verifier", verify) == "EmethCore: caller is not the verifier"
    with network.moved_wei() as moved:
        network.send("rival", verify)
    assert moved["rival"] == 10 * EMT


def test_a_rejection_pays_the_verifier_of_the_day(network: Network) -> None:
    job_id = network.submitted()
    network.send("owner", network.core.functions.setVerifier(network.address("rival")))
    with network.moved_wei() as moved:
        network.send("rival", network.core.functions.rejectResult(job_id))
    assert moved["rival"] == 10 * EMT


def test_the_lists_of_jobs_keep_their_order(network: Network) -> None:
    first, second = network.requested(), network.requested()
    for job_id in (second, first):
        network.send("node", network.core.functions.process(job_id))

    core = network.core.functions
    assert [core.jobIndexes(index).call() for index in range(2)] == [first, second]
    node = network.address("node")
    assert core.jobAssignedCount(node).call() == 2
    assert [core.jobAssignedHistory(node, index).call() for index in range(2)] == [second, first]
    assert core.jobAssignedCount(network.address("rival")).call() == 0


def test_unknown_jobs_read_as_nothing(network: Network) -> None:
    core = network.core.functions
    assert core.jobs(b"\xee" * 16).call() == [False, bytes(16), "0x" + "00" * 20, 0, 0, 0, 0]
    assert core.jobDetails(b"\xee" * 16).call() == [0, "", "", ""]
    assert core.jobAssigns(b"\xee" * 16).call() == ["0x" + "00" * 20, 0, 0, 0, 0, 0]


def test_long_and_odd_texts_are_kept_as_they_are(network: Network) -> None:
    job_id = network.new_job_id()
    dataset, param = "../../x\0" + "吾輩は猫である。" * 40, '{"language": "ja"' + " " * 900 + "}"
    deadline = network.now_unix_s + HOUR_S
    call = network.core.functions.request(job_id, 2**256 - 1, dataset, param, FEE_WEI, deadline)
    network.send("requester", call)
    details = network.core.functions.jobDetails(job_id).call()
    assert details == [2**256 - 1, param, dataset, ""]


def action_call(network: Network, name: str, job_id: bytes) -> Any:
    return getattr(network.core.functions, name)(job_id, *ARGUMENTS.get(name, ()))


def job_in(network: Network, status: JobStatus) -> bytes:
    """Bring a new job into this status."""
    core = network.core.functions
    if status == JobStatus.REQUESTED:
        return network.requested()
    if status == JobStatus.CANCELED:
        job_id = network.requested()
        network.send("requester", core.cancel(job_id))
        return job_id
    if status in {JobStatus.PROCESSING, JobStatus.DECLINED, JobStatus.TIMEOUT}:
        job_id = network.processing()
        if status == JobStatus.DECLINED:
            network.send("node", core.decline(job_id))
        if status == JobStatus.TIMEOUT:
            network.now_unix_s += HOUR_S + 1
            network.send("verifier", core.timeout(job_id))
        return job_id
    job_id = network.submitted()
    if status == JobStatus.VERIFIED:
        network.send("verifier", core.verify(job_id, 1))
    if status == JobStatus.FAILED:
        network.send("verifier", core.rejectResult(job_id))
    return job_id
