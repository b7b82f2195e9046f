"""What alerts need that is secret: the webhook's URL and secret, the URLs of other services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from emeth_tui.errors import SettingsError
from emeth_tui.notices.reasons.network.alerts import SecretFileUnreadable, WebhookNeedsSecret
from emeth_tui.notices.reasons.settings import InFile
from emeth_tui.settings.credentials import (
    APPRISE_URLS,
    BUS_VARIABLE,
    WEBHOOK_SECRET,
    WEBHOOK_SECRET_VARIABLE,
    credential_path,
)
from emeth_tui.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where messages are posted, and what they are signed with."""

    url: SecretStr
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class ServiceUrl:
    """The URL of a service, and where it stands."""

    url: SecretStr
    path: Path
    line: int


@dataclass(frozen=True, slots=True)
class AlertSecrets:
    """What the channels are opened with. Nothing of it is shown by `repr`."""

    webhook: Webhook | None = None
    services: tuple[ServiceUrl, ...] = ()
    desktop_bus: str = ""


def load_alert_secrets(settings: Settings, environment: Mapping[str, str]) -> AlertSecrets:
    """Return the secrets from the environment, the files that the settings name, or systemd's credentials.

    Raise SettingsError for a webhook without a secret, and for an unreadable file.
    """
    return AlertSecrets(
        _webhook(settings, environment),
        tuple(_services(settings, environment)),
        environment.get(BUS_VARIABLE, ""),
    )


def _webhook(settings: Settings, environment: Mapping[str, str]) -> Webhook | None:
    url, path = settings.alerts.webhook_url, settings.alerts.webhook_secret_file
    if url is None:
        return None
    secret = environment.get(WEBHOOK_SECRET_VARIABLE, "")
    path = path or credential_path(environment, WEBHOOK_SECRET)
    if not secret and path is not None:
        secret = _read("alerts.webhook_secret_file", path).splitlines()[0].strip()
    if not secret:
        raise SettingsError(InFile(str(settings.source), WebhookNeedsSecret(WEBHOOK_SECRET_VARIABLE)))
    return Webhook(url, SecretStr(secret))


def _services(settings: Settings, environment: Mapping[str, str]) -> list[ServiceUrl]:
    path = settings.alerts.apprise_file or credential_path(environment, APPRISE_URLS)
    if path is None:
        return []
    text = _read("alerts.apprise_file", path)
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    urls = {line: number for number, line in lines if line and not line.startswith("#")}  # each once
    return [ServiceUrl(SecretStr(line), path, number) for line, number in urls.items()]


def _read(key: str, path: Path) -> str:
    """Read a file of secrets. Raise SettingsError, which shows nothing of it."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise SettingsError(SecretFileUnreadable(key, path)) from None
    if not text.strip():
        raise SettingsError(SecretFileUnreadable(key, path))
    return text
