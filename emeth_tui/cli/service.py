"""`emeth-tui service`: the node as a service of systemd, which starts it, keeps it and stops it."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.node.options import StartOptions
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.types import FILE
from emeth_tui.errors import CommandRefused, EmethError, ExitCode
from emeth_tui.foreign_text import system_text
from emeth_tui.streams import narrate
from emeth_tui.words.sentences import text_of

if TYPE_CHECKING:
    from emeth_tui.service.systemd import Systemd
    from emeth_tui.service.unit import Started, Unit
    from emeth_tui.settings import Settings

_SCOPE = click.option(
    "--system/--user", "of_system", help="The system's systemd, or your own [default: your own]."
)
CREDENTIALS = ("password", "verification-key", "webhook-secret", "apprise-urls")


@click.group()
def service() -> None:
    """Let systemd start the node, keep it running, and stop it in order.

    --config, --network and --state-dir before `service` say which node.
    """


@service.command(
    "install",
    epilog=example(
        "emeth-tui service install --password ~/emeth/password",
        "sudo emeth-tui service install --system --password /etc/emeth-tui/password",
    ),
)
@_SCOPE
@click.option("--run-as", metavar="USER", help="With --system: whose node it is [default: who called sudo].")
@click.option("--password", type=FILE, help="File with the keystore's password, for systemd to hand over.")
@click.option("--verification-key", type=FILE, help="File with the network's verification key.")
@click.option("--webhook-secret", type=FILE, help="File with the secret of the alerts' webhook.")
@click.option("--apprise-urls", type=FILE, help="File with the URLs of other services for alerts.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit, and change nothing.")
@click.pass_context
def service_install(
    context: click.Context, /, of_system: bool, run_as: str | None, only_print: bool, **files: Path | None
) -> ExitCode:
    """Write the unit, and have systemd start the node now and at each start of the machine.

    Secrets are files that systemd reads and hands to the node alone; the unit holds none.
    """
    options = StartOptions(**context.find_root().params)
    owner = _owner(run_as, of_system=of_system)
    settings = _settings_of(options, owner)
    systemd = _systemd(of_system=of_system)
    unit = _unit(options, settings, systemd, owner, files)
    if only_print:
        print(unit.text(), end="")
        return ExitCode.OK
    if of_system:
        for directory in unit.writable:
            _make(directory, owner)
    kept = systemd.write(unit.text())
    print(f"{systemd.unit_path}: written")
    if kept is not None:
        narrate(f"emeth-tui: the unit that stood there before is in {kept}; a node that runs goes on by it")
    if not systemd.runs:
        narrate("emeth-tui: systemd does not run here: the service starts where it does")
        return ExitCode.OK
    systemd.control("daemon-reload")
    systemd.control("enable", "--now", "--no-block", systemd.unit_path.name)
    print("the node starts; `emeth-tui service status` shows it, `emeth-tui service logs` what it does")
    if not of_system and not systemd.lingers(owner.pw_name):
        narrate(
            "emeth-tui: warning: the service ends when you log out; "
            f"`loginctl enable-linger {owner.pw_name}` lets it go on"
        )
    return ExitCode.OK


@service.command("uninstall", epilog=example("emeth-tui service uninstall"))
@_SCOPE
@click.pass_context
def service_uninstall(context: click.Context, of_system: bool) -> ExitCode:
    """Stop the service and remove its unit; every job under way is saved, and all data stays."""
    systemd = _systemd(of_system=of_system)
    from emeth_tui.service.unit import started_by

    before = systemd.read()
    if systemd.runs and before:
        systemd.control("disable", "--now", systemd.unit_path.name)
    systemd.remove()
    if systemd.runs:
        systemd.control("daemon-reload")
    print(f"{systemd.unit_path}: removed")
    started = started_by(before)
    try:
        settings = _settings_by(started, StartOptions(**context.find_root().params))
    except EmethError as error:
        narrate(f"emeth-tui: where its data is depends on the settings: {text_of(error.reason)}")
        return ExitCode.OK
    print("what stays, for you to keep or delete:")
    for what, path in (
        ("settings", settings.source),
        ("keystore", settings.keystore_path),
        ("jobs and books", settings.state_base),
        ("datasets and results", settings.cache_base),
        ("models", _models(started.environment or _models_place())),
    ):
        print(f"  {what}: {path}")
    return ExitCode.OK


@service.command("status", epilog=example("emeth-tui service status"))
@_SCOPE
def service_status(of_system: bool) -> ExitCode:
    """Show what systemd knows of the service."""
    systemd = _systemd(of_system=of_system)
    command = systemd.command("systemctl", "status", "--no-pager", systemd.unit_path.name)
    return ExitCode.OK if not subprocess.run(command, check=False).returncode else ExitCode.NOT_RUNNING


@service.command("logs", epilog=example("emeth-tui service logs --follow"))
@_SCOPE
@click.option("--follow", is_flag=True, help="Go on with what is logged from now on.")
def service_logs(of_system: bool, follow: bool) -> ExitCode:
    """Show what the service has logged, by journalctl."""
    systemd = _systemd(of_system=of_system)
    arguments = ["--unit", systemd.unit_path.name, *(["--follow"] if follow else ["--no-pager"])]
    if not of_system:
        arguments[0] = "--user-unit"
    sys.stdout.flush()
    command = [part for part in systemd.command("journalctl", *arguments) if part != "--user"]
    os.execv(command[0], command)  # noqa: S606 - journalctl takes over, pager, signals and all


def _systemd(*, of_system: bool) -> Systemd:
    from emeth_tui.service.systemd import Systemd
    from emeth_tui.service.unit import Scope

    return Systemd(Scope.SYSTEM if of_system else Scope.USER)


def _owner(run_as: str | None, *, of_system: bool) -> pwd.struct_passwd:
    """Return the user whose node it is. Raise CommandRefused."""
    from emeth_tui.notices.reasons.local.service import NobodyToRunAs, NoSuchUser

    if not of_system:
        return pwd.getpwuid(os.geteuid())
    name = run_as or os.environ.get("SUDO_USER")
    if not name:
        raise CommandRefused(NobodyToRunAs())
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise CommandRefused(NoSuchUser(name)) from None


def _settings_of(options: StartOptions, owner: pwd.struct_passwd) -> Settings:
    """Return the settings as the owner's node finds them. Raise SettingsError."""
    from emeth_tui.settings import load_settings

    if owner.pw_uid != os.geteuid():  # what the platform's directories are made of
        os.environ["HOME"] = owner.pw_dir
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            os.environ.pop(name, None)
    return load_settings(options.config, overrides=options.overrides())


