"""How ssh(1) is called, and what it says when it fails."""

from __future__ import annotations

import re

from emeth_tui.foreign_text import ForeignText, one_line

REMOTE_COMMAND = 'PATH="$PATH:$HOME/.local/bin" emeth-tui'
KEPT_CHARS = 300  # of what ssh says
FAILED, NOT_FOUND = 255, 127  # exit statuses: ssh(1), and a shell's
# What a second try would not change, and many tries would lock the user out for.
FINAL = ("Permission denied", "Too many authentication failures", "Host key verification failed")
OPTIONS = (
    *("-T", "-a", "-x"),  # no terminal, agent or display there, whatever ssh's configuration says
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "-o", "ClearAllForwardings=yes"),
)
NO_QUESTIONS = ("-o", "BatchMode=yes")
_DESTINATION = re.compile(r"(ssh://)?[^\s\x00-\x1f-][^\s\x00-\x1f]*")


def is_destination(text: str) -> bool:
    """Whether ssh takes this for `[user@]host` or a URL, and not for an option or for several words."""
    return _DESTINATION.fullmatch(text) is not None


def host_of(destination: str) -> str:
    """Return the machine as people name it."""
    return destination.removeprefix("ssh://").rpartition("@")[2]


def reason(said: bytes) -> ForeignText:
    """Return the last line that ssh or the far end wrote, and the one before if that names the host's key."""
    text = said.decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and "@@@" not in line]
    if not lines:
        return ForeignText("")
    key = [line for line in lines[:-1] if line.startswith("Host key for")]
    return one_line(" ".join([*key[-1:], lines[-1].removeprefix("emeth-tui: error: ")]), KEPT_CHARS)
