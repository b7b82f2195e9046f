"""A state belongs to the account that has signed from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.engine.account import take_state
from emeth_tui.errors import SettingsError
from emeth_tui.model import JobState, TransactionState
from emeth_tui.notices.reasons.start import OtherAccount
from emeth_tui.store import key_values
from emeth_tui.store.database import Store
from tests.factories import make_job, make_transaction

ONE, OTHER = "0xone on 0xcore", "0xother on 0xcore"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as store:
        take_state(store, tmp_path, ONE)
        yield store


def test_a_state_that_nothing_was_signed_from_changes_hands(store: Store, tmp_path: Path) -> None:
    store.jobs.save(make_job(state=JobState.LOST), at_unix_s=1.0, state_changed=True)

    take_state(store, tmp_path, OTHER)

    assert store.key_values.get(key_values.ACCOUNT) == OTHER


@pytest.mark.parametrize("state", [TransactionState.SIGNED, TransactionState.MINED])
def test_the_nonces_of_one_account_are_not_another_ones(
    store: Store, tmp_path: Path, state: TransactionState
) -> None:
    store.journal.add(make_transaction(state=state))
    assert_refused(store, tmp_path)


def test_a_state_with_a_job_under_way_is_its_accounts(store: Store, tmp_path: Path) -> None:
    store.jobs.save(make_job(state=JobState.CLAIMING), at_unix_s=1.0, state_changed=True)
    assert_refused(store, tmp_path)


def assert_refused(store: Store, state_dir: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        take_state(store, state_dir, OTHER)
    assert refused.value.reason == OtherAccount(state_dir, ONE)
    take_state(store, state_dir, ONE)
