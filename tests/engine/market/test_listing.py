"""The best of a long list: what is worth a closer look, whoever wrote the list."""

from __future__ import annotations

import random
from typing import Any

from emeth_tui.engine.market.listing import KEPT_OFFERS, Listing
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.protocol.info_api import ListEntry
from tests.engine.market.test_rules import NOW, RULES

FITTING_EMT = 20


def entry(number: int, fee_emt: int = FITTING_EMT, **changes: Any) -> ListEntry:
    values: dict[str, Any] = {
        "id": f"0x{number:032X}".replace("0X", "0x"),
        "owner": "0x" + "1" * 40,
        "status": 0,
        "dataset": "text.txt",
        "dataset_bytes": 10_000,
        "fee_wei": token_to_wei(fee_emt),
        "deadline_unix_s": NOW + 86_400,
    }
    return ListEntry(**{**values, **changes})


def best_of(*pieces: list[ListEntry], wanting: frozenset[JobId] = frozenset()) -> list[int]:
    listing = Listing(RULES, NOW, wanting)
    for piece in pieces:
        listing.take(piece)
    assert listing.total == sum(map(len, pieces))
    return [int(job.job_id, 16) for job in listing.best()]


def test_a_short_list_is_kept_whole_the_best_paid_first() -> None:
    assert best_of([entry(1, 12), entry(2, 31), entry(3, 25)], [entry(4, 28)]) == [2, 4, 3, 1]


def test_of_a_long_list_the_best_paid_that_fit_are_kept_wherever_they_stand() -> None:
    fees = {number: 11 + number % 19 for number in range(4 * KEPT_OFFERS)}
    entries = [entry(number, fee) for number, fee in fees.items()]
    dear = [entry(10_000 + number, 10**6) for number in range(2 * KEPT_OFFERS)]  # over the owner's limit
    late = [entry(20_000 + number, deadline_unix_s=NOW) for number in range(2 * KEPT_OFFERS)]
    everything = [*entries, *dear, *late]
    random.Random(1).shuffle(everything)

    kept = best_of(*(everything[start : start + 77] for start in range(0, len(everything), 77)))

    by_fee = sorted(fees, key=lambda number: (-fees[number], number))
    assert kept == by_fee[:KEPT_OFFERS]


def test_jobs_found_wanting_make_room_for_those_never_seen() -> None:
    invented = [entry(1_000 + number, 29) for number in range(2 * KEPT_OFFERS)]
    good = entry(1, 15)
    wanting = frozenset(job.job_id for job in invented)

    assert 1 not in best_of([*invented, good])
    assert 1 in best_of([*invented, good], wanting=wanting)


def test_a_job_listed_twice_is_taken_as_it_was_listed_first() -> None:
    listing = Listing(RULES, NOW, frozenset())
    listing.take([entry(1, 20), entry(1, 25)])
    listing.take([entry(1, 28)])
    (job,) = listing.best()
    assert job.fee_wei == token_to_wei(20)
