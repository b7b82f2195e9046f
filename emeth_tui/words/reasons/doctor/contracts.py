"""The sentences of notices/reasons/doctor/contracts.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import contracts

SENTENCES: Mapping[type[Notice], str] = {
    contracts.ContractsThere: "EmethCore is at {core}, and its token at {token}",
    contracts.RatesAsPublished: "the rates are those that were published",
    contracts.JobArithmetic: (
        "a job for {fee_wei} stakes {deposit_wei} and earns {earned_wei}; declined it costs "
        "{decline_wei}, timed out {timeout_wei}, rejected {rejection_wei}"
    ),
    contracts.NothingEarned: (
        "the verifier's fee is {verifier_fee_wei}, so no job up to {max_fee_wei} earns anything"
    ),
    contracts.PenaltyAboveDeposit: (
        "{name} is {actual_percent} of the deposit: such a job could never be settled"
    ),
    contracts.SlotGasCapped: "a node's gas is capped at {most} a day; a job of 100 MB brings {job_gas}",
    contracts.KeepsDeposits: "this contract was seen to keep the deposit of a verified job",
}
