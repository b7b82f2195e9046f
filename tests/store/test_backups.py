"""Copies of the database are kept, damaged and lost files are told from new ones, the way back works."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from emeth_tui.errors import AlreadyRunning, DiskFull, StoreDamaged, StoreError, StoreNewer
from emeth_tui.store import database
from emeth_tui.store.database import MIGRATIONS, Store
from emeth_tui.store.reading import read_store
from emeth_tui.store.safety import redo
from emeth_tui.store.safety.backups import (
    DATABASE_FILE,
    DIRECTORY,
    KEPT_COPIES,
    Copy,
    View,
    back_up,
    contents,
    copies,
    restore,
)
from emeth_tui.store.safety.integrity import mark_in
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job, make_transaction


def save(store: Store, **changes: object) -> None:
    store.jobs.save(make_job(**changes), at_unix_s=1.0, state_changed=True)


def keep_copy(store: Store) -> Copy:
    copy = store.back_up()
    assert copy is not None
    return copy


@pytest.fixture(scope="module")
def once_used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state_dir = tmp_path_factory.mktemp("used") / "state"
    with Store(state_dir) as store:
        save(store)
        store.journal.add(make_transaction())
        for number in range(200):
            store.key_values.set(f"name {number}", "x" * 200)
        store.back_up()
    return state_dir


@pytest.fixture
def used(once_used: Path, tmp_path: Path) -> Path:
    """A state directory with a job, a signed transaction, enough pages to damage one, and a copy."""
    return Path(shutil.copytree(once_used, tmp_path / "state"))


def test_a_copy_is_made_when_something_has_changed_and_the_newest_three_stay(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        first = keep_copy(store)
        assert store.back_up() is None

        for number in range(KEPT_COPIES + 2):
            store.key_values.set("last_block", str(number))
            keep_copy(store)
        kept = copies(tmp_path)

    assert [copy.number for copy in kept] == [6, 5, 4]
    assert not first.path.exists()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "backups").iterdir()} == {0o600}
    assert (tmp_path / "backups").stat().st_mode & 0o777 == 0o700


def test_a_copy_holds_everything_up_to_the_last_write(tmp_path: Path) -> None:
    with Store(tmp_path / "state") as store:
        save(store)
        store.journal.add(make_transaction())
        copy = keep_copy(store)
        assert (contents(copy).jobs, contents(copy).transactions) == (1, 1)

    (tmp_path / "other").mkdir()
    shutil.copy(copy.path, tmp_path / "other" / DATABASE_FILE)
    with Store(tmp_path / "other") as store:
        assert store.jobs.get(JOB_ID) == make_job()
        assert store.journal.unsettled() == [make_transaction()]


def test_a_clock_that_jumps_back_does_not_make_the_newest_copy_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path) as store:
        for number, seconds in enumerate([2e9, 1e9, 1.5e9, 5e8]):
            monkeypatch.setattr("time.gmtime", lambda seconds=seconds: _time_at(seconds))
            store.key_values.set("last_block", str(number))
            newest = keep_copy(store)

    assert copies(tmp_path)[0] == newest


def _time_at(unix_s: float) -> object:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(unix_s, tz=timezone.utc).timetuple()


def test_a_copy_is_kept_before_a_migration(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = copies(used)
    with Store(used) as store:
        store.key_values.set("last_block", "77")
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE more (name TEXT);"))

    with Store(used):
        copy = copies(used)[0]

    assert copy.number == before.number + 1
    connection = sqlite3.connect(copy.path)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert version == len(MIGRATIONS)


def test_the_copy_from_before_an_upgrade_stays_and_the_earlier_version_names_it(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(used) as store:
        store.key_values.set("last_block", "77")
    with monkeypatch.context() as later:
        later.setattr(database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE more (name TEXT);"))
        with Store(used) as store:
            before = copies(used)[0]
            for number in range(KEPT_COPIES + 2):
                store.key_values.set("last_block", str(number))
                keep_copy(store)

    kept = copies(used)
    assert len(kept) == KEPT_COPIES + 1
    assert kept[-1] == before
    for opened in (Store, read_store):
        with pytest.raises(StoreNewer, match=f"`emeth-tui store restore {before.name}`"), opened(used):
            pass
    restore(used, before.name)
    with Store(used) as store:
        assert store.key_values.get("last_block") == "77"


def test_a_damaged_database_is_not_copied_over_a_good_copy(used: Path) -> None:
    good = copies(used)
    with Store(used) as store:
        store.key_values.set("last_block", "8")
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(used / DATABASE_FILE)
        with pytest.raises(StoreDamaged, match="not copied"):
            store.back_up()

    assert copies(used) == good
    assert [path.name for path in (used / "backups").iterdir()] == [good[0].path.name]


def damage(path: Path, seed: int = 1) -> None:
    """Flip bytes in every page but the first."""
    content = bytearray(path.read_bytes())
    rng = random.Random(seed)
    for page in range(4_096, len(content), 4_096):
        for _byte in range(64):
            content[page + rng.randrange(64)] ^= rng.randrange(1, 256)
    with path.open("r+b") as file:
        file.write(content)


def test_a_damaged_page_is_found_at_the_start_and_the_copies_are_named(used: Path) -> None:
    damage(used / DATABASE_FILE)

    with pytest.raises(StoreDamaged, match=rf"is damaged: .*store restore.*\({copies(used)[0].name}\)"):
        Store(used)


@pytest.mark.parametrize("seed", range(20))
def test_bytes_flipped_anywhere_are_found_or_change_nothing_that_money_hangs_on(
    used: Path, seed: int
) -> None:
    content = bytearray((used / DATABASE_FILE).read_bytes())
    rng = random.Random(seed)
    page = rng.randrange(len(content) // 4_096)
    for _byte in range(8):
        content[page * 4_096 + rng.randrange(100)] ^= rng.randrange(1, 256)
    (used / DATABASE_FILE).write_bytes(content)

    try:
        store = Store(used)
    except StoreDamaged:
        return
    with store:
        assert store.jobs.get(JOB_ID) == make_job()
        assert store.journal.unsettled() == [make_transaction()]


@pytest.mark.parametrize("place", [0, 3, -1], ids=["first", "fourth", "last"])
def test_a_damaged_name_in_the_schema_is_damage_though_it_is_no_text_any_more(used: Path, place: int) -> None:
    """SQLite quotes the name in its message, and Python cannot decode it."""
    name = b"events_by_job"
    for path in (used / DATABASE_FILE, copies(used)[0].path):
        content = bytearray(path.read_bytes())
        content[content.index(b"index" + name) + len(b"index") + place % len(name)] ^= 0xFF
        path.write_bytes(content)

    with pytest.raises(StoreDamaged, match="malformed"):
        Store(used)
    with pytest.raises(StoreDamaged), read_store(used):
        pass
    with pytest.raises(StoreDamaged):
        contents(copies(used)[0])
    with pytest.raises(StoreDamaged):
        restore(used)
    with pytest.raises(StoreDamaged, match="not copied"):
        back_up(View(used / DATABASE_FILE))
    assert mark_in(used / DATABASE_FILE) is None


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [(44, 5, "unsupported file format"), (60, 1, "duplicate column")],
    ids=["format-of-the-schema", "version"],
)
def test_a_header_that_sqlite_only_calls_an_error_is_damage(
    used: Path, place: int, value: int, says: str
) -> None:
    """https://www.sqlite.org/fileformat.html, 1.3: four bytes each."""
    with (used / DATABASE_FILE).open("r+b") as file:
        file.seek(place)
        file.write(value.to_bytes(4, "big"))

    with pytest.raises(StoreDamaged, match=says):
        Store(used)


