"""The text of a unit: how systemd starts a node, keeps it, hands it its secrets, and fences it in."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from emeth_tui.errors import ExitCode

NAME = "emeth-tui.service"
START_LIMIT_S = 300  # opening a wallet, connecting, and starting every device
SIGN_OF_LIFE_S = 120
STOP_LIMIT_S = 90  # a large checkpoint takes a minute
RESTART_AFTER_S = 15
# What a restart leaves as it is: the owner has to do something first.
INCURABLE = (
    ExitCode.USAGE,
    ExitCode.SETTINGS,
    ExitCode.WALLET,
    ExitCode.WRONG_CHAIN,
    ExitCode.CONTRACT_MISSING,
    ExitCode.UNFUNDED,
    ExitCode.ALREADY_RUNNING,
    ExitCode.STORE_DAMAGED,
    ExitCode.STORE_NEWER,
)
# Filters of system calls alone: a user's own systemd may not do more.
_FENCE = (
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",  # by links to hosts
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
    "LimitCORE=0",
)
# Devices stay: GPUs are among them. So does writable code in memory, which torch compiles.
_WALL = (
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "PrivateTmp=yes",
    "RemoveIPC=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
)


class Scope(Enum):
    """Whose systemd starts the node."""

    USER = "user"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit is made of. `user` is whom the system's systemd starts the node as."""

    scope: Scope
    command: Sequence[str]
    writable: Sequence[Path] = ()
    credentials: Mapping[str, Path] = field(default_factory=dict)
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Return the unit file's text."""
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield from (
            "# Written by `emeth-tui service install`; `systemctl edit` adds to it.",
            "[Unit]",
            "Description=Emeth node",
        )
        if self.scope is Scope.SYSTEM:
            yield from ("Wants=network-online.target", "After=network-online.target")
        yield "StartLimitIntervalSec=0"  # deadlines do not wait: it is tried for as long as it takes
        program, *arguments = self.command  # before the program, a colon leaves each $ as it is
        started = " ".join([word(f":{program}"), *map(word, arguments)])
        yield from ("", "[Service]", "Type=notify", f"ExecStart={started}")
        if self.user:
            yield f"User={self.user}"
        for name, value in self.environment.items():
            yield f"Environment={word(f'{name}={value}')}"
        for name, path in self.credentials.items():
            yield f"LoadCredential={name}:{_plain(str(path))}"
        yield from (
            f"TimeoutStartSec={START_LIMIT_S}",
            f"WatchdogSec={SIGN_OF_LIFE_S}",
            f"TimeoutStopSec={STOP_LIMIT_S}",
            "OOMPolicy=continue",  # a worker that the kernel kills for memory is replaced by the node
            "Restart=on-failure",
            f"RestartSec={RESTART_AFTER_S}",
            f"RestartPreventExitStatus={' '.join(str(int(code)) for code in INCURABLE)}",
            f"SuccessExitStatus={int(ExitCode.INTERRUPTED)}",  # stopped while it started
            *_FENCE,
        )
        if self.scope is Scope.SYSTEM:
            yield from _WALL
            yield from (f"ReadWritePaths={word(str(path))}" for path in self.writable)
        target = "default.target" if self.scope is Scope.USER else "multi-user.target"
        yield from ("", "[Install]", f"WantedBy={target}")


def _plain(text: str) -> str:
    return text.replace("%", "%%")


def word(text: str) -> str:
    """Quote a word as systemd.syntax(7) wants it; a new line in it starts no line of the unit."""
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return escaped if text and not set(text) & set(" \t\r\n'\"\\;") else f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Started:
    """What a unit starts: as whom, "" for its owner, by which command, [] for none found, with what set."""

    user: str
    command: Sequence[str]
    environment: Mapping[str, str]


def started_by(text: str) -> Started:
    """Return what a unit's text starts."""
    lines = [line.split("=", 1) for line in text.splitlines() if "=" in line]
    values = dict(lines)
    command = _words(values.get("ExecStart", ""))
    set_there = [word for name, value in lines if name == "Environment" for word in _words(value)]
    return Started(
        user=values.get("User", ""),
        command=[command[0].removeprefix(":"), *command[1:]] if command else [],
        environment=dict(assigned.split("=", 1) for assigned in set_there if "=" in assigned),
    )


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value.replace("%%", "%"))
    except ValueError:
        return []
