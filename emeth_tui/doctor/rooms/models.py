"""Models: each is on this machine, or the hub has it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, error, note, ok, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.errors import TrainingError
from emeth_tui.notices.reasons.doctor import machine as found
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.training.models import HubUnreachable
from emeth_tui.process.threads import in_thread
from emeth_tui.training.files import hub
from emeth_tui.training.files.models import model_spec


async def _models(subject: Subject) -> Sequence[Finding]:
    _network, names = subject.network, subject.models
    return await asyncio.gather(*(in_thread(_look_for, name, len(names) == 1) for name in names))


def _look_for(name: str, is_only: bool) -> Finding:
    """Look for a model without fetching it. Without the only one there are no jobs to take."""
    if not model_spec(name).pretrained:
        return ok(found.ModelMade(name))
    if Path(name).expanduser().is_dir() or hub.present(name) is not None:
        return ok(found.ModelHere(name))
    try:
        return note(found.ModelOnHub(name, hub.size_of(name)))
    except TrainingError as failed:
        grade = error if is_only else warning
        if isinstance(failed.reason, HubUnreachable):
            return grade(found.ModelOutOfReach(name, failed.reason.detail), remedies.ReachHub())
        return grade(failed.reason, remedies.NameModel())


CHECKS = (Check(Room.MODELS, "models", _models, within_s=40.0),)
