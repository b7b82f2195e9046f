"""Endpoints and contracts: each fault is found on a real chain, and named with its remedy."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.doctor.finding import Grade
from emeth_tui.doctor.rooms import contracts, rpc
from emeth_tui.doctor.rooms.contracts import findings_on
from emeth_tui.model import token_to_wei
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor.contracts import NothingEarned, PenaltyAboveDeposit, SlotGasCapped
from emeth_tui.notices.reasons.doctor.rpc import HeadOld, LogsAnswered
from emeth_tui.protocol.contracts import ROUND_3_2_RATES
from emeth_tui.settings import load_network, load_settings
from emeth_tui.words.sentences import english
from tests.clients.emeth_chain import EmethChain, refusal
from tests.doctor.patient import Patient, assert_found, grades, the
from tests.engine.harness import quiet_network

NOBODY = "0x" + "00" * 19 + "77"
SILENT = "http://127.0.0.1:9"


async def test_a_good_endpoint_has_a_finding_for_each_question(patient: Patient) -> None:
    results = await patient.seen_by(rpc.CHECKS)

    assert grades(results) == {Grade.OK, Grade.NOTE}
    the(results, "chain_served")
    the(results, "endpoint_answers")
    the(results, "batches_taken")
    assert the(results, "logs_answered").finding.grade is Grade.OK
    assert the(results, "only_one_endpoint").finding.grade is Grade.NOTE


async def test_an_endpoint_of_another_chain(chain: EmethChain, patient: Patient) -> None:
    chain.app.hooks["eth_chainId"] = lambda call: {"result": "0x1"}

    results = await patient.seen_by(rpc.CHECKS)

    assert_found(results, Grade.ERROR, "other_chain", "endpoint_of_chain")


async def test_a_head_that_stands_still(chain: EmethChain, patient: Patient) -> None:
    head = {"number": "0x10", "hash": "0x" + "1" * 64, "timestamp": hex(int(time.time()) - 7_200)}
    chain.app.hooks["eth_getBlockByNumber"] = lambda call: {"result": head}

    results = await patient.seen_by(rpc.CHECKS)

    assert_found(results, Grade.WARNING, "head_old", "use_other_endpoint")
    found = the(results, "head_old").finding.notice
    assert isinstance(found, HeadOld)
    assert found.age_s == pytest.approx(7_200, abs=60)


async def test_an_endpoint_without_batches(chain: EmethChain, patient: Patient) -> None:
    chain.app.refuses_batches = True

    results = await patient.seen_by(rpc.CHECKS)

    assert_found(results, Grade.WARNING, "batches_refused", "use_other_endpoint")
    the(results, "logs_answered")


async def test_an_endpoint_that_is_not_there_and_one_that_is(chain: EmethChain, patient: Patient) -> None:
    patient = patient.with_network(rpc_urls=[SILENT, *chain.network.rpc_urls])

    results = await patient.seen_by([*rpc.CHECKS, *contracts.CHECKS])

    assert_found(results, Grade.ERROR, "connection_failed", "check_endpoint")
    the(results, "chain_served")
    the(results, "contracts_there")


async def test_an_endpoint_that_makes_no_sense(chain: EmethChain, patient: Patient) -> None:
    chain.app.hooks["eth_getBlockByNumber"] = lambda call: {"result": "a block"}

    results = await patient.seen_by(rpc.CHECKS)

    assert_found(results, Grade.ERROR, "endpoint_senseless", "check_endpoint")


async def test_an_endpoint_that_lags(chain: EmethChain, patient: Patient) -> None:
    asked = 0

    def alternate(call: dict[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        number = hex(1_000 if asked % 2 else 10)
        return {"result": {"number": number, "hash": "0x" + "1" * 64, "timestamp": hex(int(time.time()))}}

    chain.app.hooks["eth_getBlockByNumber"] = alternate
    patient = patient.with_network(rpc_urls=[chain.network.rpc_urls[0], chain.network.rpc_urls[0] + "/"])

    results = await patient.seen_by(rpc.CHECKS)

    assert_found(results, Grade.WARNING, "endpoint_behind", "use_other_endpoint")


@pytest.mark.parametrize(("most", "grade"), [(500, Grade.OK), (31, Grade.WARNING), (0, Grade.ERROR)])
async def test_how_many_blocks_of_logs_come_at_once(
    chain: EmethChain, patient: Patient, most: int, grade: Grade
) -> None:
    def limited(call: dict[str, Any]) -> None:
        (wanted,) = call["params"]
        if int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) >= most:
            raise refusal(call, "range too large")

    head = {"number": "0x1000", "hash": "0x" + "1" * 64, "timestamp": hex(int(time.time()))}
    chain.app.hooks["eth_getBlockByNumber"] = lambda call: {"result": head}
    chain.app.hooks["eth_getLogs"] = limited

    results = await patient.seen_by(rpc.CHECKS)

    found = the(results, "logs_answered" if most else "logs_refused").finding
    assert found.grade is grade
    if isinstance(found.notice, LogsAnswered):
        assert found.notice.blocks <= most


async def test_contracts_that_are_there_and_charge_what_was_published(patient: Patient) -> None:
    results = await patient.seen_by(contracts.CHECKS)

    assert grades(results) <= {Grade.OK, Grade.NOTE}
    the(results, "rates_as_published")
    the(results, "job_arithmetic")


async def test_an_address_without_code(patient: Patient) -> None:
    results = await patient.with_network(core_address=NOBODY).seen_by(contracts.CHECKS[:1])

    assert_found(results, Grade.ERROR, "core_missing", "correct_addresses")


async def test_a_token_that_is_another(chain: EmethChain, patient: Patient) -> None:
    other = chain.network.core_address  # a contract, and not the token

    results = await patient.with_network(token_address=other).seen_by(contracts.CHECKS[:1])

    assert_found(results, Grade.ERROR, "other_token", "correct_addresses")


async def test_without_an_endpoint_the_contracts_are_not_checked(patient: Patient) -> None:
    results = await patient.with_network(rpc_urls=[SILENT]).seen_by(contracts.CHECKS)

    assert grades(results) == {Grade.NOTE}
    assert {result.finding.notice.kind for result in results} == {"not_checked"}


def test_penalties_above_the_deposit_can_never_be_settled() -> None:
    rates = replace(ROUND_3_2_RATES, timeout_penalty_rate=120_000)

    (found,) = [one for one in findings_on(rates, token_to_wei(30)) if one.grade is Grade.ERROR]

    assert found.notice == PenaltyAboveDeposit("timeout_penalty_rate", 120.0)
    assert found.remedy == remedies.DoNotStake()


def test_fees_that_the_verifiers_takes_whole() -> None:
    (found,) = findings_on(ROUND_3_2_RATES, token_to_wei(10))

    assert found.grade is Grade.ERROR
    assert found.notice == NothingEarned(token_to_wei(10), token_to_wei(10))
    assert found.remedy == remedies.RaiseMaxFee()


def test_what_a_job_comes_to_is_said_to_the_wei() -> None:
    (found,) = findings_on(ROUND_3_2_RATES, token_to_wei(20))

    assert english(found.notice) == (
        "a job for 20.00 EMT stakes 20.00 EMT and earns 10.00 EMT; declined it costs 5.00 EMT, "
        "timed out 5.00 EMT, rejected 15.00 EMT"
    )


def test_a_low_cap_on_gas_is_noted() -> None:
    rates = replace(ROUND_3_2_RATES, max_slot_gas_per_node=9_000)

    assert SlotGasCapped(9_000, 553) in [one.notice for one in findings_on(rates, token_to_wei(20))]


@pytest.mark.slow
async def test_rates_that_differ_from_those_published(deployed_network: Path, tmp_path: Path) -> None:
    async with quiet_network(deployed_network, tmp_path) as network:
        settings = load_settings(network.settings_file, environment={})
        patient = Patient(tmp_path, load_network(settings, environment={}))

        results = await patient.seen_by(contracts.CHECKS)

    differing = [one for one in results if one.finding.notice.kind == "rate_differs"]
    assert {one.finding.grade for one in differing} == {Grade.WARNING}
    assert {one.finding.remedy for one in differing} == {remedies.ReadRates()}
    assert {one.finding.notice.name for one in differing} == {"timeout_penalty_rate", "decline_penalty_rate"}
