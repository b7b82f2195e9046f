"""The sentences of notices/events/node.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import node
from emeth_tui.notices.notice import Notice
from emeth_tui.words.reasons.market import STATE_MOVED
from emeth_tui.words.reasons.network.chain import CHECK_SERVICE, OTHER_ENDPOINT
from emeth_tui.words.reasons.worker import CHECK_DEVICE

SENTENCES: Mapping[type[Notice], str] = {
    node.ServiceLost: "{service} does not answer: {reason}; trying again until it does",
    node.ServiceRestored: "{service} answers again after {lasted_s}",
    node.DeviceDown: "{reason}; trying again in {again_in_s}",
    node.WorkerSilent: (
        "worker {worker} on {device} does not answer: {reason}; it gets no job, and is started again"
    ),
    node.DeviceWorks: "worker {worker} on {device} works again",
    node.EndpointChanged: "using {where} from now on: {reason}",
    node.Leftovers: (
        "{directory}: {entries:entry belongs|entries belong} to no job, {size_bytes}; `emeth-tui store "
        "leftovers` lists and deletes such entries"
    ),
    node.InternalError: "{part}: internal error, please report it: {detail}",
    node.NotWritten: "{reason}; trying again",
    node.StateLost: "{directory}: was removed or replaced while the node runs; claiming stops",
    node.StateRebuilt: "{directory}: everything that the node knows is written there again",
    node.StateSetAside: "the database that was found there instead is now {path}",
    node.StateNotRebuilt: (
        "the node's state cannot be written to its place: {reason}; trying again; leave the node running, "
        "it alone knows its jobs"
    ),
    node.CopyFailed: "no copy of the database is kept: {reason}",
    node.SettingChanged: "{key}: {before} → {after}, changed by {by}",
    node.SettingWaits: "{key}: {before} → {after}, at the next start, changed by {by}",
    node.SettingsUnchanged: "the settings file is read again by {by}: nothing has changed",
    node.Withdrawn: "withdrawn for day {slot}: {amount_wei}, {own_gas} of {total_gas} gas, by {by}",
    node.WithdrawFailed: "a reward cannot be withdrawn now: {reason}",
    node.DayClosed: (
        "{slot} is over: {verified} of {ended:job|jobs} verified, {earned_wei} earned, {lost_wei} lost, "
        "reward {reward_wei} for {own_gas} of {total_gas} gas"
    ),
    node.CommandFailed: "not done: {command}, asked for by {by}: {reason}",
    node.ScreenAttached: "{user} has attached a screen (process {pid})",
    node.ScreenDetached: "the screen that {user} had attached is gone (process {pid})",
    node.ScreenLeft: "the node's own screen was left; the node goes on without it",
    node.TerminalGone: "the terminal of the node's own screen is gone; the node goes on without it",
    node.ScreenBroke: "the node's own screen broke, its log says how; the node goes on without it",
    node.Draining: "draining, asked for by {by}: ends when the jobs under way are submitted",
    node.Stopping: "stopping, asked for by {by}: saving every job under way",
    node.Stopped: "stopped; every job is saved",
    node.Summary: "{verified:job|jobs} verified, {emt_before_wei} before, {emt_after_wei} after",
}

REMEDIES: Mapping[type[Notice], str] = {
    node.ServiceLost: CHECK_SERVICE,
    node.DeviceDown: CHECK_DEVICE,
    node.WorkerSilent: (
        "nothing at first: its job goes on from the last checkpoint. If it comes again, `emeth-tui log` has "
        "the worker's last lines"
    ),
    node.EndpointChanged: OTHER_ENDPOINT,
    node.Leftovers: "stop the node, then `emeth-tui store leftovers --remove` deletes them",
    node.InternalError: "report it with the lines of `emeth-tui log` about it; the node goes on",
    node.NotWritten: "make room on the disk that it names; jobs wait and lose nothing but time",
    node.StateLost: STATE_MOVED,
    node.StateRebuilt: STATE_MOVED,
    node.StateSetAside: "look at whose database it is, another node's or an older one; then delete the file",
    node.StateNotRebuilt: (
        "do not stop the node: let its user write to the state directory, and make room there; it tries "
        "again every second"
    ),
    node.CopyFailed: (
        "make room on the disk of the state directory, and let the node's user write there; the next copy is "
        "tried within the hour"
    ),
    node.WithdrawFailed: "`emeth-tui withdraw` tries again at once, the node by itself on the next day",
    node.CommandFailed: "mend what its reason names, then give the command again",
    node.ScreenBroke: (
        "`emeth-tui` shows the node again; report it with the lines of `emeth-tui log` about it"
    ),
    node.Summary: (
        "where the account does not add up, `emeth-tui rewards --movements` shows every movement; another "
        "program with this account leaves such a gap"
    ),
}
