"""The store keeps what it was given, across restarts and kills, and lets one node in at a time."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emeth_tui import __version__
from emeth_tui.errors import AlreadyRunning, DiskFull, EmethError, ExitCode, StoreError, StoreNewer
from emeth_tui.model import JobId, JobState, Severity, TransactionState
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import EpochDone, StepsSkipped
from emeth_tui.notices.notice import UnknownEvent
from emeth_tui.notices.reasons.disk import CacheFull
from emeth_tui.notices.reasons.market import ResultsRejected
from emeth_tui.store import database, events
from emeth_tui.store.database import MIGRATIONS, Store
from emeth_tui.store.jobs import EpochRecord
from emeth_tui.store.key_values import CLAIMS_PAUSED
from emeth_tui.store.lock import lock_holder
from emeth_tui.store.measurements import KEPT_MEASUREMENTS, Gauge, Measurement, Quantity
from emeth_tui.store.reading import read_store
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job, make_transaction


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def test_a_job_comes_back_as_it_was_saved_after_a_restart(tmp_path: Path) -> None:
    job = make_job(fee_wei=2**255 + 1, paused=True, valid_loss=2.5, error=CacheFull(1, 2**70, 3))
    with Store(tmp_path) as store:
        store.jobs.save(job, at_unix_s=1.0, state_changed=True)

    with Store(tmp_path) as store:
        assert store.jobs.get(JOB_ID) == job
        assert store.jobs.get(OTHER_JOB_ID) is None


def test_each_state_of_a_job_is_kept_with_its_time(store: Store) -> None:
    store.jobs.save(make_job(), at_unix_s=1.0, state_changed=True)
    store.jobs.save(make_job(epochs_done=3), at_unix_s=2.0, state_changed=False)
    store.jobs.save(make_job(state=JobState.CLAIMED), at_unix_s=3.0, state_changed=True)

    assert store.jobs.states(JOB_ID) == [(JobState.CLAIMING, 1.0), (JobState.CLAIMED, 3.0)]


def test_jobs_are_found_by_state_and_by_when_they_ended(store: Store) -> None:
    training = make_job(state=JobState.TRAINING)
    verified = make_job(job_id=OTHER_JOB_ID, state=JobState.VERIFIED, ended_at_unix_s=500.0)
    for job in (training, verified):
        store.jobs.save(job, at_unix_s=1.0, state_changed=True)

    assert store.jobs.in_states([JobState.TRAINING, JobState.CLAIMED]) == [training]
    assert store.jobs.ended_since(500.0) == [verified]
    assert store.jobs.ended_since(500.5) == []


def test_an_epoch_trained_again_replaces_what_was_known_of_it(store: Store) -> None:
    store.jobs.save(make_job(), at_unix_s=1.0, state_changed=True)
    first, again = EpochRecord(1, 3.0, 3.1, 9.0, "aa"), EpochRecord(1, 2.9, 3.0, 8.0, "aa")

    store.jobs.add_epoch(JOB_ID, first)
    store.jobs.add_epoch(JOB_ID, again)

    assert store.jobs.epochs(JOB_ID) == [again]


def test_the_journal_gives_back_the_very_bytes_in_nonce_order(tmp_path: Path) -> None:
    later = make_transaction(tx_hash="0x02", nonce=9, raw=b"\x00later\xff")
    earlier = make_transaction(tx_hash="0x01", nonce=8, fee_wei=2**200)
    with Store(tmp_path) as store:
        store.journal.add(later)
        store.journal.add(earlier)
        store.journal.add(earlier)

    with Store(tmp_path) as store:
        assert store.journal.unsettled() == [earlier, later]


def test_a_settled_transaction_is_not_sent_again(store: Store) -> None:
    store.journal.add(make_transaction())

    settled = make_transaction(state=TransactionState.MINED, gas_used=21_000, fee_wei=10**19, block_number=77)
    store.journal.settle(settled)

    assert store.journal.unsettled() == []
    assert store.journal.of_job(JOB_ID) == [settled]


def test_what_was_journalled_survives_a_kill_in_the_next_instant(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from emeth_tui.store.database import Store\n"
        "from tests.factories import make_transaction\n"
        "store = Store(Path(sys.argv[1]))\n"
        "store.journal.add(make_transaction())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)

    assert killed.returncode == -signal.SIGKILL
    with Store(tmp_path) as store:
        assert store.journal.unsettled() == [make_transaction()]


def test_events_come_back_in_order_and_old_ones_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEPT_EVENTS", 20)
    monkeypatch.setattr(events, "_PRUNE_EVERY", 10)
    for number in range(40):
        store.events.add(Event(float(number), Severity.INFO, StepsSkipped(number), JOB_ID))

    kept = store.events.recent(100)

    assert [event.body for event in kept] == [StepsSkipped(number) for number in range(20, 40)]


def test_old_epochs_go_before_anything_else(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEPT_EPOCHS", 10)
    monkeypatch.setattr(events, "_PRUNE_EVERY", 10)
    epoch = EpochDone(1, 30, 3.0, 2.9, 1.0)
    for number in range(40):
        store.events.add(Event(float(number), Severity.INFO, epoch if number % 4 else StepsSkipped(number)))

    kept = [(event.at_unix_s, event.kind) for event in store.events.recent(100)]

    assert [at for at, kind in kept if kind == StepsSkipped.kind] == [float(n) for n in range(0, 40, 4)]
    assert [at for at, kind in kept if kind == EpochDone.kind] == [float(n) for n in range(30, 40) if n % 4]


def test_lately_is_what_lies_after_a_time_up_to_a_number(store: Store) -> None:
    for number in range(10):
        store.events.add(Event(float(number), Severity.INFO, StepsSkipped(number)))

    assert [event.at_unix_s for event in store.events.lately(8, since_unix_s=5.0)] == [5.0, 6.0, 7.0]


def test_events_are_found_by_job_severity_and_time_newest_first(store: Store) -> None:
    for number, severity in enumerate(Severity):
        for job_id in (JOB_ID, OTHER_JOB_ID, None):
            store.events.add(Event(float(number), severity, StepsSkipped(number), job_id))

    def found(**wanted: Any) -> list[tuple[float, str, str | None]]:
        return [(one.at_unix_s, one.severity.value, one.job_id) for one in store.events.newest(**wanted)]

    assert len(found()) == 12
    assert found(job_id=JOB_ID, severities=[Severity.WARNING, Severity.ERROR]) == [
        (3.0, "error", JOB_ID),
        (2.0, "warning", JOB_ID),
    ]
    assert found(job_id=OTHER_JOB_ID, since_unix_s=3.0) == [(3.0, "error", OTHER_JOB_ID)]
    assert [event.at_unix_s for event in store.events.of_job(JOB_ID, 2)] == [2.0, 3.0]


def test_a_history_is_read_in_pieces_that_fit_together(store: Store) -> None:
    for number in range(7):
        taken_at = float(number // 3)  # several at a time
        job = make_job(job_id=JobId(f"0x{number:032x}"), created_at_unix_s=taken_at)
        store.jobs.save(job, at_unix_s=1.0, state_changed=False)
    pieces = [store.jobs.older(None, 3)]
    while pieces[-1]:
        pieces.append(store.jobs.older(pieces[-1][-1].job_id, 3))
    assert [len(piece) for piece in pieces] == [3, 3, 1, 0]
    assert [job for piece in pieces for job in piece] == store.jobs.all()[::-1]


def test_a_second_node_on_the_same_state_is_turned_away(store: Store, tmp_path: Path) -> None:
    with pytest.raises(AlreadyRunning, match=rf"here \(process {os.getpid()}\); at a terminal, `emeth-tui`"):
        Store(tmp_path)


def test_the_lock_tells_who_the_node_is_without_being_in_its_way(tmp_path: Path) -> None:
    assert lock_holder(tmp_path) is None
    with Store(tmp_path):
        assert lock_holder(tmp_path) == os.getpid()
    assert lock_holder(tmp_path) is None
    Store(tmp_path).close()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every connection that is opened from here on."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def kept(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", kept)
    return opened


@pytest.mark.parametrize("script", ["PRAGMA user_version = 1000", "CREATE TABLE jobs (job_id TEXT)"])
def test_a_file_that_cannot_be_used_is_closed_again(
    tmp_path: Path, connections: list[sqlite3.Connection], script: str
) -> None:
    with sqlite3.connect(tmp_path / "node.sqlite3") as other:
        other.execute(script)
    other.close()
    connections.clear()

    with pytest.raises(StoreError):
        Store(tmp_path)

    (connection,) = connections
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        sqlite3.Connection.execute(connection, "SELECT 1")


def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "node.sqlite3").write_bytes(b"not a database, but long enough to be read as one" * 100)

    with pytest.raises(StoreError, match=r"move .* away to start afresh"):
        Store(tmp_path)
    # The failed opening let the lock go.
    (tmp_path / "node.sqlite3").unlink()
    Store(tmp_path).close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "node.sqlite3")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()

    with pytest.raises(StoreNewer, match=rf"newer emeth-tui \({re.escape(__version__)}, .*there is no copy"):
        Store(tmp_path)


def test_a_newer_database_may_have_any_tables(tmp_path: Path) -> None:
    Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "node.sqlite3")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.execute("DROP TABLE key_values")
    connection.close()

    with pytest.raises(StoreNewer, match=rf"\(> {re.escape(__version__)}, "):
        Store(tmp_path)


def test_key_values_are_overwritten(store: Store) -> None:
    store.key_values.set("last_block", "5")
    store.key_values.set("last_block", "6")

    assert store.key_values.get("last_block") == "6"
    assert store.key_values.get("never set") is None


def test_the_file_is_for_its_owner_alone(store: Store) -> None:
    assert store.path.stat().st_mode & 0o077 == 0


def test_a_number_that_the_store_cannot_hold_leaves_nothing_open(store: Store) -> None:
    with pytest.raises(StoreError):
        store.jobs.save(make_job(deadline_unix_s=2**255), at_unix_s=1.0, state_changed=True)

    assert store.jobs.get(JOB_ID) is None
    store.jobs.save(make_job(), at_unix_s=1.0, state_changed=True)


def test_a_full_disk_is_told_as_such_and_nothing_is_half_written(store: Store, tmp_path: Path) -> None:
    store.jobs.save(make_job(), at_unix_s=1.0, state_changed=True)
    pages = store.jobs._connection.execute("PRAGMA page_count").fetchone()[0]
    store.jobs._connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(DiskFull, match="free some space"):
        store.jobs.save(make_job(dataset="x" * 1_000_000), at_unix_s=2.0, state_changed=True)

    store.jobs._connection.execute("PRAGMA max_page_count = 1000000")
    assert store.jobs.get(JOB_ID) == make_job()
    store.jobs.save(make_job(state=JobState.CLAIMED), at_unix_s=3.0, state_changed=True)
    assert store.jobs.states(JOB_ID) == [(JobState.CLAIMING, 1.0), (JobState.CLAIMED, 3.0)]


PAGE_BYTES = 4_096
DISK_PAGES = (1 << 20) // PAGE_BYTES  # of the fixture `small_disk`


@pytest.mark.parametrize("left_pages", [0, 1])
@pytest.mark.parametrize("block", [None, "5"], ids=["first-start", "later-start"])
def test_a_start_on_a_full_disk_says_so_and_one_with_room_goes_on(
    small_disk: Path, left_pages: int, block: str | None
) -> None:
    state, filler = small_disk / "state", small_disk / "filler"
    if block is not None:
        with Store(state) as store:
            store.key_values.set("last_block", block)
    fill(filler, left_pages)

    with pytest.raises(EmethError) as caught:
        Store(state)

    assert caught.value.exit_code == full_disk_code(caught.value)
    filler.unlink()
    with Store(state) as store:
        assert store.key_values.get("last_block") == block


def fill(filler: Path, left_pages: int) -> None:
    """Leave some pages of a disk."""
    with filler.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            for _page in range(DISK_PAGES + 1):
                file.write(bytes(PAGE_BYTES))
        file.truncate(file.tell() - left_pages * PAGE_BYTES)


def full_disk_code(error: EmethError) -> ExitCode:
    """Without room for its log's index SQLite has an I/O error; Python 3.10 does not say which."""
    return ExitCode.STORE if sys.version_info < (3, 11) and "I/O" in str(error) else ExitCode.DISK


