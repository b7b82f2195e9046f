"""`emeth-tui store`: the owner sees the copies of the database and goes back to one."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui import __version__
from emeth_tui.errors import ExitCode
from emeth_tui.store.database import Store
from emeth_tui.store.safety.backups import DATABASE_FILE, copies
from tests.cli.test_cli import assert_one_clear_line, emeth_tui
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job

pytestmark = pytest.mark.process


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """The state of a node of the devnet, with two copies."""
    directory = tmp_path / "state" / "devnet"
    with Store(directory) as store:
        store.jobs.save(make_job(), at_unix_s=1.0, state_changed=True)
        store.back_up()
        store.key_values.set("last_block", "9")
        store.back_up()
    return directory


def test_the_copies_are_listed_with_what_they_hold_and_the_newest_is_taken(
    home: Path, tmp_path: Path, state_dir: Path
) -> None:
    newer, older = copies(state_dir)
    older.path.write_bytes(b"broken")
    options = ["--state-dir", str(tmp_path / "state"), "store"]

    listed = emeth_tui(home, *options, "backups")

    assert (listed.returncode, listed.stderr) == (0, "")
    first, second = listed.stdout.splitlines()
    assert first.startswith(f"{newer.name}  ")
    assert first.endswith(f" kB, 1 job, 0 transactions, written by emeth-tui {__version__}")
    assert second.startswith(f"{older.name}  ")
    assert "is no good copy" in second

    (state_dir / DATABASE_FILE).write_bytes(b"")
    restored = emeth_tui(home, *options, "restore")
    assert (restored.returncode, restored.stderr) == (0, "")
    assert restored.stdout.startswith(f"{newer.name} is the node's database again; the file before it is now")
    with Store(state_dir) as store:
        assert store.jobs.get(JOB_ID) == make_job()

    assert_one_clear_line(
        emeth_tui(home, *options, "restore", older.name), ExitCode.STORE_DAMAGED, "is no good copy"
    )


def test_while_a_node_runs_nothing_is_restored(home: Path, tmp_path: Path, state_dir: Path) -> None:
    with Store(state_dir):
        result = emeth_tui(home, "--state-dir", str(tmp_path / "state"), "store", "restore")

    assert_one_clear_line(result, ExitCode.ALREADY_RUNNING, "a node is already running here")


def test_a_node_does_not_start_on_a_damaged_state(home: Path, tmp_path: Path, state_dir: Path) -> None:
    (state_dir / DATABASE_FILE).write_bytes(b"not a database at all" * 1_000)
    made = emeth_tui(home, "wallet", "new", EMETH_TUI_PASSWORD="for this test")
    assert made.returncode == 0, made.stderr
    (tmp_path / "settings.toml").write_text(
        "[networks.devnet]\n"
        'rpc_urls = ["http://127.0.0.1:9"]\n'
        'core_address = "0x00000000000000000000000000000000000000c0"\n'
        'token_address = "0x00000000000000000000000000000000000000c1"\n'
        'storage_url = "http://127.0.0.1:9"\n'
        'info_url = "http://127.0.0.1:9"\n'
        f"[wallet]\nkeystore = '{home / '.config' / 'emeth-tui' / 'keystore.json'}'\n",
        "utf-8",
    )

    result = emeth_tui(
        home,
        "--no-ui",
        "--config",
        str(tmp_path / "settings.toml"),
        "--state-dir",
        str(tmp_path / "state"),
        EMETH_TUI_PASSWORD="for this test",
    )

    assert_one_clear_line(result, ExitCode.STORE_DAMAGED, f"({', '.join(c.name for c in copies(state_dir))})")


def test_before_the_first_start_there_are_no_copies(home: Path) -> None:
    listed = emeth_tui(home, "store", "backups")

    assert (listed.returncode, listed.stdout) == (0, "")
    assert "no copies yet" in listed.stderr


def test_what_belongs_to_no_job_is_listed_and_deleted_only_when_asked(
    home: Path, tmp_path: Path, state_dir: Path
) -> None:
    jobs_dir = tmp_path / "cache" / "devnet" / "jobs"
    for name in (JOB_ID, OTHER_JOB_ID):
        (jobs_dir / name).mkdir(parents=True)
        (jobs_dir / name / "dataset.txt").write_bytes(b"x" * 5_000)
    options = ["--state-dir", str(tmp_path / "state"), "store", "leftovers"]
    environment = {"EMETH_TUI_CACHE__DIRECTORY": str(tmp_path / "cache")}

    listed = emeth_tui(home, *options, **environment)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout == f"{jobs_dir / OTHER_JOB_ID}  5 kB\n"
    assert (jobs_dir / OTHER_JOB_ID).exists()

    removed = emeth_tui(home, *options, "--remove", **environment)
    assert removed.stdout == f"{jobs_dir / OTHER_JOB_ID}  5 kB  deleted\n"
    assert [path.name for path in jobs_dir.iterdir()] == [JOB_ID]

    nothing = emeth_tui(home, *options, **environment)
    assert (nothing.stdout, "nothing but the node's own jobs" in nothing.stderr) == ("", True)
