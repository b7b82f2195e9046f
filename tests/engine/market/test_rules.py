"""Which jobs are taken: the rules one by one, the order, and what strangers may write into a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.market.rules import (
    ClaimRules,
    judge_listed,
    judge_on_chain,
)
from emeth_tui.model import JobId, Language, token_to_wei
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import market as why
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, ChainJob, JobStatus
from emeth_tui.protocol.info_api import ListedJob
from emeth_tui.settings import ClaimSettings, Network
from tests.factories import JOB_ID

NOW = 1_800_000_000
RULES = ClaimRules(
    min_fee_wei=token_to_wei(10),
    max_fee_wei=token_to_wei(30),
    min_dataset_bytes=4_096,
    max_dataset_bytes=1_000_000,
    safety_margin_s=3_600,
    verifier_fee_wei=token_to_wei(5),
)


def needs(_job: object) -> Duration:
    """The duration that every job here needs."""
    return Duration(50.0, 100.0, 200.0)


def listed(number: int = 0, **changes: Any) -> ListedJob:
    values: dict[str, Any] = {
        "id": f"0x{number:032x}",
        "owner": "0x00",
        "status": 0,
        "datasetPath": "text.txt",
        "datasetSize": 8_192,
        "fee": str(token_to_wei(20)),
        "deadline": NOW + 7_200,
    }
    return ListedJob.model_validate({**values, **changes})


def on_chain(**changes: Any) -> ChainJob:
    job = ChainJob(
        job_id=JOB_ID,
        owner="0x00",
        deadline_unix_s=NOW + 7_200,
        fee_wei=token_to_wei(20),
        status=JobStatus.REQUESTED,
        requested_at_unix_s=NOW,
        program_id=5,
        param='{"language": "en", "epoch": 30}',
        dataset="text.txt",
        result="",
        node="0x00",
        deposit_wei=0,
        gas=0,
        started_at_unix_s=0,
        submitted_at_unix_s=0,
        verified_at_unix_s=0,
    )
    return replace(job, **changes)


def test_the_best_paid_comes_first_and_the_unsuitable_block_nobody() -> None:
    jobs = [
        listed(1, fee=str(token_to_wei(12))),
        listed(2, fee=str(token_to_wei(31))),
        listed(3, fee=str(token_to_wei(30)), deadline=NOW + 60),
        listed(4, fee=str(token_to_wei(25))),
        listed(5, status=2),
    ]

    offers = judge_listed(jobs, RULES, NOW, needs)

    assert [offer.job.job_id for offer in offers] == [f"0x{number:032x}" for number in (2, 3, 4, 1)]
    assert [bool(offer.refusal) for offer in offers] == [True, True, False, False]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"fee": str(token_to_wei(10) - 1)}, why.FeeTooLow(token_to_wei(10) - 1, token_to_wei(10))),
        (
            {"fee": str(token_to_wei(30) + 10**16)},
            why.FeeTooHigh(token_to_wei(30) + 10**16, token_to_wei(30)),
        ),
        ({"datasetSize": 4_095}, why.DatasetTooSmall(4_095, 4_096)),
        ({"datasetSize": 1_000_001}, why.DatasetTooLarge(1_000_001, 1_000_000)),
        ({"deadline": NOW + 3_600}, why.MissesMargin(200, why.TimeMeasured(50, 200))),
        ({"deadline": 2**255}, why.InvalidDeadline()),
    ],
)
def test_what_lies_outside_a_rule_is_refused_with_the_reason(
    changes: dict[str, Any], refusal: Reason
) -> None:
    (offer,) = judge_listed([listed(**changes)], RULES, NOW, needs)

    assert offer.refusal == refusal


@pytest.mark.parametrize(
    "changes", [{"fee": str(token_to_wei(10))}, {"fee": str(token_to_wei(30))}, {"datasetSize": 4_096}]
)
def test_the_limits_themselves_are_taken(changes: dict[str, Any]) -> None:
    (offer,) = judge_listed([listed(**changes)], RULES, NOW, needs)

    assert offer.refusal is None


def test_the_longest_that_it_may_take_must_fit_before_the_margin() -> None:
    fits = listed(deadline=NOW + 3_600 + 201)
    too_late = listed(deadline=NOW + 3_600 + 200)

    assert judge_listed([fits], RULES, NOW, needs)[0].refusal is None
    assert judge_listed([too_late], RULES, NOW, needs)[0].refusal == why.MissesMargin(
        0, why.TimeMeasured(50, 200)
    )


def test_an_offer_tells_its_range_and_where_it_comes_from() -> None:
    def guess(_job: object) -> Duration:
        return Duration(20.0, 100.0, 4_000.0, measured=False)

    (offer,) = judge_listed([listed()], RULES, NOW, guess)

    assert offer.needed == Duration(20.0, 100.0, 4_000.0, measured=False)
    assert offer.refusal == why.MissesMargin(400, why.TimeByFormula(20, 4_000))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"status": JobStatus.PROCESSING}, why.StatusOnChain("processing")),
        ({"param": "not json"}, why.ParametersNotJson()),
        ({"param": "[" * 4_000}, why.ParametersNotJson()),
        ({"param": "[]"}, why.ParametersNotObject()),
        ({"param": '{"language": "fr", "epoch": 30}'}, why.UnknownLanguage()),
        ({"param": '{"language": "en", "epoch": true}'}, why.InvalidEpochs(1_000)),
        ({"param": '{"language": "en", "epoch": 100000}'}, why.InvalidEpochs(1_000)),
        ({"param": '{"language": "en", "epoch": "30"}'}, why.InvalidEpochs(1_000)),
        ({"param": "x" * 5_000}, why.ParametersTooLong(5_000)),
        ({"dataset": "../../etc/passwd"}, why.InvalidDatasetName()),
        ({"dataset": ".."}, why.InvalidDatasetName()),
        ({"dataset": "a\nb"}, why.InvalidDatasetName()),
        ({"dataset": ""}, why.InvalidDatasetName()),
        ({"dataset": "x" * 300}, why.InvalidDatasetName()),
        ({"fee_wei": token_to_wei(31)}, why.FeeTooHigh(token_to_wei(31), token_to_wei(30))),
    ],
)
def test_the_chains_word_counts_and_strangers_words_are_checked(
    changes: dict[str, Any], refusal: Reason
) -> None:
    assert judge_on_chain(on_chain(**changes), 8_192, RULES, NOW, needs) == refusal


def test_a_good_job_on_the_chain_is_taken() -> None:
    assert judge_on_chain(on_chain(), 8_192, RULES, NOW, needs) is None
    small = judge_on_chain(on_chain(), 100, RULES, NOW, needs)
    assert small == why.DatasetTooSmall(100, 4_096)


def test_the_operators_margin_beats_the_networks() -> None:
    network = Network(name="x", chain_id=1, models={}, safety_margin_s=60)

    assert ClaimRules.of(ClaimSettings(), network, ROUND_3_2_RATES).safety_margin_s == 60
    own = ClaimRules.of(ClaimSettings(safety_margin_s=0), network, ROUND_3_2_RATES)
    assert own.safety_margin_s == 0


def test_a_fee_that_does_not_pay_the_verifier_is_never_taken() -> None:
    rules = replace(RULES, min_fee_wei=0, verifier_fee_wei=token_to_wei(10))
    by_hand = rules.by_hand()
    below, equal, above = (on_chain(fee_wei=token_to_wei(10) + more) for more in (-1, 0, 1))

    def refusals(rules: ClaimRules) -> list[Reason | None]:
        return [judge_on_chain(job, 8_192, rules, NOW, needs) for job in (below, equal, above)]

    assert refusals(rules) == [
        why.FeeNotAboveVerifiers(below.fee_wei, token_to_wei(10)),
        why.FeeNotAboveVerifiers(equal.fee_wei, token_to_wei(10)),
        None,
    ]
    assert refusals(by_hand) == [why.FeeNotAboveVerifiers(below.fee_wei, token_to_wei(10)), None, None]


def test_other_languages_than_the_operators_are_not_taken() -> None:
    rules = replace(RULES, languages=("ja",))
    english, japanese = (f'{{"language": "{name}", "epoch": 30}}' for name in ("en", "ja"))

    offers = judge_listed([listed(param=english), listed(1, param=japanese), listed(2)], rules, NOW, needs)

    assert {offer.job.param: offer.refusal for offer in offers} == {
        english: why.LanguageNotTaken(Language.EN),
        japanese: None,
        None: None,  # the chain knows
    }
    assert judge_on_chain(on_chain(), 8_192, rules, NOW, needs) == why.LanguageNotTaken(Language.EN)
    assert judge_on_chain(on_chain(), 8_192, rules.by_hand(), NOW, needs) is None


def test_listed_ids_are_lower_cased_and_checked() -> None:
    assert listed(id="0x" + "AB" * 16).job_id == JobId("0x" + "ab" * 16)
    with pytest.raises(ValueError, match="is not a job id"):
        listed(id="../../x")


def test_a_listed_size_that_no_disk_holds_is_no_entry() -> None:
    with pytest.raises(ValueError, match="less than or equal"):
        listed(datasetSize=10**400)
