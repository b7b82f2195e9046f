"""The sentences of notices/events/watching.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import watching
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    watching.TakenBack: "the chain was reorganised and took this back: {state}",
}
REMEDIES: Mapping[type[Notice], str] = {
    watching.TakenBack: "nothing: what is shown is what the chain holds now",
}