def test_a_lock_that_a_full_disk_does_not_hold_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", no_room)
        with pytest.raises(DiskFull, match="free some space"):
            Store(tmp_path)

    assert lock_holder(tmp_path) is None
    Store(tmp_path).close()


def no_room(*_arguments: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_at_an_upgrade_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = "PRAGMA max_page_count = 1; CREATE TABLE large (x); INSERT INTO large VALUES (zeroblob(1000000));"
    with Store(tmp_path) as store:
        store.key_values.set("last_block", "5")

    with monkeypatch.context() as upgraded:
        upgraded.setattr(database, "MIGRATIONS", (*MIGRATIONS, large))
        with pytest.raises(DiskFull, match="free some space"):
            Store(tmp_path)

    with Store(tmp_path) as store:
        assert store.key_values.get("last_block") == "5"


def test_a_database_that_another_program_holds_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "node.sqlite3", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, timeout=0))

        for opened in (Store, read_store):
            with pytest.raises(StoreError, match="database is locked") as caught, opened(tmp_path):
                pass
            assert caught.value.exit_code == ExitCode.STORE

    Store(tmp_path).close()


def test_events_of_another_version_are_read_without_their_words(store: Store) -> None:
    store.jobs._connection.execute(
        "INSERT INTO events (at_unix_s, severity, kind, job_id, fields) VALUES (?, ?, ?, ?, ?)",
        (1.0, "info", "from_the_future", None, '{"speed": 3}'),
    )

    (event,) = store.events.recent(10)

    assert event.body == UnknownEvent("from_the_future", '{"speed": 3}')