def test_a_row_without_the_row_that_it_belongs_to_is_damage(used: Path) -> None:
    connection = sqlite3.connect(used / DATABASE_FILE)
    connection.execute("DELETE FROM jobs")
    connection.commit()
    connection.close()

    with pytest.raises(StoreDamaged, match="a row of job_states belongs to a row of jobs that is missing"):
        Store(used)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE jobs SET state = 'dreaming'", "UPDATE jobs SET fee_wei = '1x'", "UPDATE jobs SET error = '{'"],
)
def test_a_value_that_makes_no_sense_is_damage(used: Path, statement: str) -> None:
    connection = sqlite3.connect(used / DATABASE_FILE)
    connection.execute(statement)
    connection.commit()
    connection.close()

    with pytest.raises(StoreDamaged, match="makes no sense"):
        Store(used)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def removed(path: Path) -> None:
    path.unlink()


def replaced_by_an_empty_database(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("VACUUM")
    connection.close()
    assert path.stat().st_size


def replaced_by_another_programs(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (address TEXT)")
    connection.close()


def replaced_by_text(path: Path) -> None:
    path.write_text("shopping list\n" * 1_000, "utf-8")


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (emptied, "is empty, though"),
        (removed, "is missing, though"),
        (replaced_by_an_empty_database, "is empty, though"),
        (replaced_by_another_programs, "was not written by emeth-tui"),
        (replaced_by_text, "is damaged: file is not a database"),
    ],
)
def test_where_a_state_was_no_new_one_is_made_in_silence(
    used: Path, happens: Callable[[Path], None], says: str
) -> None:
    happens(used / DATABASE_FILE)
    found = (used / DATABASE_FILE).exists() and (used / DATABASE_FILE).read_bytes()

    with pytest.raises(StoreDamaged, match=rf"{says}.*{copies(used)[0].name}"):
        Store(used)

    # Nothing is touched, and the way back works.
    assert ((used / DATABASE_FILE).exists() and (used / DATABASE_FILE).read_bytes()) == found
    restored = restore(used)
    assert (restored.set_aside is None) == (happens is removed)
    with Store(used) as store:
        assert store.jobs.get(JOB_ID) == make_job()


