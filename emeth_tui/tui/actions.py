"""The one table of what keys do: bindings, footer, palette, help page, settings and tests derive from it.

The answers of a dialog and the keys of the first settings are forms: they are declared where they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from emeth_tui.tui import why_not
from emeth_tui.tui.action import PAGES, SCREENS, TABLES, THE_JOB, THE_NODE, Action, Scope
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.why_not import Target

DASHBOARD, DASHBOARD_AND_JOB = (Scope.DASHBOARD,), (Scope.DASHBOARD, Scope.JOB)
_PANELS = (
    "Go to the workers",
    "Go to the results that wait for the verifier",
    "Go to the deposits",
    "Go to the disk",
    "Go to today’s share",
    "Go to the events",
)
FAR = 1_000_000  # rows: further than any list is long


def _pause_label(_frame: Frame, target: Target) -> str:
    return _("Resume") if target.job and target.job.paused else _("Pause")


def _claims_label(frame: Frame, _target: Target) -> str:
    return _("Resume claiming") if frame.snapshot.claims_paused else _("Pause claiming")


def _hosts_label(frame: Frame, _target: Target) -> str:
    return _("Hosts") if frame.snapshot.hosts else ""  # where there are none, the footer's room is for others


def _drain_label(_frame: Frame, target: Target) -> str:
    return _("Undo drain") if target.host and target.host.draining else _("Drain")


def _that_pause() -> Iterable[Action]:
    """What holds jobs or the node up, from every screen."""
    yield Action(
        "pause-job",
        "p",
        Scope.EVERYWHERE,
        "commands.pause_job",
        "Pause the chosen job at its next step, for as long as you say, or resume it",
        _pause_label,
        why_not.pause_job,
        THE_JOB,
        footer=DASHBOARD_AND_JOB,
    )
    yield Action(
        "pause-claims",
        "P",
        Scope.EVERYWHERE,
        "commands.pause_claims",
        "Pause claiming, for as long as you say, or take new jobs again",
        _claims_label,
        why_not.pause_claims,
        THE_NODE,
        brief="Claims",
        footer=DASHBOARD,
    )
    yield Action(
        "finish-then-pause",
        "f",
        Scope.EVERYWHERE,
        "commands.finish_then_pause",
        "Finish what is under way, then pause",
        "Finish, then pause",
        why_not.finish_then_pause,
        THE_NODE,
        brief="Finish",
        footer=DASHBOARD,
    )


def _that_move_money() -> Iterable[Action]:
    """What costs or brings money, from every screen."""
    yield Action(
        "decline-job",
        "D",
        Scope.EVERYWHERE,
        "commands.decline_job",
        "Decline the chosen job: asks first, shows what it costs",
        "Decline",
        why_not.decline_job,
        THE_JOB,
        footer=DASHBOARD_AND_JOB,
    )
    yield Action(
        "decline-all",
        "A",
        Scope.EVERYWHERE,
        "commands.decline_all",
        "Decline all jobs: asks first, shows what it costs",
        why_not=why_not.decline_all,
        group=THE_JOB,
    )
    yield Action(
        "withdraw",
        "w",
        Scope.EVERYWHERE,
        "commands.withdraw",
        "Withdraw the rewards of closed days",
        "Withdraw",
        why_not.withdraw,
        THE_NODE,
        footer=DASHBOARD,
    )


def _of_the_dashboard() -> Iterable[Action]:
    screen, panel = Scope.DASHBOARD, Scope.EVENTS
    text = "Show the chosen job, or deposits, disk, share, in full"
    yield Action(
        "details", "enter", screen, "screen.open_details", text, "Details", why_not.open_details, THE_JOB
    )
    text = "Show only what is worse: warnings, errors, or everything again"
    yield Action("severity", "s", panel, "focused.show_next_severity", text)
    yield Action("copy", "c", panel, "focused.copy", "Copy the chosen event to the clipboard")


def _of_the_tables() -> Iterable[Action]:
    table, text = Scope.TABLE, "Sort by the next column; after the last, as they come"
    yield Action("sort", "o", table, "screen.sort_by_next", text, "Sort", footer=TABLES)
    text = "Show the rows the other way round"
    yield Action("reverse", "O", table, "screen.turn_order", text)


def _of_the_history() -> Iterable[Action]:
    page, text = Scope.HISTORY, "Show all about the chosen job"
    yield Action("job-details", "enter", page, "screen.open_details", text, "Details", why_not.open_row)
    yield Action("days", "d", page, "pages.open", "Earnings by day", "By day", arguments=("days",))
    text = "Export the jobs that are shown as CSV"
    yield Action("export", "x", page, "screen.export", text, "Export CSV", why_not.export, brief="CSV")
    page, text = Scope.DAYS, "List the jobs of the chosen day"
    yield Action("day-jobs", "enter", page, "screen.open_details", text, "Jobs of the day", why_not.open_row)
    text = "Export the days that are shown as CSV"
    yield Action("export-days", "x", page, "screen.export", text, "Export CSV", why_not.export, brief="CSV")


def _of_the_market() -> Iterable[Action]:
    page, text = Scope.MARKET, "Show all about the chosen offer"
    yield Action("offer-details", "enter", page, "commands.claim", text, "Details", why_not.open_row)
    yield Action(
        "claim",
        "c",
        page,
        "commands.claim",
        "Claim the chosen offer by hand: asks first",
        "Claim",
        why_not.claim,
        explains_itself=True,
    )


def _of_the_transactions() -> Iterable[Action]:
    page, text = Scope.TRANSACTIONS, "Show all about the chosen transaction"
    yield Action(
        "transaction-details", "enter", page, "screen.open_details", text, "Details", why_not.open_row
    )
    text = "Copy the chosen transaction’s hash to the clipboard"
    yield Action("copy-hash", "c", page, "screen.copy", text, "Copy the hash", why_not.open_row, brief="Copy")
    page, text = Scope.TRANSACTION, "Show all about the transaction’s job"
    yield Action("its-job", "enter", page, "screen.open_details", text, "Its job", why_not.open_details)
    text = "Copy the transaction’s hash to the clipboard"
    yield Action("copy-its-hash", "c", page, "screen.copy", text, "Copy the hash", brief="Copy")


def _of_the_panels_pages() -> Iterable[Action]:
    text = "Show all about the chosen job"
    for name, page in (("deposit", Scope.DEPOSITS), ("files", Scope.DISK)):
        action_id = f"{name}-details"
        yield Action(action_id, "enter", page, "screen.open_details", text, "Details", why_not.open_row)
    page, text = Scope.SHARE, "List the jobs of the chosen day"
    yield Action(
        "share-jobs", "enter", page, "screen.open_details", text, "Jobs of the day", why_not.open_row
    )


def _of_the_requests() -> Iterable[Action]:
    page, text = Scope.REQUESTS, "Show all about the chosen request"
    yield Action("request-details", "enter", page, "screen.open_details", text, "Details", why_not.open_row)
    text = "Have a text trained: asks for it, shows what it comes to, asks again"
    yield Action(
        "request-job", "a", page, "requesting.order", text, "Request a job", why_not.request_job, brief="New"
    )
    cancel = "Take the request back: asks first, shows what moves"
    fetch = "Fetch the result, check it, and write it as a model"
    for page, mark in ((Scope.REQUESTS, ""), (Scope.REQUEST, "this-")):
        yield Action(
            f"cancel-{mark}request", "c", page, "requesting.cancel", cancel, "Cancel", why_not.cancel_request
        )
        yield Action(
            f"fetch-{mark}result", "d", page, "requesting.fetch", fetch, "Fetch", why_not.open_result
        )
    text = "Compare the result with the model that it started from: losses and samples"
    yield Action("compare", "e", page, "screen.compare", text, "Compare", why_not.open_result)
    text = "Continue a prompt of your own with both models"
    yield Action("sample", "i", page, "screen.ask_prompt", text, "Sample", why_not.open_result)


def _of_the_hosts() -> Iterable[Action]:
    yield Action(
        "drain-host",
        "d",
        Scope.HOSTS,
        "commands.drain_host",
        "Drain the chosen host, so that it gets no new jobs, or undo that: asks first",
        _drain_label,
        why_not.drain_host,
    )


def _of_the_other_pages() -> Iterable[Action]:
    page, text = Scope.JOB, "Read the job from the chain again"
    yield Action("chain-record", "o", page, "screen.read_chain_record", text, "On the chain")
    text = "Open the log whose end the page shows"
    yield Action("worker-log", "l", page, "screen.open_log", text, "Its log")
    page, text = Scope.GRAPHS, "Show a longer time, or a shorter one"
    yield Action("longer", "tab right", page, "screen.show_span", text, "Longer", arguments=(1,))
    yield Action("shorter", "shift+tab left", page, "screen.show_span", text, "Shorter", arguments=(-1,))
    page, text = Scope.LOG, "Show another log file"
    yield Action("next-file", "tab right", page, "screen.show_file", text, "Next file", arguments=(1,))
    yield Action("previous-file", "shift+tab left", page, "screen.show_file", text, arguments=(-1,))
    page, text, reason = Scope.SETTINGS, "Change the chosen setting", why_not.change_setting
    yield Action("change-setting", "enter", page, "screen.change_chosen", text, "Change", reason)
    text = "Take the chosen setting’s default again"
    yield Action("default-setting", "backspace delete", page, "screen.take_default", text, "Default", reason)
    text = "Read the settings file again"
    yield Action(
        "reload-settings", "r", page, "screen.reload_file", text, "Reload the file", why_not.read_only
    )
    line, text = Scope.SETTING_ENTRY, "Set the value that is typed"
    yield Action("set-value", "enter", line, "screen.set_value", text, "Set")
    text = "Leave the value as it is"
    yield Action("leave-value", "escape", line, "screen.close_entry", text, "Leave as it is")


def _of_every_screen() -> Iterable[Action]:
    screen, app = Scope.SCREEN, Scope.EVERYWHERE
    yield Action("back", "escape", screen, "screen.go_back", "Go back", "Back", footer=PAGES)
    yield Action(
        "filter",
        "/",
        screen,
        "screen.open_filter",
        "Filter the events, or the page that is open",
        "Filter",
        footer=tuple(scope for scope in SCREENS if scope is not Scope.JOB),  # its own keys need the room
        priority=True,
    )
    yield Action(
        "theme",
        "t",
        app,
        "use_next_theme",
        "Take the next theme",
        "Theme",
        footer=DASHBOARD_AND_JOB,
    )
    yield Action("help", "? f1", app, "pages.open_help", "Show this help", "Help", footer=SCREENS)
    text = "Leave: running without a screen, drained, or stopped"
    yield Action("quit", "q", app, "commands.leave", text, "Quit", group=THE_NODE, footer=SCREENS)
    yield Action("interrupt", "ctrl+c ctrl+q", app, "commands.leave", text, group=THE_NODE, priority=True)
    yield from _of_opening_pages()
    yield Action("palette", ": ctrl+p", app, "action_command_palette", "List everything that can be done")


def _of_opening_pages() -> Iterable[Action]:
    for name, key, label, text in (
        ("history", "h", "History", "History of all jobs"),
        ("market", "m", "Market", "Market: what is on offer, and why it is taken or not"),
        ("transactions", "x", "Transactions", "Transactions that this node sent"),
        ("graphs", "v", "Graphs", "Graphs of each device over time, and of the EMT by day"),
        ("log", "l", "Log", "Logs of the node and its workers"),
        ("settings", "s", "Settings", "Settings: see them all, change what can change now"),
    ):
        yield _opening(name, key, text, label, DASHBOARD, needs_node=name != "history")
    text = "The network: its terms, and who earned what on which day"
    yield _opening("network", "n", text, "Network", (Scope.SHARE,), needs_node=False)
    text = "The jobs that this account requested of others"
    yield _opening("requests", "r", text, "Requests", (Scope.NETWORK,))
    yield _opening("hosts", "H", "Hosts: other machines that train for this node", _hosts_label, DASHBOARD)


def _opening(
    name: str,
    key: str,
    text: str,
    label: str | Callable[[Frame, Target], str],
    footer: tuple[Scope, ...],
    *,
    needs_node: bool = True,
) -> Action:
    """Return the action that opens a page."""
    return Action(
        name,
        key,
        Scope.EVERYWHERE,
        "pages.open",
        text,
        label,
        why_not.needs_node if needs_node else None,
        arguments=(name,),
        footer=footer,
        while_starting=True,
    )


def _of_moving_about() -> Iterable[Action]:
    rows, text = Scope.ROWS, "Choose a row, or scroll"
    yield Action("row-up", "up k", rows, "focused.move_rows", text, arguments=(-1,))
    yield Action("row-down", "down j", rows, "focused.move_rows", text, arguments=(1,))
    text = "Scroll by a page"
    yield Action("page-up", "pageup", rows, "focused.move_pages", text, arguments=(-1,))
    yield Action("page-down", "pagedown space", rows, "focused.move_pages", text, arguments=(1,))
    text = "Go to the first or the last row"
    yield Action("row-first", "home g", rows, "focused.move_rows", text, arguments=(-FAR,))
    yield Action("row-last", "end G", rows, "focused.move_rows", text, arguments=(FAR,))
    screen = Scope.DASHBOARD
    for number, text in enumerate(_PANELS, 1):
        yield Action(f"panel-{number}", str(number), screen, "screen.show_panel", text, arguments=(number,))
    text = "Go to the next panel, or the one before"
    yield Action("next-panel", "tab", screen, "action_focus_next", text)
    yield Action("previous-panel", "shift+tab", screen, "action_focus_previous", text)


# In the footer, what belongs to one page alone comes first, then these; the pinned ones are always there.
PINNED = ("help", "quit")
_FOOTER_ORDER = (
    "pause-job",
    "pause-claims",
    "history",
    "market",
    "hosts",
    "graphs",
    "log",
    "settings",
    "transactions",
    "sort",
    "back",
    "filter",
    "withdraw",
    "decline-job",
    "finish-then-pause",
    "theme",
    *PINNED,
)
# On the help page, those with the same text share a line.
ACTIONS: tuple[Action, ...] = (
    *_that_pause(),
    *_that_move_money(),
    *_of_the_dashboard(),
    *_of_the_history(),
    *_of_the_market(),
    *_of_the_transactions(),
    *_of_the_panels_pages(),
    *_of_the_requests(),
    *_of_the_hosts(),
    *_of_the_tables(),
    *_of_the_other_pages(),
    *_of_every_screen(),
    *_of_moving_about(),
)
BY_ID = {action.id: action for action in ACTIONS}


def actions_of(scope: Scope) -> list[Action]:
    """List the actions whose keys are heard in a scope."""
    return [action for action in ACTIONS if action.scope is scope]


def footer_actions(scope: Scope) -> list[Action]:
    """List what the footer of a screen offers, the most used first."""
    offered = [action for action in ACTIONS if action.in_footer_of(scope)]
    return sorted(offered, key=lambda a: _FOOTER_ORDER.index(a.id) if a.id in _FOOTER_ORDER else -1)


def palette_actions(scopes: Collection[Scope]) -> list[Action]:
    """List what the palette offers where the keys of these scopes are heard; moving about needs no name."""
    offered = [a for a in ACTIONS if a.scope in scopes and a.scope is not Scope.ROWS and a.id != "palette"]
    return list({action.help: action for action in reversed(offered)}.values())[::-1]


def opening_action(scope: Scope) -> Action | None:
    """Return what opens a page's chosen row, so what a double click does."""
    return next((action for action in actions_of(scope) if action.keys == "enter"), None)
