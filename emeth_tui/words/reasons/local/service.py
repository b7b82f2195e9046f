"""The sentences of notices/reasons/local/service.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.local import service

SENTENCES: Mapping[type[Notice], str] = {
    service.SystemdMissing: "`{program}` is missing: this machine has no systemd",
    service.SystemdRefused: "`{command}` failed; what it says stands above",
    service.UnitNotThere: "{path}: no service is installed there",
    service.UnitUnwritable: "{path} cannot be written: {detail}; a service of the system's needs `sudo`",
    service.NobodyToRunAs: "whose node is it? `--run-as` names the user; the system's root should run none",
    service.NoSuchUser: "there is no user {name} on this machine",
    service.CredentialMissing: "the file of `{name}` is not there: {path}",
    service.PasswordNowhere: (
        "a service can ask nobody for the keystore's password: name its file with `--password`, or in "
        "`wallet.password_file`"
    ),
}
