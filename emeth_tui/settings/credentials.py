"""Secrets that the service manager hands over: one file each in a directory of this process alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from emeth_tui.files import may_exist

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"  # systemd.exec(5), LoadCredential=
BUS_VARIABLE = "DBUS_SESSION_BUS_ADDRESS"
WEBHOOK_SECRET_VARIABLE = "EMETH_TUI_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
PASSWORD = "password"  # noqa: S105 - the credential's name
VERIFICATION_KEY = "verification-key"
WEBHOOK_SECRET = "webhook-secret"  # noqa: S105 - the credential's name
APPRISE_URLS = "apprise-urls"


def credential_path(environment: Mapping[str, str], name: str) -> Path | None:
    """Return the file of a credential, None where there is none."""
    directory = environment.get(CREDENTIALS_VARIABLE, "")
    path = Path(directory) / name
    return path if directory.startswith("/") and may_exist(path) else None
