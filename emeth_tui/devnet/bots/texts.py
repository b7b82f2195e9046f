"""The texts that a requester cuts its datasets from: those that ship, or a directory of the user's."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from emeth_tui.errors import DevnetError
from emeth_tui.foreign_text import system_text
from emeth_tui.model import Language
from emeth_tui.notices.reasons.local.bots import (
    CorpusEmpty,
    CorpusNotDirectory,
    CorpusNotUtf8,
    CorpusTooShort,
    CorpusUnreadable,
)

MIN_TEXT_BYTES = 4_096  # nodes skip smaller datasets (protocol.md §10)
_NAMED_LANGUAGE = re.compile(r"(?:^|[-_.])(en|ja)$")  # shakespeare-en.txt, ja.txt
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")  # kana and kanji
_JAPANESE_SHARE = 0.1  # of a text's first characters: an English text that quotes some Japanese stays English
_SAMPLE_CHARS = 20_000
# Where a dataset may begin and end: after a sentence or a line of English, after a line of Japanese (§7).
_BOUNDARY = {Language.EN: re.compile(r"""[.?!]['")\]]*\s+|\n+"""), Language.JA: re.compile(r"\n+")}


@dataclass(frozen=True, slots=True)
class Corpus:
    """One text per language; at least one language, each text at least MIN_TEXT_BYTES long."""

    texts: Mapping[Language, str]

    @property
    def languages(self) -> tuple[Language, ...]:
        """The available languages, English first."""
        return tuple(language for language in Language if language in self.texts)

    def cut(self, language: Language, size_bytes: int, chance: random.Random) -> bytes:
        """Cut a dataset of about `size_bytes`, never more, from a place that `chance` picks.

        It begins at a sentence or line, ends at one if that leaves it large enough, and wraps around from the
        text's end to its start. A text that is shorter is returned whole.
        """
        text, boundary = self.texts[language], _BOUNDARY[language]
        begin = boundary.search(text, chance.randrange(len(text)))
        start = begin.end() if begin else 0
        window = text[start : start + size_bytes]
        if len(window) < size_bytes:
            window = _ending_its_line(window) + text[: min(start, size_bytes)]
        piece = window.encode("utf-8")[:size_bytes].decode("utf-8", "ignore")
        ends = [match.end() for match in boundary.finditer(piece)]
        whole = piece[: ends[-1]] if ends else piece
        kept = whole if len(whole.encode("utf-8")) >= min(MIN_TEXT_BYTES, size_bytes) else piece
        return kept.encode("utf-8")


def load_corpus(directory: Path | None) -> Corpus:
    """Read the texts that ship, or every `*.txt` of a directory.

    A file's language is taken from its name (`en.txt`, `novel-ja.txt`), else from its characters; the texts
    of one language are joined. Raise DevnetError for a directory that yields no usable text.
    """
    if directory is None:
        shipped = resources.files("emeth_tui.devnet.bots") / "corpus"
        return Corpus(
            {language: (shipped / f"{language.value}.txt").read_text("utf-8") for language in Language}
        )
    texts: dict[Language, list[str]] = {}
    for path in _text_files(directory):
        text = _read(path)
        texts.setdefault(_language(path, text), []).append(text)
    joined = {language: "\n".join(parts) for language, parts in texts.items()}
    usable = {
        language: text for language, text in joined.items() if len(text.encode("utf-8")) >= MIN_TEXT_BYTES
    }
    if not usable:
        raise DevnetError(CorpusTooShort(directory, MIN_TEXT_BYTES))
    return Corpus(usable)


def _ending_its_line(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _text_files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise DevnetError(CorpusNotDirectory(directory))
    try:
        files = sorted(path for path in directory.glob("*.txt") if path.is_file())
    except OSError as error:
        raise DevnetError(CorpusUnreadable(directory, system_text(error))) from error
    if not files:
        raise DevnetError(CorpusEmpty(directory))
    return files


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise DevnetError(CorpusUnreadable(path, system_text(error))) from error
    except UnicodeDecodeError:
        raise DevnetError(CorpusNotUtf8(path)) from None


def _language(path: Path, text: str) -> Language:
    named = _NAMED_LANGUAGE.search(path.stem.lower())
    if named:
        return Language(named[1])
    sample = text[:_SAMPLE_CHARS]
    japanese = len(_JAPANESE.findall(sample))
    return Language.JA if japanese > len(sample) * _JAPANESE_SHARE else Language.EN
