"""The service's unit: systemd accepts it, fences the node in, and hands over secrets by their files alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from emeth_tui.service.systemd import Systemd
from emeth_tui.service.unit import INCURABLE, Scope, Unit
from tests.cli.test_cli import assert_one_clear_line, emeth_tui

SYSTEMD_ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="systemd-analyze is not installed")
MOST_EXPOSED = {Scope.SYSTEM: 22, Scope.USER: 65}  # tenths of a point; 100 is a unit without any fence
WEIRD = '/srv/50% of $HOME/"it\'s"'


def unit_of(scope: Scope, program: str = "/bin/true") -> Unit:
    return Unit(
        scope,
        [program, "--config", f"{WEIRD}/config.toml", "--no-ui"],
        [Path("/var/tmp"), Path(WEIRD)],  # noqa: S108 - any directory
        {"password": Path(f"{WEIRD}/password")},
        "daemon" if scope is Scope.SYSTEM else "",
    )


@needs_systemd
@pytest.mark.parametrize("scope", Scope)
def test_systemd_accepts_the_unit(tmp_path: Path, scope: Scope) -> None:
    path = tmp_path / "emeth-tui.service"
    path.write_text(unit_of(scope).text(), "utf-8")
    checked = subprocess.run(
        [str(SYSTEMD_ANALYZE), f"--{scope.value}", "--man=no", "verify", str(path)],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, "emeth-tui.service" in checked.stderr) == (0, False), checked.stderr


@needs_systemd
@pytest.mark.parametrize("scope", Scope)
def test_the_node_is_fenced_in(tmp_path: Path, scope: Scope) -> None:
    path = tmp_path / "emeth-tui.service"
    path.write_text(unit_of(scope).text(), "utf-8")
    command = [str(SYSTEMD_ANALYZE), "security", "--offline=true", "--no-pager"]
    checked = subprocess.run(
        [*command, f"--threshold={MOST_EXPOSED[scope]}", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_a_restart_cannot_mend_is_left_to_the_owner() -> None:
    text = unit_of(Scope.SYSTEM).text()
    (line,) = re.findall(r"^RestartPreventExitStatus=(.*)$", text, re.MULTILINE)

    assert {int(code) for code in line.split()} == set(INCURABLE)
    assert not {ExitCode.CHAIN_UNREACHABLE, ExitCode.SERVICE, ExitCode.WORKER, ExitCode.UNEXPECTED} & set(
        INCURABLE
    )
    assert "Restart=on-failure" in text


def test_words_are_quoted_as_systemd_reads_them() -> None:
    text = unit_of(Scope.SYSTEM).text()

    assert '"/srv/50%% of $$HOME/\\"it\'s\\"/config.toml"' in text
    assert 'LoadCredential=password:/srv/50%% of $HOME/"it\'s"/password' in text


@pytest.mark.process
def test_install_writes_a_unit_and_uninstall_says_what_stays(tmp_path: Path) -> None:
    home, password = tmp_path / "home", tmp_path / "password"
    password.write_text("s3cret", "utf-8")
    password.chmod(0o600)
    installed = emeth_tui(home, "service", "install", "--password", str(password))
    unit = home / ".config/systemd/user/emeth-tui.service"

    assert (installed.returncode, installed.stdout) == (ExitCode.OK, f"{unit}: written\n"), installed.stderr
    text = unit.read_text("utf-8")
    assert f"LoadCredential=password:{password}" in text
    assert "s3cret" not in text
    assert "-m emeth_tui --no-ui" in text
    assert (home / ".local/state/emeth-tui").stat().st_mode & 0o777 == 0o700

    removed = emeth_tui(home, "service", "uninstall")
    assert removed.returncode == ExitCode.OK
    assert str(home / ".config/emeth-tui/keystore.json") in removed.stdout
    assert not unit.exists()
    assert_one_clear_line(
        emeth_tui(home, "service", "uninstall"), ExitCode.REFUSED, "no service is installed"
    )


@pytest.mark.process
def test_what_cannot_work_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    refused = [
        (["install"], "a service can ask nobody for the keystore's password"),
        (["install", "--password", str(tmp_path / "x")], "the file of `password` is not there"),
        (["install", "--system"], "whose node is it?"),
        (["install", "--system", "--run-as", "no-such-user"], "no user no-such-user"),
    ]
    for arguments, said in refused:
        assert_one_clear_line(emeth_tui(tmp_path, "service", *arguments), ExitCode.REFUSED, said)
    assert not (tmp_path / ".config").exists()


@pytest.mark.process
def test_others_that_may_read_a_secret_are_warned_of(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret", "utf-8")
    password.chmod(0o644)
    printed = emeth_tui(tmp_path / "home", "service", "install", "--print", "--password", str(password))

    assert printed.returncode == ExitCode.OK
    assert printed.stdout.startswith("# Written by")
    assert f"others may read {password}" in printed.stderr
    assert not (tmp_path / "home/.config").exists()


@pytest.mark.parametrize("lingers", [True, False])
def test_lingering_is_looked_up(tmp_path: Path, lingers: bool) -> None:
    if lingers:
        (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
        (tmp_path / "var/lib/systemd/linger/me").touch()
    assert Systemd(Scope.USER, root=tmp_path).lingers("me") is lingers