def test_a_database_that_vanished_beside_its_writes_is_missing_too(used: Path) -> None:
    shutil.rmtree(used / "backups")
    (used / DATABASE_FILE).rename(used / f"{DATABASE_FILE}-wal")

    with pytest.raises(StoreDamaged, match=r"is missing.*there is no copy of it; move .* away"):
        Store(used)


@pytest.mark.parametrize("left_behind", [None, b""], ids=["nothing", "killed-while-creating"])
def test_a_first_start_creates_a_database(tmp_path: Path, left_behind: bytes | None) -> None:
    if left_behind is not None:
        (tmp_path / DATABASE_FILE).write_bytes(left_behind)

    with Store(tmp_path) as store:
        assert store.jobs.get(JOB_ID) is None


def test_a_kill_between_creation_and_the_first_table_leaves_a_state_to_begin_with(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / DATABASE_FILE)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()

    with Store(tmp_path) as store:
        save(store)


def test_going_back_keeps_what_was_there_with_its_last_writes(used: Path) -> None:
    store = Store(used)
    save(store, job_id=OTHER_JOB_ID)
    # As a killed node leaves it: writes in the companion, which belongs to this file and no other.
    with_writes = {path.name: path.read_bytes() for path in used.glob(f"{DATABASE_FILE}*")}
    store.close()
    for name, content in with_writes.items():
        (used / name).write_bytes(content)

    aside = restore(used).set_aside

    with Store(used) as store:
        assert store.jobs.get(JOB_ID) == make_job()
        assert store.jobs.get(OTHER_JOB_ID) is None
    assert aside is not None
    (used.parent / "aside").mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{aside}{suffix}", used.parent / "aside" / f"{DATABASE_FILE}{suffix}")
    with Store(used.parent / "aside") as store:
        assert store.jobs.get(OTHER_JOB_ID) is not None


def test_a_copy_is_chosen_by_its_name_or_number(used: Path) -> None:
    with Store(used) as store:
        save(store, job_id=OTHER_JOB_ID)
        store.back_up()
    newer, older = copies(used)

    assert restore(used, older.name).copy == older
    assert restore(used, str(newer.number)).copy == newer
    assert restore(used, older.path.name).copy == older
    with pytest.raises(StoreError, match=f"there is no copy 9; there are {newer.name}, {older.name}"):
        restore(used, "9")
    with Store(used) as store:
        assert store.jobs.get(OTHER_JOB_ID) is None


