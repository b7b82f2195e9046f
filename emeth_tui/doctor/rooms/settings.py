"""Settings: a file that can be read, secrets that only the owner reads, the network's verification key."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, error, ok, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.files import may_exist
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor import settings as found
from emeth_tui.notices.reasons.start import NoVerificationKey
from emeth_tui.process.threads import in_thread
from emeth_tui.settings import VERIFICATION_KEY_VARIABLE

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def _file(subject: Subject) -> Sequence[Finding]:
    setup, source = subject.setup, subject.settings.source
    if setup.settings_problem is not None:
        return [error(setup.settings_problem, remedies.FixSettings(source))]
    if not isinstance(setup.network, Reason):
        return [ok(found.SettingsRead(source, setup.network.name))]
    if not may_exist(source):
        return [error(found.SettingsMissing(source), remedies.RunSetup())]
    return [error(setup.network, remedies.FixSettings(source))]


async def _secrets(subject: Subject) -> Sequence[Finding]:
    return [finding for path in _with_secrets(subject) for finding in await in_thread(_privacy, path)]


def _with_secrets(subject: Subject) -> Iterator[Path]:
    settings = subject.settings
    keys = (table.get("verification_key") for table in settings.networks.values())
    if any(keys) or settings.alerts.webhook_url is not None:  # a part of the URL may be a key
        yield settings.source
    alerts = settings.alerts
    files = settings.wallet.password_file, alerts.webhook_secret_file, alerts.apprise_file
    yield from (path for path in files if path is not None)
    yield settings.keystore_path


def _privacy(path: Path) -> list[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return []  # the wallet's check says so
    if mode & _OTHERS:
        return [warning(found.FileOpenToOthers(path), remedies.CloseFile(path))]
    return [ok(found.FilePrivate(path))]


async def _verification_key(subject: Subject) -> Sequence[Finding]:
    network = subject.network
    if network.verification_key.get_secret_value():
        return [ok(found.KeyThere(network.name))]
    missing = NoVerificationKey(network.name, VERIFICATION_KEY_VARIABLE)
    return [error(missing, remedies.GetKey(VERIFICATION_KEY_VARIABLE))]


async def _verification(subject: Subject) -> Sequence[Finding]:
    network = subject.network
    if network.verification == "replay":
        return [ok(found.VerifiesReplay(network.name, network.delivery_s))]
    asked = found.VerifiesLearning if network.verification == "loss" else found.VerifiesChain
    return [ok(asked(network.name))]


CHECKS = (
    Check(Room.SETTINGS, "file", _file),
    Check(Room.SETTINGS, "secrets", _secrets),
    Check(Room.SETTINGS, "verification_key", _verification_key),
    Check(Room.SETTINGS, "verification", _verification),
)
