"""The service's unit: systemd accepts it, fences the node in, and hands over secrets by their files alone."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emeth_tui.cli.service import service
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
    path, program = tmp_path / "emeth-tui.service", tmp_path / "50% of $x" / "true"
    program.parent.mkdir()
    program.symlink_to("/bin/true")  # it looks whether there is such a program
    path.write_text(unit_of(scope, str(program)).text(), "utf-8")
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


@pytest.mark.parametrize("scope", Scope)
def test_the_fence_lets_links_to_hosts_confine_themselves(scope: Scope) -> None:
    """systemd 252's @system-service is without these calls."""
    filters = re.findall("^SystemCallFilter=(.*)$", unit_of(scope).text(), re.MULTILINE)
    allowed = {word for words in filters for word in words.split()}
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= allowed


def test_what_a_restart_cannot_mend_is_left_to_the_owner() -> None:
    text = unit_of(Scope.SYSTEM).text()
    (line,) = re.findall(r"^RestartPreventExitStatus=(.*)$", text, re.MULTILINE)

    assert {int(code) for code in line.split()} == set(INCURABLE)
    assert not {ExitCode.CHAIN_UNREACHABLE, ExitCode.SERVICE, ExitCode.WORKER, ExitCode.UNEXPECTED} & set(
        INCURABLE
    )
    assert ExitCode.STORE_NEWER in INCURABLE
    assert "Restart=on-failure" in text


@pytest.mark.parametrize("scope", Scope)
def test_a_worker_that_the_kernel_kills_for_memory_is_replaced_by_the_node_alone(scope: Scope) -> None:
    """By itself systemd would then stop the node, with every other job."""
    assert "\nOOMPolicy=continue\n" in unit_of(scope).text()


def test_words_are_quoted_as_systemd_reads_them() -> None:
    text = unit_of(Scope.SYSTEM).text()

    (started,) = re.findall("^ExecStart=(.*)$", text, re.MULTILINE)
    assert started.startswith(":/bin/true ")  # by the colon systemd leaves each $ as it is
    assert '"/srv/50%% of $HOME/\\"it\'s\\"/config.toml"' in started
    assert 'ReadWritePaths="/srv/50%% of $HOME/\\"it\'s\\""' in text
    assert 'LoadCredential=password:/srv/50%% of $HOME/"it\'s"/password' in text


def test_no_path_adds_a_line_to_the_unit() -> None:
    text = Unit(Scope.USER, ["/a b/emeth-tui", "--config", "/x\nExecStartPre=/y", ""]).text()

    assert 'ExecStart=":/a b/emeth-tui" --config "/x\\nExecStartPre=/y" ""\n' in text


