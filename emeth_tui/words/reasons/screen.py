"""The sentences of notices/reasons/screen.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import screen

SENTENCES: Mapping[type[Notice], str] = {
    screen.NodeStarting: "the node is still starting",
    screen.ReadOnlyScreen: "read-only: it was started with --read-only, or `screen.read_only` is set",
    screen.NoJobChosen: "no job is chosen",
    screen.NothingChosen: "nothing is chosen",
    screen.JobHasEnded: "this job has ended",
    screen.NothingToPause: "this job is submitted: there is nothing left to pause",
    screen.NothingToDecline: "this job is not claimed yet: there is nothing to decline",
    screen.TooLateToDecline: "this job is submitted: it can no longer be declined",
    screen.NoJobToDecline: "no job can be declined now",
    screen.ClaimingAlreadyPaused: "claiming is already paused",
    screen.TakesNoNewJobs: "the node is draining and takes no new jobs",
    screen.AlreadyDraining: "the node is already draining",
    screen.AlreadyStopping: "the node is already stopping",
    screen.EndsAfterDeadline: "it would not be done before its deadline",
    screen.ChainNotReadYet: "the chain has not been read yet",
    screen.NoRewardToWithdraw: "no closed day has a reward to withdraw",
    screen.NothingToExport: "there is nothing to export",
    screen.SetByOption: "set on this run's command line, which overrides the file",
    screen.SetByEnvironment: "set in this run's environment, which overrides the file",
    screen.EntryMissing: "{name}: nothing is typed there",
    screen.EntryNotUnderstood: "{name}: ‘{text}’ is not understood; it takes, for example, {wanted}",
    screen.UnknownAction: "keys.{action}: there is no such action; {hint}",
    screen.KeyTaken: (
        "keys.{action} = '{key}': {other} has this key already; choose another, or give {other} one "
        "of its own"
    ),
    screen.ChangeNeedsRestart: "needs a restart: change it in the file, then restart",
}
