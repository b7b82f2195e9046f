"""The sentences of notices/reasons/wallet.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import wallet

SENTENCES: Mapping[type[Notice], str] = {
    wallet.NoKeystore: "{path}: no such keystore; `emeth-tui wallet new` makes one",
    wallet.NoAdmission: "a line that admits an account begins with {prefix}; copy it whole",
    wallet.NotOurAdmission: (
        "this line is not for {address}, or is damaged: give the operator what `emeth-tui network introduce` "
        "prints here"
    ),
    wallet.AdmissionOfOtherNetwork: "this line admits to another network than {network}",
    wallet.WrongPassword: "{path}: the password is wrong",
    wallet.KeystoreDamaged: "{path}: is not a keystore v3 file, or is damaged",
    wallet.ValidatorKeystore: "{path}: is a validator's keystore (EIP-2335, BLS), not an account's",
    wallet.KeystoreOfVersion: "{path}: is a keystore of version {version}; only version 3 is read",
    wallet.CipherNotRead: "{path}: its cipher, {cipher}, is not supported; only {known} is",
    wallet.KdfNotRead: "{path}: its key derivation, {name}, is not supported; the standard has {known}",
    wallet.KdfTooCostly: "{path}: its key derivation ({name}) would take too much memory or time",
    wallet.KeystoreTooLarge: "{path}: is not a keystore v3 file: it is too large",
    wallet.KeystoreOfOther: "{path}: is damaged: it names {named} and holds {holds}",
    wallet.KeystoreExists: "{path}: exists already; a keystore is never overwritten",
    wallet.NotPrivateKey: "this is not a private key: 32 bytes in the curve's range are needed",
    wallet.PrivateKeyNotHex: "the private key is not hex",
    wallet.PasswordNeeded: (
        "the keystore's password is needed: set {variable} or wallet.password_file, or start from a terminal"
    ),
    wallet.PasswordsDiffer: "the two passwords differ; nothing was written",
    wallet.PasswordNotText: "the password is not UTF-8 text: check the encoding of terminal and environment",
}