def test_going_back_is_refused_while_a_node_runs(used: Path) -> None:
    with Store(used) as store, pytest.raises(AlreadyRunning):
        restore(used)
    assert store.path.exists()


def test_a_damaged_copy_is_refused_and_the_database_stays(used: Path) -> None:
    before = (used / DATABASE_FILE).read_bytes()
    damage(copies(used)[0].path)

    with pytest.raises(StoreDamaged, match="is no good copy"):
        restore(used)

    assert (used / DATABASE_FILE).read_bytes() == before


def test_without_copies_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no copies"):
        restore(tmp_path / "never")
    assert not (tmp_path / "never").exists()


def directory_removed(state_dir: Path) -> None:
    shutil.rmtree(state_dir)


def directory_replaced_by_an_empty_one(state_dir: Path) -> None:
    state_dir.rename(state_dir.with_name("moved"))
    state_dir.mkdir()


def database_removed(state_dir: Path) -> None:
    (state_dir / DATABASE_FILE).unlink()


def last_writes_removed(state_dir: Path) -> None:
    (state_dir / f"{DATABASE_FILE}-wal").unlink()


def lock_removed(state_dir: Path) -> None:
    (state_dir / "lock").unlink()


def database_replaced_by_another(state_dir: Path) -> None:
    with Store(state_dir.with_name("another")) as another:
        save(another, job_id=OTHER_JOB_ID)
    os.replace(another.path, state_dir / DATABASE_FILE)  # noqa: PTH105 - as any program would


@pytest.mark.parametrize(
    "happens",
    [
        directory_removed,
        directory_replaced_by_an_empty_one,
        database_removed,
        last_writes_removed,
        lock_removed,
        database_replaced_by_another,
    ],
)
def test_a_state_that_goes_while_it_is_open_is_noticed_and_written_again(
    used: Path, happens: Callable[[Path], None]
) -> None:
    store = Store(used)
    save(store, job_id=OTHER_JOB_ID, epochs_done=4)
    assert store.is_in_place
    happens(used)
    assert not store.is_in_place
    store.key_values.set("written", "while nobody saw")

    aside = store.rebuild()

    assert store.is_in_place
    store.key_values.set("written", "afterwards")
    assert store.is_in_place
    found_there = {last_writes_removed, lock_removed, database_replaced_by_another}
    assert (aside is not None) == (happens in found_there)
    with pytest.raises(AlreadyRunning):
        Store(used)
    assert {path.stat().st_mode & 0o077 for path in used.glob("*")} == {0}
    store.close()
    with Store(used) as found:
        assert found.jobs.get(JOB_ID) == make_job()
        assert found.jobs.get(OTHER_JOB_ID) == make_job(job_id=OTHER_JOB_ID, epochs_done=4)
        assert found.journal.unsettled() == [make_transaction()]
        assert found.key_values.get("written") == "afterwards"


def test_where_another_node_holds_the_place_nothing_is_overwritten(used: Path) -> None:
    store = Store(used)
    shutil.rmtree(used)
    with Store(used) as other:
        save(other, job_id=OTHER_JOB_ID)

        with pytest.raises(AlreadyRunning):
            store.rebuild()

        assert not store.is_in_place
        assert store.jobs.get(JOB_ID) == make_job()
        assert other.jobs.get(OTHER_JOB_ID) is not None
        assert other.is_in_place
    store.close()


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 8_192, b"a photograph" * 10_000], ids=["empty", "zeros", "other"]
)
def test_a_database_overwritten_while_it_is_open_is_noticed_and_never_written_as_the_state(
    used: Path, content: bytes
) -> None:
    store = Store(used)
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (used / DATABASE_FILE).write_bytes(content)

    assert not store.is_in_place
    with pytest.raises(StoreError):
        store.rebuild()

    assert not store.is_in_place
    assert not list(used.glob("*.aside-*"))
    with contextlib.suppress(StoreError):
        store.close()
    assert restore(used).copy == copies(used)[0]
    with Store(used) as found:
        assert found.jobs.get(JOB_ID) == make_job()


def another_nodes_database(used: Path) -> bytes:
    with Store(used.with_name("another")) as another:
        save(another, job_id=OTHER_JOB_ID)
    return another.path.read_bytes()


