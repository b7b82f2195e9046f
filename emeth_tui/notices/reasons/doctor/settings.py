"""What there is of the settings."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.notices.notice import Reason


class SettingsRead(Reason):
    path: Path
    network: str


class SettingsMissing(Reason):
    path: Path


class FilePrivate(Reason):
    path: Path


class FileOpenToOthers(Reason):
    path: Path


class KeyThere(Reason):
    network: str


class VerifiesChain(Reason):
    network: str


class VerifiesReplay(Reason):
    network: str
    delivery_s: int


class VerifiesLearning(Reason):
    network: str
