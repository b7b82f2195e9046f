"""The sentences of notices/reasons/network/host.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import host

SENTENCES: Mapping[type[Notice], str] = {
    host.KeeperEnded: "the keeper on the host has ended",
    host.OutboxOverflows: "the worker said more than the host keeps for a node that is away",
    host.NoSuchDevice: "the host has no device {device}",
    host.TooManyAttempts: "the host keeps {attempts} worker processes at most",
    host.KeeperNotStarted: "the keeper does not start: {detail}; its log is {log}",
    host.HostRulesBroken: "the host broke the rules: {cause}",
    host.OtherHostProtocol: (
        "emeth-tui {version} on the host speaks version {theirs} of the hosts' protocol, this node {ours}: "
        "install the same release on both"
    ),
    host.HostLineDropped: "the connection dropped",
    host.LinkEnded: "the process that connects to the host ended",
    host.LinkNotStarted: "the link to the host does not start; its log is {log}",
    host.NotReachedYet: "connecting",
    host.HostSilent: "silent for {lasted_s}: {cause}",
    host.HostNotReached: "the host is not reached: {detail}",
    host.HostLacks: "host {host}: {cause}",
    host.NotAskedYet: "it has not said yet what it has for jobs",
    host.HostDiskFull: "its disk has {free_bytes} to spare and the job needs {needed_bytes}",
    host.FileTooLarge: "the host's {name} has {size_bytes}, and at most {limit_bytes} are taken",
    host.JobDirectoryGone: "the job has no directory any more",
    host.HostHasNoResult: "the host has no result",
    host.TransferBroke: "host {host}: a file was not moved: {cause}",
    host.NotAHostName: (
        "{name} is no name for a host: up to 24 small letters, digits, - and _, beginning with a letter or "
        "digit"
    ),
    host.HostKnown: "there is a host {name} already",
    host.HostUnknown: "there is no host {name}",
    host.HostsUnreadable: "{path} cannot be used: {detail}",
    host.NotJoined: "it has not joined; `emeth-tui hosts join` on the host does that",
    host.HostsExtraMissing: "packages are missing; `pip install 'emeth-tui[hosts]'` installs them",
    host.InvitationUnreadable: "{path} cannot be used: {detail}",
    host.NotAnInvitation: "{path} is no file of `emeth-tui hosts add`",
    host.InvitationOfOthers: "{path} is another host's or node's",
    host.InvitationOpen: "{path} holds a key, and others may read it: `chmod 600` it first",
    host.OtherNodePort: "the hosts of this node reach it at port {ours}, not {port}",
    host.NoHostAddress: "{address} is no address: `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`",
    host.NotOverTls: "host {name} is reached over ssh: it has no certificate",
    host.NoWayThere: "no own address towards {address} is known ({detail}): give one with `--here`",
    host.ConnectionToNodeEnded: "the connection to the node ended",
    host.AuthorityKeyUnfit: "{path} holds no key of an elliptic curve",
    host.AuthorityUnusable: "{path} cannot be used: {detail}",
}
