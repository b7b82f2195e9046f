"""What is left in English of a notice in Japanese."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import asdict

from emeth_tui.notices.notice import Notice
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import in_language
from tests.words.test_sentences import _TYPED, KEPT_WORDS


def english_left(notice: Notice) -> set[str]:
    """Return the words of ours that its Japanese sentence has in English. Names in its fields are none."""
    with in_language("ja"):
        shown = text_of(notice)
    for name in sorted(_names(notice), key=len, reverse=True):
        shown = shown.replace(name, " ")
    return set(re.findall(r"[A-Za-z][A-Za-z0-9]*", _TYPED.sub(" ", shown))) - KEPT_WORDS


def _names(notice: Notice) -> Iterator[str]:
    for value in asdict(notice).values():
        if isinstance(value, Notice):
            yield from _names(value)
        elif isinstance(value, Path) or (isinstance(value, str) and value and " " not in value):
            yield str(value)
