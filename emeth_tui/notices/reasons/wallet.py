"""Why the keystore, or the key in it, cannot be used."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.notices.notice import Reason


class NoKeystore(Reason):
    path: Path


class NoAdmission(Reason):
    prefix: str


class NotOurAdmission(Reason):
    address: str


class AdmissionOfOtherNetwork(Reason):
    network: str


class WrongPassword(Reason):
    path: Path


class KeystoreDamaged(Reason):
    path: Path


class ValidatorKeystore(Reason):
    path: Path


class KeystoreOfVersion(Reason):
    path: Path
    version: str


class CipherNotRead(Reason):
    path: Path
    cipher: str
    known: str


class KdfNotRead(Reason):
    path: Path
    name: str
    known: str


class KdfTooCostly(Reason):
    path: Path
    name: str


class KeystoreTooLarge(Reason):
    path: Path


class KeystoreOfOther(Reason):
    path: Path
    named: str
    holds: str


class KeystoreExists(Reason):
    path: Path


class NotPrivateKey(Reason):
    pass


class PrivateKeyNotHex(Reason):
    pass


class PasswordNeeded(Reason):
    variable: str


class PasswordsDiffer(Reason):
    pass


class PasswordNotText(Reason):
    pass
