"""The sentences of notices/reasons/network/alerts.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import alerts

SENTENCES: Mapping[type[Notice], str] = {
    alerts.NotifyExtraMissing: "`apprise` is missing; `pip install 'emeth-tui[notify]'` installs it",
    alerts.NoNotifySend: "`notify-send` is missing; `apt install libnotify-bin` installs it",
    alerts.DesktopRefused: "`notify-send` failed: {detail}",
    alerts.ServiceUrlUnknown: "{path}, line {line}: `apprise` knows no service by this URL",
    alerts.ServiceRefused: "{service} did not take the message",
    alerts.WebhookNeedsSecret: (
        "alerts.webhook_url: what is sent there is signed with a secret; set alerts.webhook_secret_file or "
        "{variable}"
    ),
    alerts.SecretFileUnreadable: "{key} = {path}: cannot be read, or is empty",
    alerts.NoAlertChannel: (
        "no way for alerts: set `terminal`, `desktop`, `webhook_url` or `apprise_file` in `[alerts]`"
    ),
}
