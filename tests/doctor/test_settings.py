"""Settings and software: what is missing is named before anything else needs it."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from pydantic import SecretStr

from emeth_tui.doctor.finding import Grade
from emeth_tui.doctor.rooms import settings, software
from emeth_tui.doctor.rooms.software import package_findings
from emeth_tui.doctor.run import check_up
from emeth_tui.hosts.node.book import Book, Host, write_book
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor import software as found
from emeth_tui.notices.reasons.settings import DevnetKeyMissing, NotToml
from tests.doctor.patient import Patient, assert_found, grades, the

FILE, SECRETS, KEY, VERIFICATION = ([check] for check in settings.CHECKS)


async def test_a_network_without_its_verification_key(patient: Patient) -> None:
    assert_found(await patient.seen_by(KEY), Grade.ERROR, "no_verification_key", "get_key")


async def test_a_verification_key_is_there_and_not_shown(patient: Patient) -> None:
    results = await patient.with_network(verification_key=SecretStr("s3cret")).seen_by(settings.CHECKS)

    assert the(results, "key_there").finding.grade is Grade.OK
    assert "s3cret" not in repr(results)


@pytest.mark.parametrize(
    ("verification", "kind"), [("chain", "verifies_chain"), ("loss", "verifies_learning")]
)
async def test_what_the_network_asks_of_results(patient: Patient, verification: str, kind: str) -> None:
    results = await patient.with_network(verification=verification).seen_by(VERIFICATION)

    assert the(results, kind).finding.grade is Grade.OK


@pytest.mark.parametrize("key", ["wallet.password_file", "alerts.webhook_secret_file", "alerts.apprise_file"])
async def test_secrets_that_others_can_read(patient: Patient, tmp_path: Path, key: str) -> None:
    password = tmp_path / "password"
    password.write_text("x", "utf-8")
    password.chmod(0o644)
    patient.settings[key] = password

    assert_found(await patient.seen_by(SECRETS), Grade.WARNING, "file_open_to_others", "close_file")

    password.chmod(0o600)
    assert grades(await patient.seen_by(SECRETS)) == {Grade.OK}


async def test_before_there_are_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    patient = Patient(tmp_path, DevnetKeyMissing("devnet", "rpc_urls"))
    setup = patient.setup()
    setup = replace(setup, settings=setup.settings.with_source(tmp_path / "none.toml"))

    results = await check_up(setup)

    assert_found(results, Grade.ERROR, "settings_missing", "run_setup")
    assert {one.finding.notice.kind for one in results if one.room.value == "rpc"} == {"not_checked"}
    assert "check_broke" not in {one.finding.notice.kind for one in results}


async def test_a_file_that_is_not_toml(patient: Patient) -> None:
    setup = replace(patient.setup(), settings_problem=NotToml(3, 4), network=NotToml(3, 4))

    results = await check_up(setup)

    assert_found(results, Grade.ERROR, "not_toml", "fix_settings")


async def test_this_python_and_its_packages_fit(patient: Patient) -> None:
    found_grades = grades(await patient.seen_by(software.CHECKS))
    assert Grade.OK in found_grades
    assert found_grades <= {Grade.OK, Grade.NOTE}  # from a checkout that is not installed it is a note


@pytest.mark.parametrize(
    ("version", "kind", "grade"), [(7, "links_confined", Grade.OK), (0, "links_unconfined", Grade.NOTE)]
)
async def test_whether_links_can_be_confined_is_said_where_there_are_hosts(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, version: int, kind: str, grade: Grade
) -> None:
    monkeypatch.setattr(software, "landlock_version", lambda: version)
    hosts = [check for check in software.CHECKS if check.name == "hosts"]
    assert await patient.seen_by(hosts) == []

    write_book(patient.setup().settings.state_dir, Book("0" * 16, (Host("b", "you@b"),)))
    (result,) = await patient.seen_by(hosts)
    assert (result.finding.notice.kind, result.finding.grade) == (kind, grade)


def test_a_python_that_was_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1, "final", 0))

    (old,) = software.python_findings()

    assert (old.grade, old.remedy) == (Grade.WARNING, remedies.UsePython("3.10–3.13"))


@pytest.fixture
def requirements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(metadata, "requires", lambda _name: lines)
    return lines


def test_a_package_that_is_missing(requirements: list[str]) -> None:
    requirements.append("no-such-package>=2")

    missing = package_findings("emeth-tui")[0]

    assert missing.notice == found.PackageMissing("no-such-package", "no-such-package>=2")
    assert (missing.grade, missing.remedy) == (
        Grade.ERROR,
        remedies.InstallPackage("no-such-package>=2"),
    )


def test_a_package_that_is_too_old(requirements: list[str]) -> None:
    requirements.append("click>=999")

    old = package_findings("emeth-tui")[0]

    assert old.notice == found.PackageUnfit("click", metadata.version("click"), "click>=999")
    assert (old.grade, old.remedy) == (Grade.ERROR, remedies.InstallPackage("click>=999"))


def test_an_extra_that_is_not_there_is_only_noted(requirements: list[str]) -> None:
    requirements += ["click>=8", "no-such-package; extra == 'devnet'"]

    fit, absent = package_findings("emeth-tui")

    assert fit.notice == found.PackagesFit(1)
    assert (absent.grade, absent.notice) == (Grade.NOTE, found.ExtraAbsent("devnet"))


def test_requirements_for_another_python_do_not_count(requirements: list[str]) -> None:
    requirements.append("no-such-package; python_version < '3'")

    assert package_findings("emeth-tui")[0].notice == found.PackagesFit(0)
