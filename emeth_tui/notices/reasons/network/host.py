"""Why a host, or a worker on one, does not work."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class KeeperEnded(Reason):
    pass


class OutboxOverflows(Reason):
    pass


class NoSuchDevice(Reason):
    device: str


class TooManyAttempts(Reason):
    attempts: int


class KeeperNotStarted(Reason):
    log: Path
    detail: ForeignText


class HostRulesBroken(Reason):
    cause: Reason


class OtherHostProtocol(Reason):
    theirs: int
    ours: int
    version: str


class HostLineDropped(Reason):
    pass


class LinkEnded(Reason):
    pass


class LinkNotStarted(Reason):
    log: Path


class NotReachedYet(Reason):
    pass


class HostSilent(Reason):
    host: str
    lasted_s: int
    cause: Reason


class HostNotReached(Reason):
    detail: ForeignText | Reason


class HostLacks(Reason):
    host: str
    cause: Reason


class NotAskedYet(Reason):
    pass


class HostDiskFull(Reason):
    free_bytes: int
    needed_bytes: int


class FileTooLarge(Reason):
    name: str
    size_bytes: int
    limit_bytes: int


class JobDirectoryGone(Reason):
    pass


class HostHasNoResult(Reason):
    pass


class TransferBroke(Reason):
    host: str
    cause: Reason


class NotAHostName(Reason):
    name: str


class HostKnown(Reason):
    name: str


class HostUnknown(Reason):
    name: str


class HostsUnreadable(Reason):
    path: Path
    detail: ForeignText


class NotJoined(Reason):
    pass


class HostsExtraMissing(Reason):
    pass


class InvitationUnreadable(Reason):
    path: Path
    detail: ForeignText


class NotAnInvitation(Reason):
    path: Path


class InvitationOfOthers(Reason):
    path: Path


class InvitationOpen(Reason):
    path: Path


class NoHostAddress(Reason):
    address: str


class OtherNodePort(Reason):
    port: int
    ours: int


class NotOverTls(Reason):
    name: str


class NoWayThere(Reason):
    address: str
    detail: ForeignText


class AuthorityKeyUnfit(Reason):
    path: Path


class ConnectionToNodeEnded(Reason):
    pass


class AuthorityUnusable(Reason):
    path: Path
    detail: ForeignText
