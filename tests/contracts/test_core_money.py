"""Where every wei goes: what each call moves, records and emits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from emeth_tui.protocol.contracts import ROUND_3_2_RATES, JobStatus, Rates
from tests.contracts.world import DAY_S, EMT, FEE_WEI, FUNDS_WEI, HOUR_S, Network

NetworkMaker = Callable[[Rates], Network]
VERIFIER_FEE_WEI = 10 * EMT  # protocol.md §2
PENALTY_WEI = FEE_WEI // 4  # 25 % of a deposit that is 100 % of the fee (protocol.md §2)


def test_request_escrows_the_fee(network: Network) -> None:
    job_id = network.new_job_id()
    deadline = network.now_unix_s + HOUR_S

    with network.moved_wei() as moved:
        receipt = network.send("requester", network.request_call(job_id))

    requester = network.address("requester")
    assert moved == {"requester": -FEE_WEI, "core": FEE_WEI}
    assert network.events(receipt) == [
        ("Request", {"owner": requester, "jobId": job_id, "fee": FEE_WEI, "deadline": deadline})
    ]
    job = network.core.functions.jobs(job_id).call()
    assert job == [True, job_id, requester, deadline, FEE_WEI, JobStatus.REQUESTED, network.now_unix_s]
    details = network.core.functions.jobDetails(job_id).call()
    assert details == [7, '{"language": "en", "epoch": 30}', "book.txt", ""]


def test_cancel_gives_the_fee_back(network: Network) -> None:
    job_id = network.requested()

    with network.moved_wei() as moved:
        receipt = network.send("requester", network.core.functions.cancel(job_id))

    assert moved == {"requester": FEE_WEI, "core": -FEE_WEI}
    assert network.events(receipt) == [("Cancel", {"jobId": job_id})]
    assert network.status(job_id) == JobStatus.CANCELED


def test_process_escrows_a_deposit_as_large_as_the_fee(network: Network) -> None:
    job_id = network.requested()

    with network.moved_wei() as moved:
        receipt = network.send("node", network.core.functions.process(job_id))

    node = network.address("node")
    assert moved == {"node": -FEE_WEI, "core": FEE_WEI}
    assert network.events(receipt) == [_status(job_id, node, JobStatus.PROCESSING)]
    assert network.status(job_id) == JobStatus.PROCESSING
    assert network.core.functions.jobAssigns(job_id).call() == [node, FEE_WEI, 0, network.now_unix_s, 0, 0]


def test_submit_moves_nothing_and_records_the_result(network: Network) -> None:
    job_id = network.processing()
    network.now_unix_s += 60

    with network.moved_wei() as moved:
        receipt = network.send("node", network.core.functions.submit(job_id, "result.pt"))

    assert moved == {}
    assert network.events(receipt) == [_status(job_id, network.address("node"), JobStatus.SUBMITTED)]
    assert network.core.functions.jobDetails(job_id).call()[3] == "result.pt"
    assert network.core.functions.jobAssigns(job_id).call()[4] == network.now_unix_s


def test_verify_pays_fee_and_deposit_to_the_node_and_its_fee_to_the_verifier(network: Network) -> None:
    job_id = network.submitted()
    network.now_unix_s += 60

    with network.moved_wei() as moved:
        receipt = network.send("verifier", network.core.functions.verify(job_id, 123))

    node, slot = network.address("node"), network.now_unix_s // DAY_S
    assert moved == {
        "node": FEE_WEI + FEE_WEI - VERIFIER_FEE_WEI,
        "verifier": VERIFIER_FEE_WEI,
        "core": -2 * FEE_WEI,
    }
    assert network.events(receipt) == [
        _status(job_id, node, JobStatus.VERIFIED),
        ("Reward", {"nodeAddress": node, "slot": slot, "gas": 123}),
    ]
    assign = network.core.functions.jobAssigns(job_id).call()
    assert assign[2] == 123
    assert assign[5] == network.now_unix_s


def test_decline_burns_a_quarter_of_the_deposit(network: Network) -> None:
    job_id = network.processing()

    with network.moved_wei() as moved:
        receipt = network.send("node", network.core.functions.decline(job_id))

    assert moved == {
        "requester": FEE_WEI,
        "node": FEE_WEI - PENALTY_WEI,
        "core": -2 * FEE_WEI,
        "supply": -PENALTY_WEI,
    }
    assert network.events(receipt) == _penalised(network, job_id, JobStatus.DECLINED, PENALTY_WEI)
    assert network.status(job_id) == JobStatus.DECLINED


def test_timeout_burns_a_quarter_of_the_deposit(network: Network) -> None:
    job_id = network.processing()
    network.now_unix_s += HOUR_S + 1

    with network.moved_wei() as moved:
        receipt = network.send("verifier", network.core.functions.timeout(job_id))

    assert moved == {
        "requester": FEE_WEI,
        "node": FEE_WEI - PENALTY_WEI,
        "core": -2 * FEE_WEI,
        "supply": -PENALTY_WEI,
    }
    assert network.events(receipt) == _penalised(network, job_id, JobStatus.TIMEOUT, PENALTY_WEI)
    assert network.status(job_id) == JobStatus.TIMEOUT


def test_reject_result_takes_the_verifier_fee_and_the_penalty_from_the_deposit(network: Network) -> None:
    job_id = network.submitted()

    with network.moved_wei() as moved:
        receipt = network.send("verifier", network.core.functions.rejectResult(job_id))

    assert moved == {
        "requester": FEE_WEI,
        "node": FEE_WEI - PENALTY_WEI - VERIFIER_FEE_WEI,
        "verifier": VERIFIER_FEE_WEI,
        "core": -2 * FEE_WEI,
        "supply": -PENALTY_WEI,
    }
    assert network.events(receipt) == _penalised(network, job_id, JobStatus.FAILED, PENALTY_WEI)
    assert network.core.functions.jobAssigns(job_id).call()[5] == network.now_unix_s


@pytest.mark.parametrize(
    ("fee_wei", "to_verifier_wei", "burnt_wei"),
    [
        # 25 % of 10 EMT and the verifier's 10 EMT are more than the deposit: the verifier comes first.
        (10 * EMT, 10 * EMT, 0),
        (12 * EMT, 10 * EMT, 2 * EMT),
        (40 * EMT // 3 + 2, 10 * EMT, 10 * EMT // 3),
    ],
)
def test_reject_result_stops_where_the_deposit_ends(
    network: Network, fee_wei: int, to_verifier_wei: int, burnt_wei: int
) -> None:
    job_id = network.submitted(fee_wei=fee_wei)

    with network.moved_wei() as moved:
        network.send("verifier", network.core.functions.rejectResult(job_id))

    to_node_wei = fee_wei - to_verifier_wei - burnt_wei
    expected = {
        "requester": fee_wei,
        "node": to_node_wei,
        "verifier": to_verifier_wei,
        "core": -2 * fee_wei,
        "supply": -burnt_wei,
    }
    assert moved == {who: wei for who, wei in expected.items() if wei}


def test_a_deposit_below_the_verifier_fee_goes_to_the_verifier_whole(network_with: NetworkMaker) -> None:
    network = network_with(replace(ROUND_3_2_RATES, deposit_rate=30_000))
    job_id = network.submitted()

    with network.moved_wei() as moved:
        network.send("verifier", network.core.functions.rejectResult(job_id))

    assert moved == {"requester": FEE_WEI, "verifier": 6 * EMT, "core": -FEE_WEI - 6 * EMT}


def test_a_fee_of_just_the_verifier_fee_leaves_the_node_its_deposit(network: Network) -> None:
    job_id = network.submitted(fee_wei=VERIFIER_FEE_WEI)

    with network.moved_wei() as moved:
        network.send("verifier", network.core.functions.verify(job_id, 1))

    assert moved == {
        "node": VERIFIER_FEE_WEI,
        "verifier": VERIFIER_FEE_WEI,
        "core": -2 * VERIFIER_FEE_WEI,
    }


@pytest.mark.slow
def test_rates_come_from_the_deployment(network_with: NetworkMaker) -> None:
    rates = replace(
        ROUND_3_2_RATES,
        deposit_rate=50_000,
        timeout_penalty_rate=40_000,
        decline_penalty_rate=10_000,
        failed_penalty_rate=100_000,
        verifier_fee_wei=1 * EMT,
        max_slot_gas_per_node=77,
    )
    network = network_with(rates)
    core = network.core.functions
    named = (
        core.DEPOSIT_RATE,
        core.TIMEOUT_PENALTY_RATE,
        core.DECLINE_PENALTY_RATE,
        core.FAILED_PENALTY_RATE,
        core.VERIFIER_FEE,
        core.MAX_SLOT_GAS_PER_NODE,
    )
    assert [rate().call() for rate in named] == [50_000, 40_000, 10_000, 100_000, EMT, 77]

    declined, late, failed = network.processing(), network.processing(), network.submitted()
    with network.moved_wei() as moved:
        network.send("node", core.decline(declined))
    assert moved == {"requester": FEE_WEI, "node": 9 * EMT, "core": -30 * EMT, "supply": -1 * EMT}

    with network.moved_wei() as moved:
        network.send("verifier", core.rejectResult(failed))
    assert moved == {"requester": FEE_WEI, "verifier": EMT, "core": -30 * EMT, "supply": -9 * EMT}

    network.now_unix_s += HOUR_S + 1
    with network.moved_wei() as moved:
        network.send("verifier", core.timeout(late))
    assert moved == {"requester": FEE_WEI, "node": 6 * EMT, "core": -30 * EMT, "supply": -4 * EMT}


def test_emt_sent_to_the_core_by_mistake_breaks_nothing(network: Network) -> None:
    job_id = network.submitted()
    network.send("rival", network.token.functions.transfer(network.core.address, 5 * EMT))

    with network.moved_wei() as moved:
        network.send("verifier", network.core.functions.verify(job_id, 1))

    assert moved["node"] == 2 * FEE_WEI - VERIFIER_FEE_WEI
    assert network.balances_wei()["core"] == 5 * EMT


def test_the_penalty_of_an_odd_deposit_is_rounded_down(network: Network) -> None:
    job_id = network.processing(fee_wei=10 * EMT + 3)

    with network.moved_wei() as moved:
        network.send("node", network.core.functions.decline(job_id))

    assert moved["supply"] == -(10 * EMT + 3) // 4 + 1  # floor of a quarter
    assert moved["node"] - moved["supply"] == 10 * EMT + 3


def test_nodes_and_requesters_may_be_the_same(network: Network) -> None:
    job_id = network.new_job_id()
    network.send("node", network.request_call(job_id))
    network.send("node", network.core.functions.process(job_id))
    network.send("node", network.core.functions.submit(job_id, "x"))
    network.send("verifier", network.core.functions.verify(job_id, 5))

    assert network.balances_wei()["node"] == FUNDS_WEI - VERIFIER_FEE_WEI


def _status(job_id: bytes, node: str, status: JobStatus) -> tuple[str, dict[str, object]]:
    return "Status", {"jobId": job_id, "nodeAddress": node, "status": status}


def _penalised(
    network: Network, job_id: bytes, status: JobStatus, slashed_wei: int
) -> list[tuple[str, dict[str, object]]]:
    node = network.address("node")
    penalty = ("Penalty", {"nodeAddress": node, "slashed": slashed_wei})
    return [_status(job_id, node, status), penalty]