class FakeSystemd:
    """A directory where systemd seems to run, and a `systemctl` that notes how it is called."""

    def __init__(self, directory: Path) -> None:
        self.root, self.home = directory / "root", directory / "home"
        self._programs, self._calls = directory / "bin", directory / "calls"
        for made in (self.root / "run/systemd/system", self.home, self._programs):
            made.mkdir(parents=True)
        (self._programs / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>"{self._calls}"\n', "utf-8")
        (self._programs / "systemctl").chmod(0o755)
        self.unit = self.home / ".config/systemd/user/emeth-tui.service"

    @property
    def path(self) -> str:
        return str(self._programs)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text("utf-8").splitlines()

    def run(self, *arguments: str) -> Result:
        """Run `emeth-tui service`."""
        environment = {"HOME": str(self.home), "PATH": self.path, "SUDO_USER": None}
        environment |= {f"XDG_{name}_HOME": None for name in ("CONFIG", "STATE", "CACHE", "DATA")}
        return CliRunner().invoke(service, arguments, env=environment, catch_exceptions=False)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    fake = FakeSystemd(tmp_path)
    monkeypatch.setattr(
        "emeth_tui.cli.service._systemd",
        lambda *, of_system: Systemd(Scope.SYSTEM if of_system else Scope.USER, root=fake.root),
    )
    (tmp_path / "password").write_text("s3cret", "utf-8")
    (tmp_path / "password").chmod(0o600)
    return fake


def test_the_node_is_started_and_stopped_by_systemd(tmp_path: Path, systemd: FakeSystemd) -> None:
    installed = systemd.run("install", "--password", f"{systemd.home}/../password")
    removed = systemd.run("uninstall")

    assert "LoadCredential=password" not in removed.output
    assert systemd.calls == [
        "--user daemon-reload",
        "--user enable --now --no-block emeth-tui.service",
        "--user disable --now emeth-tui.service",
        "--user daemon-reload",
    ]
    assert "ends when you log out" in installed.output


def test_what_systemd_takes_as_it_is_has_no_parent_in_it(tmp_path: Path, systemd: FakeSystemd) -> None:
    systemd.run(
        "install", "--password", f"{systemd.home}/../password"
    )  # it ignores a path with "..", and warns

    assert f"LoadCredential=password:{tmp_path}/password\n" in systemd.unit.read_text("utf-8")


def test_a_service_of_the_systems_may_write_what_a_node_writes(tmp_path: Path, systemd: FakeSystemd) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    systemd.run("install", "--system", "--run-as", me, "--password", str(tmp_path / "password"))
    text = (systemd.root / "etc/systemd/system/emeth-tui.service").read_text("utf-8")
    places = [Path(place) for place in re.findall("^ReadWritePaths=(.*)$", text, re.MULTILINE)]
    removed = systemd.run("uninstall", "--system")

    assert f"User={me}\n" in text
    assert len(places) == 5
    assert all(place.is_relative_to(systemd.home) for place in places)
    assert {place.stat().st_mode & 0o777 for place in places} == {0o700}
    assert systemd.calls[1:3] == [
        "enable --now --no-block emeth-tui.service",
        "disable --now emeth-tui.service",
    ]
    assert f"jobs and books: {systemd.home}/.local/state/emeth-tui" in removed.output
    assert f"models: {systemd.home}/.cache/huggingface" in removed.output


def test_where_the_models_are_is_passed_on(
    tmp_path: Path, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", f"{tmp_path}/50% models")
    systemd.run("install", "--password", str(tmp_path / "password"))
    monkeypatch.delenv("HF_HOME")
    written = systemd.unit.read_text("utf-8")
    removed = systemd.run("uninstall")

    assert f'Environment="HF_HOME={tmp_path}/50%% models"\n' in written
    assert f"models: {tmp_path}/50% models\n" in removed.output


def test_a_unit_that_the_owner_changed_is_kept(tmp_path: Path, systemd: FakeSystemd) -> None:
    install = ("install", "--password", str(tmp_path / "password"))
    systemd.run(*install)
    assert "before" not in systemd.run(*install).output  # it is the same
    written = systemd.unit.read_text("utf-8")
    systemd.unit.write_text(written + "# mine\n", "utf-8")
    again = systemd.run(*install)

    assert systemd.unit.read_text("utf-8") == written
    kept = systemd.unit.with_name("emeth-tui.service.old")
    assert kept.read_text("utf-8") == written + "# mine\n"
    assert str(kept) in again.output


def test_uninstall_names_the_data_of_the_node_that_the_unit_starts(
    tmp_path: Path, systemd: FakeSystemd
) -> None:
    mine, text = tmp_path / "my own", "[state]\ndirectory = '/srv/100% mine'\n"
    mine.mkdir()
    (mine / "config.toml").write_text(text, "utf-8")
    systemd.unit.parent.mkdir(parents=True)
    command = ["/opt/venv/bin/python", "-m", "emeth_tui", "--config", str(mine / "config.toml"), "--no-ui"]
    systemd.unit.write_text(Unit(Scope.USER, command).text(), "utf-8")
    removed = systemd.run("uninstall")

    assert f"settings: {mine}/config.toml" in removed.output
    assert "jobs and books: /srv/100% mine" in removed.output


def test_uninstall_says_so_where_the_settings_cannot_be_read(tmp_path: Path, systemd: FakeSystemd) -> None:
    systemd.unit.parent.mkdir(parents=True)
    (tmp_path / "config.toml").write_text("[state", "utf-8")
    command = ["/opt/emeth-tui", "--config", str(tmp_path / "config.toml"), "--no-ui"]
    systemd.unit.write_text(Unit(Scope.USER, command).text(), "utf-8")
    removed = systemd.run("uninstall")

    assert removed.exit_code == 0
    assert not systemd.unit.exists()
    assert "where its data is" in removed.output


@pytest.mark.process
def test_install_writes_a_unit_and_uninstall_says_what_stays(tmp_path: Path) -> None:
    path = FakeSystemd(tmp_path / "fake").path  # nothing here reaches this machine's own systemd
    home, password = tmp_path / "home", tmp_path / "password"
    password.write_text("s3cret", "utf-8")
    password.chmod(0o600)
    installed = emeth_tui(home, "service", "install", "--password", str(password), PATH=path)
    unit = home / ".config/systemd/user/emeth-tui.service"

    assert installed.returncode == ExitCode.OK, installed.stderr
    assert installed.stdout.startswith(f"{unit}: written\n")
    text = unit.read_text("utf-8")
    assert f"LoadCredential=password:{password}" in text
    assert "s3cret" not in text
    assert "-m emeth_tui --no-ui" in text
    assert not (home / ".local").exists()  # the node makes what it needs

    removed = emeth_tui(home, "service", "uninstall", PATH=path)
    assert removed.returncode == ExitCode.OK
    assert str(home / ".config/emeth-tui/keystore.json") in removed.stdout
    assert not unit.exists()
    assert_one_clear_line(
        emeth_tui(home, "service", "uninstall", PATH=path), ExitCode.REFUSED, "no service is installed"
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
        result = emeth_tui(tmp_path, "service", *arguments, SUDO_USER="")
        assert_one_clear_line(result, ExitCode.REFUSED, said)
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