def older_database_of_this_node(used: Path) -> bytes:
    return (used / DATABASE_FILE).read_bytes()


def newest_copy(used: Path) -> bytes:
    return copies(used)[0].path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        another_nodes_database,
        older_database_of_this_node,
        newest_copy,
        lambda _used: b"",
        lambda _used: b"\0" * 8_192,
        lambda _used: b"a photograph" * 10_000,
        lambda used: older_database_of_this_node(used)[:5_000],
    ],
    ids=["another node's", "an older one", "a copy", "empty", "zeros", "other", "cut off"],
)
@pytest.mark.parametrize("moved", [False, True], ids=["in the WAL", "in the file"])
def test_a_database_overwritten_in_its_place_is_made_anew_of_the_newest_copy_and_what_followed(
    used: Path, content: Callable[[Path], bytes], moved: bool
) -> None:
    foreign = content(used)
    store = Store(used)
    save(store, job_id=OTHER_JOB_ID)
    keep_copy(store)
    save(store, job_id=OTHER_JOB_ID, epochs_done=4)
    with contextlib.suppress(StoreError):
        store.jobs.save(make_job(deadline_unix_s=2**70), at_unix_s=1.0, state_changed=True)
    store.journal.add(make_transaction(tx_hash="0xcc", nonce=9))
    if moved:
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert store.is_in_place
    (used / DATABASE_FILE).write_bytes(foreign)
    assert not store.is_in_place
    store.key_values.set("written", "while nobody saw")

    aside = store.rebuild()

    assert aside is not None
    assert aside.read_bytes() == foreign
    assert not aside.with_name(f"{aside.name}-wal").exists()
    assert store.is_in_place
    store.key_values.set("written after", "all")
    store.close()
    with Store(used) as found:
        assert found.jobs.get(OTHER_JOB_ID) == make_job(job_id=OTHER_JOB_ID, epochs_done=4)
        assert found.jobs.get(JOB_ID) == make_job()
        assert {tx.tx_hash for tx in found.journal.unsettled()} == {make_transaction().tx_hash, "0xcc"}
        assert found.key_values.get("written") == "while nobody saw"
        assert found.key_values.get("written after") == "all"


def overwrite(path: Path, content: bytes) -> None:
    """Write over a file, so late that its time of change is another."""
    before_ns = path.stat().st_mtime_ns
    while path.stat().st_mtime_ns == before_ns:
        path.write_bytes(content)


