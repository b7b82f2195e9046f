"""The text of the unit by which systemd runs a host's relay."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.errors import ExitCode
from emeth_tui.service.unit import word

NAME = "emeth-tui-host.service"
RESTART_AFTER_S = 15


def host_unit(command: Sequence[str]) -> str:
    """Return the unit of a command. The keeper that it starts goes on when the relay is stopped."""
    program, *arguments = command
    started = " ".join([word(f":{program}"), *map(word, arguments)])
    lines = [
        "# Written by `emeth-tui hosts service`; `systemctl edit` adds to it.",
        "[Unit]",
        "Description=Emeth host",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"ExecStart={started}",
        "KillMode=process",
        "Restart=always",
        f"RestartSec={RESTART_AFTER_S}",
        f"RestartPreventExitStatus={int(ExitCode.USAGE)} {int(ExitCode.SETTINGS)}",
        "NoNewPrivileges=yes",
        "UMask=0077",
        "LimitCORE=0",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines)
