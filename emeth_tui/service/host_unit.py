"""The text of the unit by which systemd runs a host's relay."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.errors import ExitCode
from emeth_tui.service.unit import word

RESTART_AFTER_S = 15


def unit_name(host: str, node: str) -> str:
    """Name the unit of a host of a node's: a machine may be a host of several, each with its own."""
    return f"emeth-tui-host-{host}-{node}.service"


def host_unit(command: Sequence[str], host: str, node: str) -> str:
    """Return the unit of a command. The keeper that it starts goes on when the relay is stopped."""
    program, *arguments = command
    started = " ".join([word(f":{program}"), *map(word, arguments)])
    lines = [
        "# Written by `emeth-tui hosts service`; `systemctl edit` adds to it.",
        "[Unit]",
        f"Description=Emeth host {host} of node {node}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"ExecStart={started}",
        "KillMode=process",
        "OOMPolicy=continue",  # a worker that the kernel kills for memory is the keeper's to replace
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
