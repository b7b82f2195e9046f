"""The interface's language: English in the source, `locale/<language>.po` for the others, read as they are.

A `.po` file is read at the start, in about a millisecond: nothing has to be compiled, nothing can be stale.
"""

from __future__ import annotations

import ast
import functools
import gettext
import locale
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

LANGUAGES = ("en", "ja")
_ENGLISH = gettext.NullTranslations()
_catalogue: gettext.NullTranslations | None = None  # None: no language was chosen; English is spoken
_wanted: ContextVar[gettext.NullTranslations | None] = ContextVar("wanted", default=None)


class _Catalogue(gettext.NullTranslations):
    def __init__(self, messages: dict[str, str]) -> None:
        super().__init__()
        self._messages = messages

    def gettext(self, message: str) -> str:
        return self._messages.get(message, message)


def _(text: str) -> str:
    """Translate one of the interface's texts."""
    return spoken().gettext(text)


@contextmanager
def in_english() -> Iterator[None]:
    """Leave texts untranslated while the body runs, in this thread or task alone."""
    with in_language("en"):
        yield


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Speak another language while the body runs, in this thread or task alone."""
    token = _wanted.set(_catalogue_of(language))
    try:
        yield
    finally:
        _wanted.reset(token)


def set_language(language: str) -> None:
    """Speak `language` from now on; one that is not known is English."""
    global _catalogue  # noqa: PLW0603 - one process shows one interface
    _catalogue = _catalogue_of(language)


@functools.cache
def _catalogue_of(language: str) -> gettext.NullTranslations:
    known = language in LANGUAGES and language != "en"
    return _Catalogue(read_catalogue(language)) if known else _ENGLISH


def spoken() -> gettext.NullTranslations:
    """Return the catalogue of this thread or task: another one for each language, for caches of texts."""
    return _wanted.get() or _catalogue or _ENGLISH


def language_of_locale() -> str:
    """Tell which of our languages the user's locale asks for."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "ja" if value.startswith("ja") else "en"
    return "ja" if (locale.getlocale()[0] or "").startswith(("ja", "Japanese")) else "en"


def speak(language: str | None) -> None:
    """Speak `language` from now on, the locale's without one."""
    set_language(language or language_of_locale())


def speak_by_default(language: str | None) -> None:
    """Speak `language`, the locale's without one, unless a language was chosen before."""
    if _catalogue is None:
        speak(language)


def read_catalogue(language: str) -> dict[str, str]:
    """Read a catalogue that ships: msgid to msgstr, without those that are not translated."""
    return parse_po((Path(__file__).parent / "locale" / f"{language}.po").read_text("utf-8"))


def parse_po(source: str) -> dict[str, str]:
    """Parse the part of the .po format that we use: msgid and msgstr, over several lines, with comments."""
    messages: dict[str, str] = {}
    entry = {"msgid": "", "msgstr": ""}
    field = ""
    for line in [*source.splitlines(), 'msgid ""']:
        keyword, _space, rest = line.partition(" ")
        if keyword in entry:
            if keyword == "msgid" and entry["msgid"] and entry["msgstr"]:
                messages[entry["msgid"]] = entry["msgstr"]
            if keyword == "msgid":
                entry = {"msgid": "", "msgstr": ""}
            field = keyword
        text = rest if keyword in entry else line
        if text.startswith('"') and field:
            entry[field] += ast.literal_eval(text)
    return messages
