"""Why the keystore, or the key in it, cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class NoKeystore(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class WrongPassword(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class KeystoreDamaged(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class ValidatorKeystore(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class KeystoreOfVersion(Reason):
    path: Path
    version: str


@dataclass(frozen=True, slots=True)
class CipherNotRead(Reason):
    path: Path
    cipher: str
    known: str


@dataclass(frozen=True, slots=True)
class KdfNotRead(Reason):
    path: Path
    name: str
    known: str


@dataclass(frozen=True, slots=True)
class KdfTooCostly(Reason):
    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class KeystoreTooLarge(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class KeystoreOfOther(Reason):
    path: Path
    named: str
    holds: str


@dataclass(frozen=True, slots=True)
class KeystoreExists(Reason):
    path: Path


class NotPrivateKey(Reason):
    __slots__ = ()


class PrivateKeyNotHex(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PasswordNeeded(Reason):
    variable: str


class PasswordsDiffer(Reason):
    __slots__ = ()


class PasswordNotText(Reason):
    __slots__ = ()
