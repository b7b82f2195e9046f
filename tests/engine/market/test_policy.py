"""Which signed transactions a node sends again: that requests have an aim of their own drops nothing else."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from emeth_tui.clients.transactions.requests import Purpose
from emeth_tui.engine.market import policy
from emeth_tui.engine.market.policy import is_wanted
from emeth_tui.engine.requester.under_way import RequestsUnderWay
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.market import NodeStopping
from tests.factories import JOB_ID, make_job, make_transaction

REQUESTED = {"unknown": None, "begun": None, "final": 1.0}
OWN = {"approve", "request"}


def context(request: str, *, in_book: bool, under_way: bool) -> Any:
    """A node with a request of this id, or none, and a claim of it, or none."""
    stored = SimpleNamespace(requested_at_unix_s=REQUESTED[request]) if request != "unknown" else None
    table: Any = SimpleNamespace(get=lambda _job_id: stored)
    aim = RequestsUnderWay(table, {JOB_ID} if under_way else set())
    job = make_job() if in_book else None
    return SimpleNamespace(
        requester=SimpleNamespace(aim=aim), book=SimpleNamespace(known=lambda _job_id: job)
    )


@pytest.mark.parametrize("purpose", [purpose for purpose in get_args(Purpose) if purpose not in OWN])
@pytest.mark.parametrize("job_id", [JOB_ID, None])
def test_nothing_but_a_request_and_its_approval_is_dropped_for_requests(
    purpose: str, job_id: JobId | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "claim_refusal", lambda _context, _job: None)
    tx = make_transaction(purpose=purpose, job_id=job_id)

    for request, in_book, under_way in product(REQUESTED, (False, True), (False, True)):
        node = context(request, in_book=in_book, under_way=under_way)
        assert is_wanted(node, tx)
        assert node.requester.aim.wants(tx)  # on the way to another


@pytest.mark.parametrize("purpose", ["approve", "process"])
@pytest.mark.parametrize("refusal", [None, NodeStopping()])
def test_a_claim_and_its_approval_go_by_the_rules_of_claims(
    purpose: str, refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the account requested the very job that it claims."""
    monkeypatch.setattr(policy, "claim_refusal", lambda _context, _job: refusal)
    tx = make_transaction(purpose=purpose)

    for request, under_way in product(REQUESTED, (False, True)):
        assert is_wanted(context(request, in_book=True, under_way=under_way), tx) is (refusal is None)


@pytest.mark.parametrize("purpose", sorted(OWN))
def test_a_request_that_nobody_makes_now_is_not_sent(purpose: str) -> None:
    tx = make_transaction(purpose=purpose)

    assert not is_wanted(context("begun", in_book=False, under_way=False), tx)
    assert is_wanted(context("begun", in_book=False, under_way=True), tx)
    assert is_wanted(context("final", in_book=False, under_way=False), tx)