def _settings_by(started: Started, options: StartOptions) -> Settings:
    """Return the settings of the node that a unit starts, or those of `options` where it is none of ours.

    Raise SettingsError and CommandRefused.
    """
    from emeth_tui.cli.main import command

    words = list(started.command)
    if words:
        arguments = words[3:] if words[1:2] == ["-m"] else words[1:]
        with command.make_context("emeth-tui", arguments, resilient_parsing=True) as parsed:
            options = StartOptions(**parsed.params)
    return _settings_of(options, _owner(started.user or None, of_system=bool(started.user)))


def _unit(
    options: StartOptions,
    settings: Settings,
    systemd: Systemd,
    owner: pwd.struct_passwd,
    files: dict[str, Any],
) -> Unit:
    from emeth_tui.notices.reasons.local.service import PasswordNowhere
    from emeth_tui.service.unit import Scope, Unit

    credentials = dict(_credentials(files))
    if "password" not in credentials and settings.wallet.password_file is None:
        raise CommandRefused(PasswordNowhere())
    of_system = systemd.scope is Scope.SYSTEM
    return Unit(
        scope=systemd.scope,
        command=_command(options),
        writable=_writable(settings),
        credentials=credentials,
        environment=_models_place(),
        user=owner.pw_name if of_system else "",
    )


def _credentials(files: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    from emeth_tui.notices.reasons.local.service import CredentialMissing

    for name in CREDENTIALS:
        path = files.get(name.replace("-", "_"))
        if path is None:
            continue
        if not path.is_file():
            raise CommandRefused(CredentialMissing(name, path))
        if path.stat().st_mode & 0o077:
            narrate(f"emeth-tui: warning: others may read {path}; `chmod 600` keeps it from them")
        yield name, _complete(path)


def _command(options: StartOptions) -> list[str]:
    """Return the command that starts this node; the program is the one that runs now."""
    program = _complete(Path(sys.argv[0]))
    words = [str(program)] if os.access(program, os.X_OK) and program.name == "emeth-tui" else []
    words = words or [sys.executable, "-m", "emeth_tui"]
    if options.config:
        words += ["--config", str(_complete(options.config))]
    if options.network:
        words += ["--network", options.network]
    if options.state_dir:
        words += ["--state-dir", str(_complete(options.state_dir))]
    if options.metrics:
        words += ["--metrics", options.metrics]
    for device in options.devices:
        words += ["--device", device]
    return [*words, "--no-ui"]


def _complete(path: Path) -> Path:
    """Return a path from the root; systemd refuses one with ".." in it."""
    return path.resolve() if ".." in path.parts else path.absolute()


def _models_place() -> dict[str, str]:
    """Return the variable that says where the models are, if it is set: a service has another environment."""
    place = os.environ.get("HF_HOME")
    return {"HF_HOME": str(_complete(Path(place).expanduser()))} if place else {}


def _models(environment: Mapping[str, str]) -> Path:
    """Return where the models are that the hub's library keeps."""
    return Path(environment.get("HF_HOME", Path.home() / ".cache" / "huggingface"))


def _writable(settings: Settings) -> list[Path]:
    """Return where a node writes: its state and cache, its settings, the models' cache, Triton's kernels."""
    models, kernels = _models(_models_place()), Path.home() / ".triton"
    directories = settings.state_base, settings.cache_base, settings.source.parent, models, kernels
    return list(dict.fromkeys(map(_complete, directories)))


def _make(directory: Path, owner: pwd.struct_passwd) -> None:
    """Make a directory of the owner's where there is none: what is missing cannot be opened to a service.

    Raise CommandRefused.
    """
    from emeth_tui.notices.reasons.local.service import UnitUnwritable

    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in missing:
            if owner.pw_uid != os.geteuid():
                os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)  # as the owner may swap it
    except OSError as error:
        raise CommandRefused(UnitUnwritable(directory, system_text(error))) from error
