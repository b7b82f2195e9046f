"""One request: what it pays, where it stands, and what its result is worth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.foreign_text import clean
from emeth_tui.listings.requests import (
    comparison_facts,
    request_state_role,
    sample_lines,
)
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line, Span, left, line, wrap
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.tui.screens.tables.requests import LONGEST_SHOWN_S, RequestsScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import Count, duration, exact_emt, job_status_name, moment, size
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

LABEL_CELLS = 18


class RequestScreen(PageScreen):
    """Everything about one request; it follows what becomes of it."""

    FOLLOWS = True
    LEAST_REST_S = RequestsScreen.LEAST_REST_S
    SCOPE = Scope.REQUEST
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.REQUEST)

    def __init__(self, followed: FollowedJob) -> None:
        super().__init__()
        self.followed = followed
        self.compared: dict[str, Any] | None = None

    async def load(self, records: Records) -> None:
        job_id = self.followed.request.job_id
        same = (one for one in await records.requests() if one.request.job_id == job_id)
        self.followed = next(same, self.followed)

    @property
    def target(self) -> Target:
        return Target(request=self.followed)

    def compare(self) -> None:
        """Compare the result with the model that it started from, on prompts of the validation text."""
        self._compare(())

    def ask_prompt(self) -> None:
        """Ask for a prompt, and continue it with both models."""
        from emeth_tui.tui.dialogs.requests import prompt_dialog

        def decide(prompt: str | None) -> None:
            if prompt is not None:
                self._compare((prompt,))

        self.app.push_screen(prompt_dialog(self.followed.request.job_id), decide)

    def _compare(self, prompts: Sequence[str]) -> None:
        text = _("comparing the result of job {job} …").format(job=short(self.followed.request.job_id))
        self.host.runner.start(text, partial(self._show_comparison, prompts))

    async def _show_comparison(self, prompts: Sequence[str]) -> str:
        self.compared = await self.host.node.compare_result(self.followed.request.job_id, prompts)
        if self.is_current:
            self.repaint()
        return _("compared")

    def heading(self, frame: Frame, width: int) -> list[Line]:
        return [line((_("Request"), "title"), ("   " + self.followed.request.job_id, "accent")), BLANK]

    def content(self, frame: Frame, width: int) -> list[Line]:
        facts = [*_facts(self.followed, frame.now)]
        lines = [part for label, span in facts for part in _labelled(label, span, width)]
        if self.compared is not None:
            lines += [BLANK, *self._comparison(self.compared, width)]
        elif self.followed.is_verified:
            text = _("not compared yet with the model that training started from")
            lines += [BLANK, line((text, "muted"))]
        return [part for part in lines if self.passes(part.text)]

    def _comparison(self, compared: dict[str, Any], width: int) -> list[Line]:
        losses = comparison_facts(compared)
        facts = [part for label, text, role in losses for part in _labelled(label, (text, role), width)]
        return [*facts, *(line((text, "")) for text in sample_lines(compared, width))]


def _facts(followed: FollowedJob, now_unix_s: float) -> list[tuple[str, Span]]:
    request, job = followed.request, followed.on_chain
    left_s = min(followed.deadline_unix_s - now_unix_s, LONGEST_SHOWN_S)
    until = moment(followed.deadline_unix_s)
    if not followed.has_ended:
        until += ", " + _("{time} left").format(time=duration(left_s))
    taken = bool(job and job.started_at_unix_s)
    return [
        (_("state"), (job_status_name(followed.state), request_state_role(followed.state))),
        (_("node"), (job.node if job and taken else "–", "")),
        (_("file"), (clean(str(request.path)), "")),
        (_("size"), (f"{request.language.value} {size(request.dataset_bytes)}", "")),
        (_("private"), (_("yes") if request.private else _("no"), "")),
        (
            _("model"),
            (_("{model}, {n:epoch|epochs}").format(model=clean(request.model), n=Count(request.epochs)), ""),
        ),
        (_("fee"), (exact_emt(request.fee_wei), "accent")),
        (_("deadline"), (until, "bad" if left_s < 0 and not followed.has_ended else "")),
        (_("requested"), (_moment(job.requested_at_unix_s if job else 0), "")),
        (_("taken"), (_moment(job.started_at_unix_s if job else 0), "")),
        (_("submitted"), (_moment(job.submitted_at_unix_s if job else 0), "")),
    ]


def _moment(unix_s: int) -> str:
    return f"{moment(unix_s)} UTC" if unix_s else "–"


def _labelled(label: str, span: Span, width: int) -> list[Line]:
    rows = wrap(span[0], width - LABEL_CELLS, span[1])
    labels = [label, *[""] * len(rows)]
    return [
        line((left(name, LABEL_CELLS), "muted"), *row.spans) for name, row in zip(labels, rows, strict=False)
    ]
