"""Whose a state is: its jobs, and the nonces in its journal, are one account's."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.errors import SettingsError
from emeth_tui.model import JobState
from emeth_tui.notices.reasons.start import OtherAccount
from emeth_tui.store import key_values
from emeth_tui.store.database import Store


def take_state(store: Store, state_dir: Path, account: str) -> None:
    """Make a state the account's (`key_values.account_name`).

    Raise SettingsError where another account has jobs under way in it, or has ever signed from it: its nonces
    would be taken for this one's.
    """
    known = store.key_values.get(key_values.ACCOUNT)
    if known not in {None, account}:
        open_jobs = store.jobs.in_states(state for state in JobState if not state.is_final)
        if open_jobs or store.journal.next_nonce():
            raise SettingsError(OtherAccount(state_dir, str(known)))
    store.key_values.set(key_values.ACCOUNT, account)