def test_why_claiming_is_paused_comes_back_as_it_was(store: Store) -> None:
    assert store.key_values.get_reason(CLAIMS_PAUSED) is None
    store.key_values.set_reason(CLAIMS_PAUSED, ResultsRejected(2))
    assert store.key_values.get_reason(CLAIMS_PAUSED) == ResultsRejected(2)
    store.key_values.set_reason(CLAIMS_PAUSED, None)
    assert store.key_values.get_reason(CLAIMS_PAUSED) is None


def test_measurements_come_back_in_order_the_newest_of_each_gauge(tmp_path: Path) -> None:
    often, rare = (Gauge(Quantity.TRAINING, "gpu", "gpt2-medium", batch=batch) for batch in (16, 3))
    with Store(tmp_path) as store:
        store.measurements.add([Measurement(rare, 1.0, 3.0)], at_unix_s=1.0)
        for number in range(KEPT_MEASUREMENTS + 5):
            store.measurements.add([Measurement(often, number, 2.0)], at_unix_s=2.0)

    with Store(tmp_path) as store:
        kept = store.measurements.all()

    assert kept[0] == Measurement(rare, 1.0, 3.0)
    assert [one.value for one in kept[1:]] == [number / 2 for number in range(5, KEPT_MEASUREMENTS + 5)]


def test_measurements_are_kept_all_or_none(store: Store) -> None:
    gauge = Gauge(Quantity.DOWNLOAD, "storage.example")

    with pytest.raises(StoreError):
        store.measurements.add(
            [Measurement(gauge, 1.0, 1.0), Measurement(gauge, None, 1.0)],  # type: ignore[arg-type]
            at_unix_s=1.0,
        )

    assert store.measurements.all() == []


def test_what_another_version_measured_is_left_alone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        path = store.path
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO measurements VALUES (1, 'dreaming', 'gpu', '', '', 1.0, 1.0, 1.0, 0)")
    connection.close()

    with Store(tmp_path) as store:
        assert store.measurements.all() == []
