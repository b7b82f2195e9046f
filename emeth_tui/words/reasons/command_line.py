"""The sentences of notices/reasons/command_line.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import command_line

SENTENCES: Mapping[type[Notice], str] = {
    command_line.NoNodeRuns: (
        "no node runs on {directory}; `emeth-tui` starts one, and --config, --network or --state-dir before "
        "the command name another"
    ),
    command_line.InvalidPrefix: (
        "{text}: a job is named by the first hex digits of its id, with or without 0x"
    ),
    command_line.NoJobBegins: "no job begins with {prefix}; {remedy}",
    command_line.SeveralJobsBegin: "several jobs begin with {prefix}: {candidates}; write more of it",
    command_line.ListJobs: "`emeth-tui jobs` lists them",
    command_line.JobOver: "job {job} has ended: {state}",
    command_line.ListOpenJobs: "`emeth-tui jobs --state open` lists those under way",
    command_line.ListMarket: "`emeth-tui market` lists what is on offer",
    command_line.NoSuchSetting: "there is no setting {key}; {hint}; `emeth-tui settings get` lists them all",
    command_line.NotConfirmedHere: (
        "this costs money, and nobody can be asked without a terminal: `{command} --yes` does it unasked"
    ),
    command_line.AnsweredNo: "nothing was done",
}
