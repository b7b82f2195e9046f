"""What nodes will make of a wish, before anything is paid for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.engine.requester.terms import Wish, terms_of
from emeth_tui.model import Language, token_to_wei
from emeth_tui.notices.reasons import market as why
from emeth_tui.notices.reasons.network.requesting import NothingForNodes
from emeth_tui.protocol.contracts import ROUND_3_2_RATES
from emeth_tui.settings import Network

NOW = 1_900_000_000
NETWORK = Network(chain_id=1, models={Language.EN: "gpt2-medium", Language.JA: "rinna/japanese-gpt2-medium"})
WISH = Wish(1_000_000, Language.EN, 30, token_to_wei(20), NOW + 6 * 3_600)


def test_a_usual_wish_is_taken() -> None:
    terms = terms_of(WISH, NETWORK, ROUND_3_2_RATES, NOW)

    assert terms.refusal is None
    assert terms.earned_wei == token_to_wei(10)
    assert terms.gas == 5


@pytest.mark.parametrize(
    ("change", "kind", "impossible"),
    [
        ({"fee_wei": token_to_wei(10)}, NothingForNodes, True),
        ({"fee_wei": token_to_wei(31)}, why.FeeTooHigh, False),
        ({"dataset_bytes": 4_095}, why.DatasetTooSmall, False),
        ({"deadline_unix_s": NOW + 3_600}, why.MissesMargin, False),
        ({"epochs": 1_000, "dataset_bytes": 100_000_000}, why.MissesMargin, False),
    ],
)
def test_what_nodes_refuse_is_known_before(change: dict[str, int], kind: type, impossible: bool) -> None:
    terms = terms_of(replace(WISH, **change), NETWORK, ROUND_3_2_RATES, NOW)

    assert type(terms.refusal) is kind
    assert terms.impossible is impossible


def test_the_earliest_deadline_is_one_that_is_taken() -> None:
    earliest = terms_of(WISH, NETWORK, ROUND_3_2_RATES, NOW).earliest_deadline_unix_s

    at_it = terms_of(replace(WISH, deadline_unix_s=earliest), NETWORK, ROUND_3_2_RATES, NOW)
    before = terms_of(replace(WISH, deadline_unix_s=earliest - 1), NETWORK, ROUND_3_2_RATES, NOW)

    assert at_it.refusal is None
    assert before.refusal is not None
