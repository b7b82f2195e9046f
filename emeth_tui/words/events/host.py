"""The sentences of notices/events/host.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import host
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    host.HostJoined: "host {host} joined: {devices}",
    host.HostDiffers: "host {host} has {what} {theirs}, this machine {ours}: results may differ a little",
    host.HostModelReady: "the model {model} is ready on host {host}",
    host.HostModelTrouble: "host {host} does not have the model {model}: {reason}; it gets no job of it",
    host.HostAway: "host {host} is away: {reason}; its jobs go on there, and are waited for",
    host.HostBack: "host {host} is back after {lasted_s}",
    host.HostRemoved: "host {host} is no longer used",
    host.HostDrains: "host {host} finishes what it has and gets no new jobs, as decided by {by}",
    host.HostTakesJobs: "host {host} gets new jobs again, as decided by {by}",
    host.HostRefused: "refused, of what came with host {host}'s certificate: {reason}",
    host.HostsLeftOut: (
        "{network} verifies by training epochs again, from states that a host does not send: no host is used"
    ),
    host.HostsNotRead: "the hosts stay as they are: {reason}",
    host.JobMoved: (
        "host {host} has been away for {away_s} and the job cannot wait any longer: it goes on elsewhere "
        "from its last checkpoint at home"
    ),
}

_REACH_HOST = (
    "try ssh to it by hand; `emeth-tui hosts` shows what fails. If it stays away, `emeth-tui hosts remove "
    "NAME` has its jobs go on elsewhere"
)
REMEDIES: Mapping[type[Notice], str] = {
    host.HostDiffers: "install the same versions on both machines; until then the host trains all the same",
    host.HostModelTrouble: (
        "see to the host's way to the hub (HF_ENDPOINT, proxies) and its disk, or put the model's directory "
        "under the same path there; it is tried again by itself, and other devices train meanwhile"
    ),
    host.HostAway: _REACH_HOST,
    host.JobMoved: _REACH_HOST,
    host.HostRefused: (
        "look after that machine: it, or somebody with its certificate, does what emeth-tui does not. "
        "`emeth-tui hosts rotate NAME` makes the certificate worthless"
    ),
    host.HostsLeftOut: "nothing: this machine's devices train; run a node of its own on the other machine",
    host.HostsNotRead: "correct hosts.json in the state directory; the node reads it again by itself",
}
