"""Why a network's services and contracts cannot be set up."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class KeptFileDamaged(Reason):
    path: Path


class DirectoryUnusable(Reason):
    path: Path
    detail: ForeignText


class ServiceDidNotStart(Reason):
    service: str


class NoFreePort(Reason):
    pass


class NoPort(Reason):
    detail: ForeignText


class NotInBlock(Reason):
    act: str
    limit_s: float


class NotDeployed(Reason):
    detail: ForeignText | Reason


class DeployFailed(Reason):
    tx_hash: str


class DeployerUsed(Reason):
    address: str


class DeployedOtherwise(Reason):
    term: str
    found: str
    expected: str


class RecordOfOtherChain(Reason):
    path: Path
    chain_id: int


class RecordOfOtherAccount(Reason):
    path: Path
    address: str


class RecordOfOtherTerms(Reason):
    path: Path
    term: str


class TransactionsWait(Reason):
    address: str
    waiting: int


class ProfileThere(Reason):
    path: Path


class CannotListen(Reason):
    listen: str
    detail: ForeignText


class ServedAlready(Reason):
    directory: Path


class VerifierKeyDiffers(Reason):
    path: Path


class NotTheVerifier(Reason):
    address: str
    verifier: str


class NotItsSignature(Reason):
    address: str


class ServeExtraMissing(Reason):
    modules: str


class RecordsNewer(Reason):
    where: str
    version: int
    known: int


class RecordsFailed(Reason):
    where: str
    detail: ForeignText


class BucketMissing(Reason):
    where: str


class BucketRefused(Reason):
    where: str
    code: str


class StoreKeysWrong(Reason):
    where: str
    code: str


class StoreKeysExpired(Reason):
    where: str
    code: str


class StoreClockDiffers(Reason):
    where: str


class BucketOfOtherNetwork(Reason):
    where: str
    owner: str


class ObjectStoreFailed(Reason):
    where: str
    detail: ForeignText


class ServingPartMissing(Reason):
    part: str
    modules: str
    extra: str


class ServingSecretMissing(Reason):
    key: str
    variable: str


class ServingSecretUnreadable(Reason):
    path: Path
    detail: ForeignText | Reason


class NotText(Reason):
    pass


class NotANetworksKey(Reason):
    pass


class HostNotInProfile(Reason):
    host: str
    path: Path
