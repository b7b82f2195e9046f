"""Contracts: there is code at the addresses, they belong together, and what they charge can be lived with."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, error, note, ok, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.engine.money.terms import differences_from_published
from emeth_tui.errors import ContractMissing
from emeth_tui.model import token_to_wei
from emeth_tui.notices.reasons.doctor import contracts as found
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.protocol.contracts import RATE_BASE, Rates, estimated_gas

_LARGE_JOB_BYTES = 100_000_000


async def _code(subject: Subject) -> Sequence[Finding]:
    chain = await subject.chain()
    try:
        await chain.check_contracts()
    except ContractMissing as missing:
        return [error(missing.reason, remedies.CorrectAddresses())]
    return [ok(found.ContractsThere(chain.core_address, chain.token_address))]


async def _rates(subject: Subject) -> Sequence[Finding]:
    try:
        rates = await subject.rates()
    except ContractMissing as silent:
        return [error(silent.reason, remedies.CorrectAddresses())]
    differences = [warning(body, remedies.ReadRates()) for body in differences_from_published(rates)]
    return differences or [ok(found.RatesAsPublished())]


async def _arithmetic(subject: Subject) -> Sequence[Finding]:
    try:
        rates = await subject.rates()
    except ContractMissing as silent:
        return [error(silent.reason, remedies.CorrectAddresses())]
    return findings_on(rates, token_to_wei(subject.settings.claims.max_fee_emt))


def findings_on(rates: Rates, max_fee_wei: int) -> list[Finding]:
    """Judge what a contract's rates come to for jobs up to a fee."""
    return [*_impossible(rates), *_what_jobs_bring(rates, max_fee_wei), *_cap(rates)]


def _impossible(rates: Rates) -> list[Finding]:
    """Find penalties above the deposit that they are taken from: such a contract would revert for ever."""
    names = ("timeout_penalty_rate", "decline_penalty_rate", "failed_penalty_rate")
    too_high = [(name, rate) for name in names if (rate := getattr(rates, name)) > RATE_BASE]
    return [
        error(found.PenaltyAboveDeposit(name, 100 * rate / RATE_BASE), remedies.DoNotStake())
        for name, rate in too_high
    ]


def _what_jobs_bring(rates: Rates, max_fee_wei: int) -> list[Finding]:
    if max_fee_wei <= rates.verifier_fee_wei:
        nothing = found.NothingEarned(max_fee_wei, rates.verifier_fee_wei)
        return [error(nothing, remedies.RaiseMaxFee())]
    deposit_wei = rates.deposit_wei(max_fee_wei)
    decline_wei, timeout_wei = rates.giving_up_costs_wei(deposit_wei)
    arithmetic = found.JobArithmetic(
        fee_wei=max_fee_wei,
        deposit_wei=deposit_wei,
        earned_wei=rates.earned_wei(max_fee_wei),
        decline_wei=decline_wei,
        timeout_wei=timeout_wei,
        rejection_wei=rates.rejection_cost_wei(deposit_wei),
    )
    return [ok(arithmetic)]


def _cap(rates: Rates) -> list[Finding]:
    job_gas = estimated_gas(_LARGE_JOB_BYTES)
    if rates.max_slot_gas_per_node > 1_000 * job_gas:
        return []
    return [note(found.SlotGasCapped(rates.max_slot_gas_per_node, job_gas))]


CHECKS = (
    Check(Room.CONTRACTS, "code", _code, within_s=30.0),
    Check(Room.CONTRACTS, "rates", _rates, within_s=30.0),
    Check(Room.CONTRACTS, "arithmetic", _arithmetic, within_s=30.0),
)
