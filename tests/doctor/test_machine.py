"""Disk, models, terminal and service: each fault is found, and named with its remedy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from emeth_tui.doctor.finding import Finding, Grade
from emeth_tui.doctor.rooms import disk, models, terminal
from emeth_tui.doctor.rooms.disk import file_system_findings, file_system_of
from emeth_tui.doctor.rooms.service import System, service_findings
from emeth_tui.notices.reasons.doctor import machine as found
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.start import TerminalCannotShow
from emeth_tui.service.unit import Scope, Unit
from tests.doctor.patient import GOOD_TERMINAL, Patient, assert_found, grades, the

WRITES, ROOM, _FILE_SYSTEM = ([check] for check in disk.CHECKS)
MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 22 0:41 / /mnt/my\\040share rw - cifs //server/share rw
32 22 0:42 / /mnt/ssh rw - fuse.sshfs me@host:/ rw
33 22 0:43 / /run rw - tmpfs tmpfs rw
34 22 0:44 / /mnt/stick rw - fuseblk /dev/sdb1 rw
"""


async def test_a_disk_that_is_good_and_stays_as_it_was(patient: Patient) -> None:
    results = await patient.seen_by(disk.CHECKS)

    assert Grade.ERROR not in grades(results)
    assert len([one for one in results if one.finding.notice.kind == "disk_writes"]) == 2
    names = {path.name for path in patient.directory.iterdir()}
    assert names == {"chain.state", "config.toml"}


async def test_a_directory_that_takes_no_files(patient: Patient) -> None:
    patient.settings["state.directory"] = "/proc"  # where not even root writes

    results = await patient.seen_by(WRITES)

    assert_found(results, Grade.ERROR, "unwritable", "make_writable")


async def test_a_full_disk(patient: Patient, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(1 << 20))
    patient.settings["state.directory"] = small_disk

    results = await patient.seen_by(disk.CHECKS)

    assert_found(results, Grade.ERROR, "unwritable", "make_writable")
    assert_found(results, Grade.WARNING, "state_in_memory", "use_local_disk")


async def test_a_disk_without_room_for_a_job(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(patient.directory)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=500_000_000))

    assert_found(await patient.seen_by(ROOM), Grade.ERROR, "file_system_full", "make_room")


async def test_a_limit_above_what_is_free(patient: Patient) -> None:
    patient.settings["cache.limit_gb"] = 1_000_000

    assert_found(await patient.seen_by(ROOM), Grade.WARNING, "limit_above_room", "lower_limit")


async def test_a_limit_below_a_single_job(patient: Patient) -> None:
    patient = patient.with_network(models={"en": "gpt2-medium", "ja": "devnet-small"})

    assert_found(await patient.seen_by(ROOM), Grade.ERROR, "limit_below_job", "raise_limit")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/state", "nfs4"),
        ("/mnt/my share/x", "cifs"),
        ("/mnt/ssh", "fuse.sshfs"),
        ("/mnt/stick/x", "fuseblk"),
        ("/run", "tmpfs"),
        ("/runner", "ext4"),
    ],
)
def test_the_file_system_of_a_path(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS, "utf-8")

    assert file_system_of(Path(path), mounts) == kind