def test_its_own_database_as_it_was_earlier_in_this_run_is_noticed(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOVED_AFTER_WRITES", 1)
    store = Store(used)
    keep_copy(store)
    as_it_was = store.path.read_bytes()
    overwrite(store.path, as_it_was)
    assert store.is_in_place  # nothing has been moved since
    save(store, job_id=OTHER_JOB_ID, epochs_done=4)
    store.move_writes()
    assert store.is_in_place
    overwrite(store.path, as_it_was)

    assert not store.is_in_place
    assert store.rebuild() is not None

    assert store.is_in_place
    save(store, epochs_done=7)
    store.move_writes()
    overwrite(store.path, as_it_was)
    assert not store.is_in_place
    store.rebuild()
    store.close()
    with Store(used) as found:
        assert found.jobs.get(OTHER_JOB_ID) == make_job(job_id=OTHER_JOB_ID, epochs_done=4)
        assert found.jobs.get(JOB_ID) == make_job(epochs_done=7)


def test_a_log_that_is_overwritten_is_noticed_before_the_next_write_hides_it(used: Path) -> None:
    store = Store(used)
    keep_copy(store)
    log = used / f"{DATABASE_FILE}-wal"
    as_it_was = log.read_bytes()
    save(store, job_id=OTHER_JOB_ID, epochs_done=4)
    assert store.is_in_place
    overwrite(log, as_it_was)
    with contextlib.suppress(StoreError):
        store.key_values.set("written", "while nobody saw")

    assert not store.is_in_place
    store.rebuild()

    assert store.is_in_place
    store.close()
    with Store(used) as found:
        assert found.jobs.get(OTHER_JOB_ID) == make_job(job_id=OTHER_JOB_ID, epochs_done=4)


def test_what_is_written_is_moved_into_the_file_once_it_is_much(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOVED_AFTER_WRITES", 20)
    with Store(used) as store:
        size_bytes = store.path.stat().st_size
        for number in range(database.MOVED_AFTER_WRITES):
            store.move_writes()
            assert store.path.stat().st_size == size_bytes
            store.key_values.set(f"another {number}", "x" * 300)
        store.move_writes()
        assert store.path.stat().st_size > size_bytes
        assert store.is_in_place


def test_what_somebody_reads_is_moved_later_and_forgives_nothing_until_then(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOVED_AFTER_WRITES", 1)
    store = Store(used)
    keep_copy(store)
    as_it_was = store.path.read_bytes()
    with contextlib.closing(View(store.path)):
        save(store, job_id=OTHER_JOB_ID)
        store.move_writes()
        assert store.is_in_place
        overwrite(store.path, as_it_was)
        assert not store.is_in_place
        store.rebuild()
    store.move_writes()
    os.utime(store.path, (1.0, 1.0))
    assert store.is_in_place
    store.close()


def test_a_copy_of_what_was_overwritten_meanwhile_is_not_kept(used: Path) -> None:
    store = Store(used)
    save(store, job_id=OTHER_JOB_ID)
    good = copies(used)

    copying = store.copying()
    copy_now = copying.__enter__()
    assert copy_now() is not None
    overwrite(store.path, b"a photograph")
    with pytest.raises(StoreDamaged, match="it was overwritten"):
        copying.__exit__(None, None, None)

    assert copies(used) == good
    store.close()


def test_copies_that_are_removed_while_one_is_made_are_said_to_be_missing(used: Path) -> None:
    with Store(used) as store:
        copying = store.copying()
        copy_now = copying.__enter__()
        copy_now()
        shutil.rmtree(used / DIRECTORY)

        with pytest.raises(StoreError, match="holds no copies of the database"):
            copying.__exit__(None, None, None)

        save(store, job_id=OTHER_JOB_ID)
        assert [keep_copy(store)] == copies(used)


def test_what_sqlite_moves_and_what_touches_the_file_is_no_overwriting(used: Path) -> None:
    with Store(used) as store:
        store.key_values.set("written", "x" * 50_000)
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert store.is_in_place
        os.utime(store.path, (1.0, 1.0))
        assert store.is_in_place


def test_no_copy_is_kept_of_what_is_not_ours(used: Path) -> None:
    good = copies(used)
    store = Store(used)
    (used / DATABASE_FILE).write_bytes(another_nodes_database(used))
    store._connection.execute("PRAGMA shrink_memory")
    (used / f"{DATABASE_FILE}-wal").write_bytes(b"")

    with pytest.raises(StoreDamaged, match="not copied"):
        store.back_up()

    assert copies(used) == good
    store.close()


def test_more_writes_than_are_remembered_leave_the_copies_alone(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redo, "MOST_WRITES", 10)
    store = Store(used)
    keep_copy(store)
    for number in range(11):
        store.key_values.set("last_block", str(number))
    (used / DATABASE_FILE).write_bytes(b"")

    with pytest.raises(StoreDamaged):
        store.rebuild()

    assert not store.is_in_place
    store.close()


def test_a_rebuilding_that_fails_is_tried_again_under_the_lock_it_took(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(used)
    shutil.rmtree(used)

    def no_room(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(database, "set_aside", no_room)
        with pytest.raises(DiskFull):
            store.rebuild()
    assert not store.is_in_place

    assert store.rebuild() is None

    assert store.is_in_place
    store.close()
    with Store(used) as found:
        assert found.jobs.get(JOB_ID) == make_job()


def test_damaged_pages_are_not_written_as_the_new_state(used: Path) -> None:
    store = Store(used)
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(used / DATABASE_FILE)
    store._connection.execute("PRAGMA shrink_memory")  # as in a database that memory does not hold
    lock_removed(used)

    with pytest.raises(StoreDamaged, match="is damaged"):
        store.rebuild()

    assert not list(used.glob("*.aside-*"))
    store.close()
