"""One key in two programs: nonces that this node did not sign."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.engine.money.key_watch import KeyWatch
from emeth_tui.errors import DiskFull
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.disk import DatabaseFull
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import KeyUsedElsewhere
from emeth_tui.store.database import Store
from emeth_tui.store.safety.backups import restore
from tests.engine.money.scripted import US, Books, ScriptedChain
from tests.factories import make_transaction


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with Store(tmp_path / "state") as store:
        yield Books(store, tmp_path / "jobs", ScriptedChain())


class Watch:
    """A key watch whose reports a test reads."""

    def __init__(self, books: Books) -> None:
        self._reports: list[Reason] = []
        self._watch = KeyWatch(books.context, self._reports.append)

    def look(self, next_nonce: int) -> Reason | None:
        """Look; return what was reported, if anything was."""
        self._watch.look(next_nonce)
        report = self._reports.pop() if self._reports else None
        assert self._reports == []
        return report


def test_what_an_account_did_before_its_first_start_here_is_its_own_affair(books: Books) -> None:
    watch = Watch(books)
    assert watch.look(40) is None
    assert watch.look(40) is None


def test_a_nonce_that_nobody_signed_here_is_reported_once(books: Books) -> None:
    watch = Watch(books)
    watch.look(40)
    assert watch.look(43) == KeyUsedElsewhere(US, 3)
    assert watch.look(43) is None
    assert watch.look(44) == KeyUsedElsewhere(US, 1)


def test_what_was_reported_stays_so_after_a_restart(books: Books) -> None:
    Watch(books).look(40)
    assert Watch(books).look(41) == KeyUsedElsewhere(US, 1)
    assert Watch(books).look(41) is None


def test_nonces_of_the_journal_are_ours(books: Books) -> None:
    watch = Watch(books)
    watch.look(5)
    books.store.journal.add(make_transaction(nonce=5))
    assert watch.look(6) is None
    assert watch.look(7) == KeyUsedElsewhere(US, 1)


def test_a_nonce_signed_far_ahead_hides_no_other_program(books: Books) -> None:
    watch = Watch(books)
    watch.look(5)
    for nonce in (5, 1_000_000):
        books.store.journal.add(make_transaction(nonce=nonce, tx_hash=f"0x{nonce}"))
    assert watch.look(8) == KeyUsedElsewhere(US, 2)


def test_a_chain_that_falls_back_accounts_for_no_nonce_twice(books: Books) -> None:
    watch = Watch(books)
    watch.look(40)
    watch.look(30)
    assert watch.look(40) is None
    assert watch.look(41) == KeyUsedElsewhere(US, 1)


def test_nonces_that_we_lost_count_once(books: Books) -> None:
    watch = Watch(books)
    watch.look(40)
    books.context.transactions.nonces_lost = 2  # type: ignore[misc]
    assert watch.look(40) == KeyUsedElsewhere(US, 2)
    assert watch.look(40) is None
    books.context.transactions.nonces_lost = 3  # type: ignore[misc]
    assert watch.look(41) == KeyUsedElsewhere(US, 2)


def test_what_could_not_be_acted_on_is_reported_again(books: Books) -> None:
    reports: list[Reason] = []

    def full(_reason: Reason) -> None:
        raise DiskFull(DatabaseFull(Foreign("full")))

    KeyWatch(books.context, reports.append).look(40)
    books.context.transactions.nonces_lost = 2  # type: ignore[misc]
    watch = KeyWatch(books.context, full)
    with pytest.raises(DiskFull):
        watch.look(41)
    watch._on_foreign = reports.append
    watch.look(41)
    watch.look(41)
    assert reports == [KeyUsedElsewhere(US, 3)]


def test_what_a_copy_that_was_gone_back_to_does_not_know_is_no_other_programs(tmp_path: Path) -> None:
    """It is what this node signed since."""
    with Store(tmp_path / "state") as store:
        watch = Watch(Books(store, tmp_path / "jobs", ScriptedChain()))
        watch.look(5)
        store.back_up()
        store.journal.add(make_transaction(nonce=5))
        assert watch.look(6) is None
    restore(tmp_path / "state")

    with Store(tmp_path / "state") as store:
        assert store.journal.next_nonce() == 0
        watch = Watch(Books(store, tmp_path / "jobs", ScriptedChain()))
        assert watch.look(6) is None
        assert watch.look(7) == KeyUsedElsewhere(US, 1)
