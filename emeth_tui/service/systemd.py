"""Where systemd's files are, and the commands that it takes."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.errors import CommandRefused
from emeth_tui.files import write_atomically
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.local.service import (
    SystemdMissing,
    SystemdRefused,
    UnitNotThere,
    UnitUnwritable,
)
from emeth_tui.service.unit import NAME, Scope

_UNIT_MODE = 0o644  # no secret is in it, and others may look


@dataclass(frozen=True, slots=True)
class Systemd:
    """One systemd: the user's own or the system's. `root` is another place than `/` in tests alone."""

    scope: Scope
    root: Path = Path("/")
    home: Path = Path("~")
    name: str = NAME

    @property
    def unit_path(self) -> Path:
        if self.scope is Scope.SYSTEM:
            return self.root / "etc/systemd/system" / self.name
        base = os.environ.get("XDG_CONFIG_HOME") or str(self.home.expanduser() / ".config")
        return Path(base) / "systemd/user" / self.name

    @property
    def runs(self) -> bool:
        """Whether systemd runs on this machine."""
        return (self.root / "run/systemd/system").is_dir()

    def lingers(self, user: str) -> bool:
        """Whether a user's services go on without a session of his."""
        return (self.root / "var/lib/systemd/linger" / user).exists()

    def write(self, text: str) -> Path | None:
        """Write the unit. Return where another one that stood there is kept. Raise CommandRefused."""
        path = self.unit_path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = _keep(path, text.encode())
            write_atomically(path, text.encode())
            path.chmod(_UNIT_MODE)
        except OSError as error:
            raise CommandRefused(UnitUnwritable(path, system_text(error))) from error
        return kept

    def read(self) -> str:
        """Return the unit's text, "" where there is none. Raise CommandRefused."""
        try:
            return self.unit_path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise CommandRefused(UnitUnwritable(self.unit_path, system_text(error))) from error

    def remove(self) -> None:
        """Remove the unit. Raise CommandRefused where there is none."""
        path = self.unit_path
        try:
            path.unlink()
        except FileNotFoundError:
            raise CommandRefused(UnitNotThere(path)) from None
        except OSError as error:
            raise CommandRefused(UnitUnwritable(path, system_text(error))) from error

    def control(self, *arguments: str) -> None:
        """Give systemd a command. Raise CommandRefused."""
        command = self.command("systemctl", *arguments)
        ended = subprocess.run(command, check=False)
        if ended.returncode:
            raise CommandRefused(SystemdRefused(" ".join(["systemctl", *command[1:]])))

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return a command for this systemd. Raise CommandRefused without the program."""
        path = shutil.which(program)
        if path is None:
            raise CommandRefused(SystemdMissing(program))
        return [path, *(["--user"] if self.scope is Scope.USER else []), *arguments]


def _keep(path: Path, text: bytes) -> Path | None:
    """Copy a file to a name that systemd does not read, if it holds something else. Raise OSError."""
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        return None
    if before == text:
        return None
    kept = path.with_name(f"{path.name}.old")
    write_atomically(kept, before)
    return kept
