"""The commands where no node runs: from the database, which stays as it is, or with the remedy."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from emeth_tui.clients.transactions.signed_bytes import read_signed
from emeth_tui.clients.wallet import create_keystore
from emeth_tui.model import MJ_PER_KWH, JobId, JobState, Severity, TransactionState, token_to_wei
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import StepsSkipped, Submitted
from emeth_tui.store.database import Store
from emeth_tui.store.measurements import DeviceUse
from emeth_tui.store.movements import Movement, MovementKind
from tests.cli.commands.world import PROGRAM, check, run_program
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job, make_transaction

pytestmark = pytest.mark.process

WITHDRAW_HASH = "0x" + "cd" * 32
SLOT = 20_785  # 2026-11-28
SLOT_UNIX_S = SLOT * 86_400


def signed_withdrawal() -> bytes:
    """A withdrawal as the node signs it."""
    from emeth_tui.clients.wallet import Wallet

    raw, _hash = Wallet((7).to_bytes(32, "big")).sign_transaction(
        {
            "chainId": 60_001,
            "nonce": 9,
            "to": "0x" + "11" * 20,
            "value": 0,
            "data": b"\x12\x34\x56\x78" + SLOT.to_bytes(32, "big"),
            "gas": 100_000,
            "maxFeePerGas": 2,
            "maxPriorityFeePerGas": 1,
        }
    )
    assert read_signed(raw).nonce == 9
    return raw


def moved(kind: MovementKind, job_id: JobId | None, emt: int, *, after_s: int, tx_hash: str) -> Movement:
    return Movement(tx_hash, 0, after_s, float(SLOT_UNIX_S + after_s), kind, job_id, token_to_wei(emt))


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """What a node leaves behind: a job that ended, one that waits, a withdrawal."""
    ended = make_job(
        state=JobState.VERIFIED,
        gas=5,
        earned_wei=token_to_wei(10),
        created_at_unix_s=SLOT_UNIX_S + 10.0,
        ended_at_unix_s=SLOT_UNIX_S + 50.0,
    )
    with Store(tmp_path / "state" / "round3-2") as store:
        store.jobs.save(ended, at_unix_s=SLOT_UNIX_S + 50.0, state_changed=True)
        waiting = make_job(job_id=OTHER_JOB_ID, state=JobState.TRAINING, epochs_done=3, dataset="=cmd()")
        store.jobs.save(waiting, at_unix_s=SLOT_UNIX_S + 60.0, state_changed=True)
        store.journal.add(
            make_transaction(
                tx_hash=WITHDRAW_HASH,
                purpose="withdraw",
                job_id=None,
                raw=signed_withdrawal(),
                created_at_unix_s=SLOT_UNIX_S + 90_000.0,
                state=TransactionState.MINED,
                gas_used=40_000,
                fee_wei=123,
            )
        )
        store.movements.add(
            [
                moved(MovementKind.CLAIM, JOB_ID, -20, after_s=20, tx_hash="0x" + "ab" * 32),
                moved(MovementKind.WITHDRAW, None, 3, after_s=90_000, tx_hash=WITHDRAW_HASH),
            ]
        )
    return tmp_path / "state"


def emeth_tui(state_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "--network", "round3-2", "--state-dir", str(state_dir)]
    home = str(state_dir.parent / "home")
    return run_program([*command, *arguments], HOME=home, XDG_CONFIG_HOME="", **environment)


def test_listings_come_from_the_database(state_dir: Path) -> None:
    jobs = json.loads(emeth_tui(state_dir, "jobs", "--json").stdout)
    assert {job["job_id"]: job["state"] for job in jobs} == {JOB_ID: "verified", OTHER_JOB_ID: "training"}
    details = json.loads(emeth_tui(state_dir, "job", "6f", "--json").stdout)
    assert [movement["kind"] for movement in details["movements"]] == ["claim"]
    (sent,) = json.loads(emeth_tui(state_dir, "transactions", "--json").stdout)
    assert (sent["fee_native_wei"], sent["state"]) == ("123", "mined")


def test_rewards_without_the_chain_are_those_that_were_withdrawn(state_dir: Path) -> None:
    days = json.loads(emeth_tui(state_dir, "rewards", "--month", "2026-11", "--json").stdout)["days"]

    paid, earned = days
    assert (earned["day"], earned["reward_state"], earned["reward_wei"]) == (
        "2026-11-28",
        "withdrawn",
        str(token_to_wei(3)),
    )
    assert earned["total_wei"] == str(token_to_wei(13))
    assert (paid["day"], paid["fee_native_wei"], paid["total_wei"]) == ("2026-11-29", "123", "0")


def test_movements_name_transaction_and_fee(state_dir: Path) -> None:
    text = emeth_tui(state_dir, "rewards", "--month", "2026-11", "--movements", "--csv").stdout

    claim, withdrawal = (line.split(",") for line in text.splitlines()[1:])
    assert claim[1:5] == ["claim", JOB_ID, "-20", ""]
    assert withdrawal[1:6] == ["withdraw", "", "3", "0.000000000000000123", WITHDRAW_HASH]


def test_the_fee_of_a_transaction_stands_at_one_of_its_movements(state_dir: Path) -> None:
    with Store(state_dir / "round3-2") as store:
        both = [
            replace(moved(kind, JOB_ID, emt, after_s=30, tx_hash=WITHDRAW_HASH), log_index=index)
            for index, (kind, emt) in enumerate(
                [(MovementKind.DECLINE, 0), (MovementKind.DECLINE, 15), (MovementKind.OTHER, 1)]
            )
        ]
        store.movements.add(both)

    rows = json.loads(emeth_tui(state_dir, "rewards", "--month", "2026-11", "--movements", "--json").stdout)

    ours = [row for row in rows if row["tx_hash"] == WITHDRAW_HASH]
    assert [row["amount_wei"] for row in ours] == [str(token_to_wei(15)), str(token_to_wei(1))]
    assert [row["fee_native_wei"] for row in ours] == ["123", None]


def test_events_are_searched_beyond_the_newest(state_dir: Path) -> None:
    with Store(state_dir / "round3-2") as store:
        store.events.add(Event(SLOT_UNIX_S + 1.0, Severity.WARNING, StepsSkipped(7), JOB_ID))
        for _newer in range(20):
            store.events.add(Event(SLOT_UNIX_S + 2.0, Severity.INFO, Submitted(), OTHER_JOB_ID))

    def found(*arguments: str) -> list[str]:
        events = json.loads(emeth_tui(state_dir, "events", "--json", *arguments).stdout)
        return [event["event"] for event in events]

    assert found("--limit", "3") == ["submitted"] * 3
    for words in (["--search", "7 STEPS"], ["--level", "warning"], ["--job", "6f2a"]):
        assert found("--limit", "3", *words) == ["steps_skipped"]
    assert found("--search", "8 steps") == []


@pytest.mark.slow
def test_amounts_are_valued_at_the_owners_prices(state_dir: Path) -> None:
    prices = {
        "EMETH_TUI_REWARDS__CURRENCY": "jpy",
        "EMETH_TUI_REWARDS__EMT_PRICE": "12.345",
        "EMETH_TUI_REWARDS__NATIVE_PRICE": "1000000000000",
    }
    words = ["rewards", "--month", "2026-11"]

    def rows(*more: str) -> list[dict[str, str]]:
        text = emeth_tui(state_dir, *words, *more, "--csv", **prices).stdout
        return list(csv.DictReader(text.splitlines()))

    claim, withdrawal = rows("--movements")
    assert (claim["currency"], claim["value"], claim["fee_value"]) == ("JPY", "-246.9", "")
    assert (withdrawal["value"], withdrawal["fee_value"]) == ("37.035", "0.000123")
    paid, earned = rows()
    assert (earned["currency"], earned["value"], earned["fee_value"]) == ("JPY", "160.485", "0")
    assert (paid["value"], paid["fee_value"]) == ("0", "0.000123")
    month = json.loads(emeth_tui(state_dir, *words, "--json", **prices).stdout)
    check("rewards --month", month)
    assert month["days"][1]["value"] == "160.485"
    assert (
        "at your price of 12.345 JPY for 1 EMT: 160.48 JPY" in emeth_tui(state_dir, *words, **prices).stdout
    )
    (unpriced, _other) = json.loads(emeth_tui(state_dir, *words, "--json").stdout)["days"]
    assert (unpriced["currency"], unpriced["value"], unpriced["fee_value"]) == (None, None, None)


def test_a_strangers_formula_is_none_in_csv(state_dir: Path) -> None:
    assert ",'=cmd()," in emeth_tui(state_dir, "jobs", "--csv").stdout


def test_reading_changes_nothing_and_needs_no_lock(state_dir: Path) -> None:
    database = state_dir / "round3-2" / "node.sqlite3"
    with Store(state_dir / "round3-2") as store:  # a node that has the lock, and writes
        store.jobs.save(make_job(state=JobState.CLAIMED), at_unix_s=1.0, state_changed=True)
        before = database.read_bytes()
        (job, *_others) = json.loads(emeth_tui(state_dir, "jobs", "--state", "claimed", "--json").stdout)
        assert job["job_id"] == JOB_ID
        assert database.read_bytes() == before
        store.jobs.save(make_job(state=JobState.DOWNLOADING), at_unix_s=2.0, state_changed=True)
    assert sqlite3.connect(database).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Store(state_dir / "round3-2") as store:
        job_now = store.jobs.get(JOB_ID)
        assert job_now is not None
        assert job_now.state is JobState.DOWNLOADING


@pytest.mark.parametrize("words", ["transactions --limit", "log --lines", "events --limit", "jobs --since"])
def test_a_number_out_of_all_bounds_is_a_wrong_argument(state_dir: Path, words: str) -> None:
    result = emeth_tui(state_dir, *words.split(), "9" * 30)
    assert result.returncode == 2
    assert f"Invalid value for '{words.split()[1]}'" in result.stderr


def test_a_month_that_no_calendar_ends_is_none(state_dir: Path) -> None:
    result = emeth_tui(state_dir, "rewards", "--month", "9999-12")
    assert result.returncode == 2
    assert "'9999-12' is not a month such as 2026-11" in result.stderr


def test_status_shows_what_waits_and_says_that_nothing_runs(state_dir: Path) -> None:
    result = emeth_tui(state_dir, "status")
    assert result.returncode == 22
    assert "not running" in result.stdout
    assert OTHER_JOB_ID[:10] in result.stdout
    assert "no node runs on" in result.stderr
    document = emeth_tui(state_dir, "status", "--json")
    assert document.returncode == 22
    assert json.loads(document.stdout)["running"] is False


@pytest.mark.parametrize("command", ["market", "events --follow", "status --watch"])
def test_what_needs_a_node_says_how_to_start_one(state_dir: Path, command: str) -> None:
    result = emeth_tui(state_dir, *command.split())

    assert (result.returncode, result.stdout) == (22, "")
    assert result.stderr.startswith("emeth-tui: error: no node runs on ")
    assert len(result.stderr.splitlines()) == 1


def test_a_command_that_holds_the_state_is_not_taken_for_a_node(state_dir: Path) -> None:
    with Store(state_dir / "round3-2"):  # as `request` does while it asks
        result = emeth_tui(state_dir, "status")

    assert "the node" not in result.stderr
    assert "a command such as `request` that has not ended" in result.stderr
    assert result.returncode == 15


def test_where_no_node_ever_was(tmp_path: Path) -> None:
    result = emeth_tui(tmp_path / "nowhere", "jobs")

    assert (result.returncode, result.stdout) == (12, "")
    assert "no node has worked on" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_settings_are_those_that_a_node_would_start_with(state_dir: Path) -> None:
    shown = emeth_tui(
        state_dir, "settings", "get", "claims.min_fee_emt", EMETH_TUI_CLAIMS__MIN_FEE_EMT="12.5"
    )
    assert shown.stdout == "12.5\n"


def test_a_setting_is_changed_in_the_file_as_at_a_start(state_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "home" / ".config" / "emeth-tui" / "config.toml"
    changed = emeth_tui(state_dir, "settings", "set", "claims.min_fee_emt", "12.5")
    assert changed.returncode == 0
    assert changed.stdout.endswith(" → 12.5 from the next start\n")
    assert changed.stderr.startswith("emeth-tui: no node runs on ")
    assert len(changed.stderr.splitlines()) == 1
    assert (file.read_text("utf-8"), stat.S_IMODE(file.stat().st_mode)) == (
        "[claims]\nmin_fee_emt = 12.5\n",
        0o600,
    )
    again = json.loads(emeth_tui(state_dir, "settings", "set", "claims.min_fee_emt", "12.5", "--json").stdout)
    check("settings set", again)
    assert (again["done"], again["pid"], again["changes"]) == (True, None, [])
    file.write_text("# mine\n" + file.read_text("utf-8"), "utf-8")
    restart = emeth_tui(state_dir, "settings", "set", "log.keep_files", "9", "--json")  # of no running node
    assert json.loads(restart.stdout)["changes"] == [
        {"key": "log.keep_files", "before": "5", "after": "9", "in_effect": False}
    ]
    assert emeth_tui(state_dir, "settings", "set", "claims.min_fee_emt", "").returncode == 0
    left = file.read_text("utf-8")
    assert left.startswith("# mine\n")
    assert "min_fee_emt" not in left

    for key, value, said in (
        ("claims.min_fee_emt", "much", "claims.min_fee_emt"),
        ("claims.min_fee", "1", "the nearest is claims.min_fee_emt"),
        ("nonsense", "1", "none has a name like it"),
        ("network", "rond3-2", "there is no such profile; known are devnet, round3-2"),
        ("screen.theme", "drak", "there is no such theme; there are colour-blind, dark"),
        ("network", "devnet", "command line of this run sets it"),
    ):
        refused = emeth_tui(state_dir, "settings", "set", key, value)
        assert (refused.returncode, refused.stdout) == (3, "")
        assert said in refused.stderr
        assert file.read_text("utf-8") == left


LOCAL_NETWORK = """network = "devnet"
[wallet]
keystore = "{wallet}/keystore.json"
password_file = "{wallet}/password"
[networks.devnet]
rpc_urls = ["http://127.0.0.1:9"]
core_address = "0x00000000000000000000000000000000000000c0"
token_address = "0x00000000000000000000000000000000000000e0"
storage_url = "http://127.0.0.1:9"
info_url = "http://127.0.0.1:9"
verification_key = "k"
"""


def test_with_the_options_of_a_local_network_its_settings_and_wallet_count(tmp_path: Path) -> None:
    (tmp_path / "devnet").mkdir()
    (tmp_path / "devnet" / "node.toml").write_text(LOCAL_NETWORK.format(wallet=tmp_path), "utf-8")
    (tmp_path / "password").write_text("its own\n", "utf-8")
    address = create_keystore(tmp_path / "keystore.json", "its own", iterations=2)
    config = tmp_path / "home" / ".config" / "emeth-tui" / "config.toml"

    def beside(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, "--devnet", "--state-dir", str(tmp_path), *arguments]
        environment = {"EMETH_TUI_PASSWORD": "of another network", "XDG_CONFIG_HOME": ""}
        return run_program(command, HOME=str(tmp_path / "home"), **environment)

    assert beside("wallet", "address").stdout == f"{address}\n"
    good = beside("config", "check")
    assert (good.stdout, good.stderr) == (
        f"{tmp_path}/devnet/node.toml: good; network devnet, chain 60001\n",
        "",
    )
    assert beside("settings", "set", "claims.min_fee_emt", "12.5").returncode == 0
    assert config.read_text("utf-8") == "[claims]\nmin_fee_emt = 12.5\n"  # the devnet's file is written anew
    known = {one["key"]: one for one in json.loads(beside("settings", "get", "--json").stdout)}
    assert known["claims.min_fee_emt"]["value"] == "12.5"
    assert known["wallet.keystore"]["origin"] == "command line"
    unreached = beside("network", "info")
    assert unreached.returncode == 5, unreached.stderr
    config.write_text("[claims\n", "utf-8")
    assert beside("config", "check").stderr.startswith(f"emeth-tui: error: {config}: ")


def test_a_log_holds_a_jobs_own_lines_with_their_tracebacks(state_dir: Path) -> None:
    logs = state_dir / "round3-2" / "logs"
    logs.mkdir()
    stamp = "2026-11-28T10:00:0{}.000Z"
    (logs / "node.log.1").write_text(f"{stamp.format(1)} INFO    a: {JOB_ID} claimed\n", "utf-8")
    (logs / "node.log").write_text(
        f"{stamp.format(2)} INFO    a: of another\n"
        f"{stamp.format(4)} ERROR   a: {JOB_ID} broke\nTraceback\n  line\n"
        f"{stamp.format(5)} INFO    a: \x1b[31m not a colour\n",
        "utf-8",
    )
    (logs / "worker-0.log").write_text(f"2026-11-28 10:00:03,500 INFO b: job {JOB_ID}: loads\n", "utf-8")

    own = emeth_tui(state_dir, "log", JOB_ID).stdout.splitlines()
    assert [line.split(":")[-1].split()[-1] for line in own] == [
        "claimed",
        "loads",
        "broke",
        "Traceback",
        "line",
    ]
    everything = emeth_tui(state_dir, "log", "--lines", "1").stdout
    assert everything == f"{stamp.format(5)} INFO    a: ·[31m not a colour\n"


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error(state_dir: Path) -> None:
    command = (
        f"{sys.executable} -m emeth_tui --network round3-2 --state-dir {state_dir} jobs --json | head -1"
    )
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env={**os.environ, "LANG": "C"}
    )
    assert (result.stdout, result.stderr) == ("[\n", "")


@pytest.mark.slow
def test_a_log_is_followed_across_its_rotation(state_dir: Path) -> None:
    logs = state_dir / "round3-2" / "logs"
    logs.mkdir()
    node_log = logs / "node.log"
    node_log.write_text(f"2026-11-28T10:00:01.000Z INFO    a: {JOB_ID} first\n", "utf-8")
    command = [sys.executable, "-m", "emeth_tui", "--network", "round3-2", "--state-dir", str(state_dir)]
    with subprocess.Popen([*command, "log", JOB_ID[:6], "--follow"], stdout=subprocess.PIPE) as following:
        assert following.stdout is not None
        assert b"first" in following.stdout.readline()
        with node_log.open("a", encoding="utf-8") as file:
            file.write(
                f"2026-11-28T10:00:02.000Z INFO    a: another job\n2026-11-28T10:00:03.000Z {JOB_ID} sec"
            )
        node_log.rename(logs / "node.log.1")
        with (logs / "node.log.1").open("a", encoding="utf-8") as file:
            file.write("ond\n")
        node_log.write_text(f"2026-11-28T10:00:04.000Z INFO    a: {JOB_ID} third\n", "utf-8")
        assert following.stdout.readline().rstrip().endswith(b"second")
        assert following.stdout.readline().rstrip().endswith(b"third")
        following.terminate()


@pytest.fixture
def measured(state_dir: Path) -> Path:
    """The same with what two devices took for the job that ended: 2 kWh, half an hour of each."""
    with Store(state_dir / "round3-2") as store:
        store.energy.add(
            [
                DeviceUse(SLOT, "cuda:0", JOB_ID, 1_800_000, 2 * MJ_PER_KWH),
                DeviceUse(SLOT, "cpu", JOB_ID, 1_800_000, None),
            ]
        )
    return state_dir


PRICES = {
    "EMETH_TUI_REWARDS__CURRENCY": "EUR",
    "EMETH_TUI_REWARDS__EMT_PRICE": "0.5",
    "EMETH_TUI_REWARDS__ENERGY_PRICE": "0.3",
}


def test_energy_and_what_is_left_net_stand_with_jobs_days_and_devices(measured: Path) -> None:
    details = json.loads(emeth_tui(measured, "job", JOB_ID, "--json", **PRICES).stdout)
    devices = json.loads(
        emeth_tui(measured, "rewards", "--month", "2026-11", "--devices", "--json", **PRICES).stdout
    )
    month = json.loads(emeth_tui(measured, "rewards", "--month", "2026-11", "--json", **PRICES).stdout)
    check("job", details)
    check("rewards --devices", devices)
    check("rewards --month", month)

    # 10 EMT at 0.5, less 2 kWh at 0.3; the day withdrew 3 EMT of its reward on top.
    assert details["job"]["energy_j"] == 7_200_000
    assert details["net"] == {
        "currency": "EUR",
        "value": "5",
        "fee_value": None,
        "energy_value": "0.6",
        "net": "4.4",
    }
    assert [(one["device"], one["work_s"], one["energy_j"]) for one in details["devices"]] == [
        ("cpu", 1_800, None),
        ("cuda:0", 1_800, 7_200_000),
    ]
    assert [(one["device"], one["emt_wei"], one["net"]) for one in devices] == [
        ("cpu", str(token_to_wei("6.5")), "3.25"),
        ("cuda:0", str(token_to_wei("6.5")), "2.65"),
    ]
    (day,) = [one for one in month["days"] if one["day"] == "2026-11-28"]
    assert (day["energy_j"], day["energy_value"], day["net"]) == (7_200_000, "0.6", "5.9")
    assert month["energy_j"] == 7_200_000
    assert month["net"] is None, "a fee was paid on another day, and has no price"


def test_without_prices_energy_is_there_and_no_net(measured: Path) -> None:
    shown = emeth_tui(measured, "job", JOB_ID)
    devices = emeth_tui(measured, "rewards", "--month", "2026-11", "--devices")
    rows = list(csv.DictReader(emeth_tui(measured, "jobs", "--csv").stdout.splitlines()))

    assert "2.00 kWh" in shown.stdout
    assert "2.00 kWh" in devices.stdout
    assert "\nnet" not in shown.stdout
    assert "net" not in devices.stdout
    assert {row["job_id"]: row["energy_j"] for row in rows} == {JOB_ID: "7200000.0", OTHER_JOB_ID: ""}
