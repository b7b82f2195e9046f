"""The wallet: what it opens and holds, and who else uses its key."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from emeth_tui.clients.wallet import Wallet, create_keystore, load_wallet
from emeth_tui.doctor.finding import Grade
from emeth_tui.doctor.rooms import wallet
from emeth_tui.model import TransactionState
from emeth_tui.notices.reasons.doctor.account import ForeignPending
from emeth_tui.notices.reasons.market import KeyUsedElsewhere
from emeth_tui.notices.reasons.wallet import NoKeystore
from emeth_tui.store import key_values
from emeth_tui.store.database import Store
from tests.clients.emeth_chain import NODE, EmethChain
from tests.doctor.patient import Patient, assert_found, the
from tests.factories import make_job, make_transaction

KEYSTORE, STATE, BALANCE, OFFERS, OTHER = ([check] for check in wallet.CHECKS)


def test_the_checks_are_those_that_the_tests_name() -> None:
    assert [check.name for check in wallet.CHECKS] == [
        "keystore",
        "state",
        "balance",
        "offers",
        "other_program",
    ]


async def test_a_wrong_password_is_named_and_not_shown(patient: Patient, tmp_path: Path) -> None:
    keystore = tmp_path / "keystore.json"
    create_keystore(keystore, "right", iterations=2)
    patient.open_wallet = lambda: load_wallet(keystore, "not the right one")
    patient.settings["wallet.keystore"] = keystore

    results = await patient.seen_by(wallet.CHECKS)

    assert_found(results, Grade.ERROR, "wrong_password", "correct_password")
    assert "not the right one" not in repr(results)
    the(results, "no_gas_token")  # of the address that the keystore names


async def test_a_keystore_that_is_not_there(patient: Patient, tmp_path: Path) -> None:
    patient.open_wallet = NoKeystore(tmp_path / "none.json")

    assert_found(await patient.seen_by(KEYSTORE), Grade.ERROR, "no_keystore", "make_wallet")


async def test_a_damaged_keystore(patient: Patient, tmp_path: Path) -> None:
    keystore = tmp_path / "keystore.json"
    keystore.write_text("{}", "utf-8")
    patient.open_wallet = lambda: load_wallet(keystore, "x")

    results = await patient.seen_by(KEYSTORE)

    assert results[0].finding.grade is Grade.ERROR
    assert results[0].finding.remedy is not None
    assert results[0].finding.remedy.kind == "restore_keystore"


async def test_without_a_password_the_balance_is_looked_at_all_the_same(
    patient: Patient, tmp_path: Path
) -> None:
    keystore = tmp_path / "keystore.json"
    create_keystore(keystore, "secret", bytes(NODE.key), iterations=2)
    patient.wallet = None
    patient.settings["wallet.keystore"] = keystore

    results = await patient.seen_by([*KEYSTORE, *BALANCE])

    assert the(results, "no_password").finding.grade is Grade.NOTE
    assert the(results, "balance_is").finding.grade is Grade.OK


async def test_an_account_without_native_tokens_and_without_emt(patient: Patient) -> None:
    patient.wallet = Wallet(bytes([77]) * 32)

    results = await patient.seen_by(BALANCE)

    assert_found(results, Grade.ERROR, "no_gas_token", "send_native")
    assert_found(results, Grade.ERROR, "no_emt", "send_emt")


async def test_less_native_tokens_than_the_operator_keeps(patient: Patient) -> None:
    patient.settings["limits.min_native_balance"] = 1_000_000

    results = await patient.seen_by(BALANCE)

    assert_found(results, Grade.WARNING, "under_native_limit", "send_native")


async def test_what_is_staked_is_not_missing(patient: Patient, tmp_path: Path) -> None:
    patient.wallet = Wallet(bytes([77]) * 32)
    with Store(patient.setup().settings.state_dir) as store:
        store.jobs.save(make_job(), at_unix_s=1.0, state_changed=True)

    results = await patient.seen_by(BALANCE)

    assert the(results, "under_way").finding.grade is Grade.OK
    assert all(result.finding.notice.kind != "no_emt" for result in results)


async def test_a_pending_transaction_that_this_node_did_not_send(chain: EmethChain, patient: Patient) -> None:
    chain.ask("evm_setAutomine", False)
    chain.send(NODE, chain.token("approve", chain.network.core_address, 1))
    chain.send(NODE, chain.token("approve", chain.network.core_address, 2))

    results = await patient.seen_by(OTHER)

    assert_found(results, Grade.WARNING, "foreign_pending", "stop_other")
    assert the(results, "foreign_pending").finding.notice == ForeignPending(NODE.address, 2)


async def test_what_another_program_had_mined_since_this_node_looked(
    chain: EmethChain, patient: Patient
) -> None:
    with Store(patient.setup().settings.state_dir) as store:
        store.key_values.set(key_values.NONCE_SEEN, "0")
    chain.succeed(NODE, chain.token("approve", chain.network.core_address, 1))

    results = await patient.seen_by(OTHER)

    assert_found(results, Grade.WARNING, "key_used_elsewhere", "stop_other")
    assert the(results, "key_used_elsewhere").finding.notice == KeyUsedElsewhere(NODE.address, 1)


async def test_a_key_that_is_used_here_alone(patient: Patient) -> None:
    assert the(await patient.seen_by(OTHER), "nonces_agree").finding.grade is Grade.OK


async def test_a_database_that_cannot_be_read(patient: Patient) -> None:
    state_dir = patient.setup().settings.state_dir
    state_dir.mkdir(parents=True)
    (state_dir / "node.sqlite3").write_bytes(b"no database" * 1_000)

    assert_found(await patient.seen_by(STATE), Grade.ERROR, "state_not_read", "restore_store")


async def test_a_database_of_an_older_version_is_only_noted(patient: Patient) -> None:
    state_dir = patient.setup().settings.state_dir
    with Store(state_dir) as store:
        path = store.path
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")

    assert the(await patient.seen_by(STATE), "database_older").finding.grade is Grade.NOTE


async def test_a_state_with_jobs_of_another_account(patient: Patient) -> None:
    with Store(patient.setup().settings.state_dir) as store:
        store.key_values.set(key_values.ACCOUNT, "0xsomebody on 0xelse")
        store.jobs.save(make_job(), at_unix_s=1.0, state_changed=True)

    assert_found(await patient.seen_by(STATE), Grade.ERROR, "other_account", "use_other_state")


async def test_a_state_that_another_account_has_signed_from(patient: Patient) -> None:
    with Store(patient.setup().settings.state_dir) as store:
        store.key_values.set(key_values.ACCOUNT, "0xsomebody on 0xelse")
        store.journal.add(make_transaction(state=TransactionState.MINED))

    assert_found(await patient.seen_by(STATE), Grade.ERROR, "other_account", "use_other_state")


async def test_a_state_of_another_account_that_did_nothing(patient: Patient) -> None:
    with Store(patient.setup().settings.state_dir) as store:
        store.key_values.set(key_values.ACCOUNT, "0xsomebody on 0xelse")

    assert the(await patient.seen_by(STATE), "state_fits").finding.grade is Grade.OK


async def test_reading_the_database_leaves_nothing_beside_it(patient: Patient) -> None:
    state_dir = patient.setup().settings.state_dir
    with Store(state_dir):
        pass
    before = sorted(path.name for path in state_dir.iterdir())

    await patient.seen_by([*STATE, *OTHER])

    assert sorted(path.name for path in state_dir.iterdir()) == before


async def test_beside_a_running_node_its_lock_is_left_alone(patient: Patient) -> None:
    state_dir = patient.setup().settings.state_dir
    with Store(state_dir) as store:
        store.key_values.set(key_values.NONCE_SEEN, "7")

        results = await patient.seen_by([*STATE, *OTHER])

        the(results, "nonces_agree")
        store.key_values.set(key_values.NONCE_SEEN, "8")