@pytest.mark.parametrize(
    ("kind", "notice"),
    [
        ("nfs4", found.DatabaseRemote),
        ("cifs", found.DatabaseRemote),
        ("fuse.sshfs", found.DatabaseRemote),
        ("tmpfs", found.StateInMemory),
    ],
)
def test_a_database_where_it_may_be_lost(
    tmp_path: Path, kind: str, notice: type[found.DatabaseRemote]
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 8:1 / / rw - {kind} x rw\n", "utf-8")

    (finding,) = file_system_findings(tmp_path / "state", mounts)

    assert finding == Finding(Grade.WARNING, notice(tmp_path, kind), remedies.UseLocalDisk())


def test_where_the_system_says_nothing_of_its_mounts_nothing_is_found(tmp_path: Path) -> None:
    assert file_system_findings(tmp_path, tmp_path / "none") == []


async def test_a_model_that_cannot_be_fetched(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(patient.directory / "hub"))

    results = await patient.with_network(models={"en": "a/b", "ja": "devnet-small"}).seen_by(models.CHECKS)

    assert_found(results, Grade.WARNING, "model_out_of_reach", "reach_hub")
    assert the(results, "model_made").finding.grade is Grade.OK
    assert not (patient.directory / "hub").exists()


async def test_without_the_only_model_there_is_nothing_to_train(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    results = await patient.with_network(models={"en": "a/b", "ja": "a/b"}).seen_by(models.CHECKS)

    assert_found(results, Grade.ERROR, "model_out_of_reach", "reach_hub")


async def test_a_model_in_a_directory_is_here(patient: Patient, tmp_path: Path) -> None:
    here = str(tmp_path)

    results = await patient.with_network(models={"en": here, "ja": here}).seen_by(models.CHECKS)

    assert the(results, "model_here").finding.grade is Grade.OK


@pytest.mark.parametrize(
    ("changes", "kind", "remedy"),
    [
        ({"problem": TerminalCannotShow("dumb")}, "terminal_cannot_show", "set_term"),
        ({"columns": 79}, "terminal_small", "enlarge_terminal"),
        ({"rows": 23}, "terminal_small", "enlarge_terminal"),
        ({"encoding": "ascii"}, "encoding_poor", "set_encoding"),
        ({"encoding": "iso8859-1"}, "encoding_poor", "set_encoding"),
    ],
)
async def test_a_terminal_that_cannot_show_the_screen(
    patient: Patient, changes: dict[str, object], kind: str, remedy: str
) -> None:
    patient.terminal = replace(GOOD_TERMINAL, **changes)  # type: ignore[arg-type]

    assert_found(await patient.seen_by(terminal.CHECKS), Grade.WARNING, kind, remedy)


@pytest.mark.parametrize(
    ("kind", "environment", "colours"),
    [
        ("xterm-256color", {"COLORTERM": "truecolor"}, 1 << 24),
        ("xterm-256color", {}, 256),
        ("linux", {}, 16),
        ("xterm-256color", {"NO_COLOR": "1"}, 0),
    ],
)
async def test_how_many_colours_a_terminal_shows(
    patient: Patient, kind: str, environment: dict[str, str], colours: int
) -> None:
    patient.terminal = replace(GOOD_TERMINAL, kind=kind, environment=environment)

    results = await patient.seen_by(terminal.CHECKS)

    assert the(results, "terminal_fits").finding.notice == found.TerminalFits(kind, 120, 40, colours)


async def test_a_console_with_few_characters_is_only_noted(patient: Patient) -> None:
    patient.terminal = replace(GOOD_TERMINAL, kind="linux", needs_ascii=True)

    assert the(await patient.seen_by(terminal.CHECKS), "few_characters").finding.grade is Grade.NOTE


async def test_without_a_terminal_it_is_no_fault(patient: Patient) -> None:
    patient.terminal = replace(GOOD_TERMINAL, is_there=False, kind="dumb", encoding="ascii")

    assert grades(await patient.seen_by(terminal.CHECKS)) == {Grade.NOTE}


# ---- systemd


@pytest.fixture
def system(tmp_path: Path) -> System:
    for place in ("run/systemd/system", "etc/systemd/system", "var/lib/systemd/linger", "home"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "etc/systemd/system/other.service").write_text("[Service]\nExecStart=/bin/other\n", "utf-8")
    return System(tmp_path, "me", tmp_path / "home")


def unit(directory: Path, *lines: str) -> Path:
    path = directory / "node.service"
    path.write_text("\n".join(["[Service]", "ExecStart=/opt/emeth/bin/emeth-tui --no-ui", *lines]), "utf-8")
    return path


def test_without_systemd_it_is_only_noted(tmp_path: Path) -> None:
    assert service_findings(System(tmp_path, "me", tmp_path)) == [Finding(Grade.NOTE, found.NoSystemd())]


def test_no_unit_is_only_noted(system: System) -> None:
    (nothing,) = service_findings(system)

    assert (nothing.grade, nothing.notice) == (Grade.NOTE, found.NoUnit())


def test_a_unit_of_a_user_who_does_not_linger(system: System) -> None:
    path = unit(system.user_units)

    _there, ends = service_findings(system)

    assert ends == Finding(Grade.WARNING, found.UnitEndsAtLogout("me", path), remedies.EnableLinger("me"))


def test_a_unit_of_a_user_who_lingers(system: System) -> None:
    unit(system.user_units)
    (system.root / "var/lib/systemd/linger/me").touch()

    assert {finding.grade for finding in service_findings(system)} == {Grade.OK}


def test_a_unit_that_gives_no_time_for_a_checkpoint(system: System) -> None:
    path = unit(system.root / "etc/systemd/system", "TimeoutStopSec=10")

    _there, soon = service_findings(system)

    assert soon == Finding(Grade.WARNING, found.UnitStopsTooSoon(path, 10.0, 70), remedies.GiveTimeToStop(70))


def test_the_unit_that_service_install_writes_is_good(system: System) -> None:
    text = Unit(Scope.SYSTEM, ["/opt/emeth/bin/emeth-tui", "--no-ui"], [], {}, "node").text()
    (system.root / "etc/systemd/system/emeth-tui.service").write_text(text, "utf-8")

    assert [finding.grade for finding in service_findings(system)] == [Grade.OK]
