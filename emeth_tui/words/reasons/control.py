"""The sentences of notices/reasons/control.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import control

SENTENCES: Mapping[type[Notice], str] = {
    control.NothingShownYet: "the node has not shown itself yet",
    control.NodeGone: (
        "the node (process {pid}) is gone: it was killed or has crashed; start it again, and its "
        "jobs go on from their checkpoints"
    ),
    control.NodeSilent: "the node (process {pid}) does not answer: {cause}",
    control.NodeNeverAnswered: (
        "this state is held by process {pid}, which does not answer: {cause}; it may be a node that "
        "still starts, one of another version, or a command such as `request` that has not ended"
    ),
    control.OtherVersion: (
        "the node that runs here is emeth-tui {theirs}, this is {ours}: they do not understand "
        "each other; use the node's version to look at it"
    ),
    control.NotControlJson: "the other side of the control socket does not speak JSON",
    control.AnswerNotUnderstood: "the node's answer is not understood here: {detail}",
    control.NoAnswerInTime: "the node has not answered in {limit_s}",
    control.NoHelloInTime: "the node has not said hello in {limit_s}",
    control.NotToBeSent: "not sent, because the node would not read it: {detail}",
    control.RequestTooLong: "not sent, because it has {size_bytes}, and the node reads {limit_bytes} at most",
    control.OutcomeUnknown: (
        "{command} was sent, its outcome is not known: {cause}; it is not sent again by itself: look at the "
        "node's events first"
    ),
    control.CommandBroke: "{command}: internal error of the node, please report it: {detail}",
    control.NoDestination: "{name}: no machine that ssh could reach; expected [user@]host or ssh://[user@]host[:port]",
    control.NoSsh: "{command} cannot be run: {detail}",
    control.SshFailed: "{host} cannot be reached over ssh: {said}",
    control.NotInstalledThere: (
        "{host}: emeth-tui is not found there ({said}); `--remote-command` says how it is called"
    ),
    control.FarEndSays: "on {host}: {said}",
    control.FarEndLeft: "on {host}: exit status {status}",
    control.TooManyClients: "{clients} screens and commands are connected to the node, as many as it takes",
    control.ConnectionLost: "the connection to the node is broken; trying again",
    control.ConnectionBrokeOff: "the connection to the node is broken: {detail}",
    control.ConnectionClosed: "the node has closed the connection",
    control.NobodyListens: "{directory}: no node listens there: {detail}",
}
