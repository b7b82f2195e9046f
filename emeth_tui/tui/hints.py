"""The keys of the footer, with why those that can do nothing now cannot."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.model import Job
from emeth_tui.tui import commands
from emeth_tui.tui.frame import Frame
from emeth_tui.tui.panels.keys import KeyHint
from emeth_tui.words.translation import _


def job_hints(frame: Frame | None, job: Job | None) -> Sequence[KeyHint]:
    """List the keys of the dashboard for a frame and the job that they would act on."""
    leaving = [
        KeyHint("?", _("Help"), "app.help", brief=_("Help")),
        KeyHint("q", _("Quit"), "app.quit_dialog", brief=_("Quit")),
    ]
    if frame is None:
        return leaving
    job_paused = bool(job and job.paused)
    pause = _("Resume") if job_paused else _("Pause")
    claims_paused = bool(frame.snapshot.claims_paused)
    claims = _("Resume claiming") if claims_paused else _("Pause claiming")
    return [
        KeyHint("p", pause, "app.pause", commands.pause_refusal(frame, job), pause),
        KeyHint("P", claims, "app.claims", commands.claims_refusal(frame), _("Claims")),
        KeyHint("f", _("Finish, then pause"), "app.finish", commands.finish_refusal(frame), _("Finish")),
        KeyHint("D", _("Decline"), "app.decline", commands.decline_refusal(frame, job), _("Decline")),
        KeyHint("w", _("Withdraw"), "app.withdraw", commands.withdraw_refusal(frame), _("Withdraw")),
        KeyHint("/", _("Filter"), "filter", brief=_("Filter")),
        KeyHint("t", _("Theme"), "app.theme"),
        *leaving,
        KeyHint("h", _("History"), "app.page('history')"),
        KeyHint("m", _("Market"), "app.page('market')"),
        KeyHint("x", _("Transactions"), "app.page('transactions')"),
        KeyHint("l", _("Log"), "app.page('log')"),
        KeyHint("s", _("Settings"), "app.page('settings')"),
    ]
