"""What a job costs and what nodes will make of it: their usual rules, applied before it is requested."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.engine.estimates.durations import Duration, Remaining, Task, by_formula
from emeth_tui.engine.market.rules import ClaimRules, judge
from emeth_tui.model import Language
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.requesting import NothingForNodes
from emeth_tui.protocol.contracts import Rates, estimated_gas
from emeth_tui.settings import ClaimSettings, Network
from emeth_tui.training.files.models import model_spec


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to have trained, as far as nodes judge it."""

    dataset_bytes: int
    language: Language
    epochs: int
    fee_wei: int
    deadline_unix_s: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What nodes will make of a wish: how long they take, what it brings them, and why they would refuse."""

    needed: Duration
    earned_wei: int
    gas: int
    earliest_deadline_unix_s: int  # that the slowest node with the usual settings takes
    refusal: Reason | None
    impossible: bool  # whether no setting of a node could change that


def terms_of(wish: Wish, network: Network, rates: Rates, now_unix_s: float) -> Terms:
    """Judge a wish as a node with the default settings judges an offer that it has not measured."""
    rules = ClaimRules.of(ClaimSettings(), network, rates)
    model = network.models[wish.language]
    task = Task(wish.dataset_bytes, wish.epochs, wish.language, model, model_spec(model).batch_size)
    needed = by_formula(task, Remaining.all_of(task))
    impossible = wish.fee_wei <= rates.verifier_fee_wei
    refusal: Reason | None = (
        NothingForNodes(wish.fee_wei, rates.verifier_fee_wei)
        if impossible
        else judge(
            fee_wei=wish.fee_wei,
            dataset_bytes=wish.dataset_bytes,
            deadline_unix_s=wish.deadline_unix_s,
            needed=needed,
            rules=rules,
            now_unix_s=now_unix_s,
            language=wish.language,
        )
    )
    return Terms(
        needed=needed,
        earned_wei=rates.earned_wei(wish.fee_wei),
        gas=estimated_gas(wish.dataset_bytes),
        earliest_deadline_unix_s=int(now_unix_s + needed.high_s + rules.safety_margin_s) + 1,
        refusal=refusal,
        impossible=impossible,
    )
