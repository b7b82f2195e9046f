"""What to do when something is wrong: a sentence for each event of trouble, and for reasons that say more.

The English one stands beside the notice's own sentence, in `REMEDIES` of the same module.
docs/when-something-is-wrong.md lists them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from emeth_tui.model import Severity
from emeth_tui.notices.notice import Notice, Reason
from emeth_tui.words.sentences import words_module
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.notices.event import Event

TROUBLE = frozenset({Severity.WARNING, Severity.ERROR})


def remedy_of(event: Event) -> str | None:
    """Return what to do about an event, in the interface's language; None where nothing has to be done.

    The innermost of its reasons that has a remedy knows best.
    """
    notices = [*_reasons(event.body), *([event.body] if event.severity in TROUBLE else [])]
    remedies = (remedy for notice in notices if (remedy := remedy_for(type(notice))) is not None)
    remedy = next(remedies, None)
    return None if remedy is None else _(remedy)


def remedy_for(cls: type[Notice]) -> str | None:
    """Return the English remedy of a class, None where it has none."""
    remedies: Mapping[type[Notice], str] = getattr(import_module(words_module(cls)), "REMEDIES", {})
    return remedies.get(cls)


def _reasons(notice: Notice) -> Iterator[Reason]:
    """Yield the reasons in a notice, the innermost first."""
    for value in asdict(notice).values():
        if isinstance(value, Reason):
            yield from _reasons(value)
            yield value
