"""The texts of `finetune`: one to pretrain on, and others, near it and far from it, to cut jobs from."""

from __future__ import annotations

import pydoc_data.topics
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.devnet.bots.texts import Corpus, load_corpus
from emeth_tui.model import Language

NEAR, FAR = "near", "far"
_PRETRAINING_SHARE = 0.6  # of the text that the model comes from
_ELSEWHERE_SHARE = 0.1  # of what jobs are cut from: held out of all of them


@dataclass(frozen=True, slots=True)
class Domain:
    """A text that the model has not seen: most of it to cut jobs from, and a part that no job sees."""

    jobs: str
    elsewhere: str

    @property
    def size_bytes(self) -> int:
        return len(self.jobs.encode())

    def cut(self, language: Language, size_bytes: int, seed: int) -> str:
        """Cut a job's dataset of about `size_bytes`."""
        corpus = Corpus({language: self.jobs})
        return corpus.cut(language, size_bytes, random.Random(seed)).decode()


@dataclass(frozen=True, slots=True)
class Material:
    """One language's texts."""

    pretraining: str
    domains: Mapping[str, Domain]


def load_material(language: Language, corpus: Path | None, far: Path | None = None) -> Material:
    """Divide the text of a corpus: near is its end, far is text of another kind.

    Far is the text of a directory of its own, where one is named; else what ships, where a corpus is named,
    and Python's own documentation in English.
    """
    shipped = load_corpus(None).texts[language]
    text = load_corpus(corpus).texts[language] if corpus else shipped
    end = _line_end(text, int(len(text) * _PRETRAINING_SHARE))
    others = [load_corpus(far).texts[language]] if far else [shipped] if corpus else []
    if language is Language.EN and not far:
        others += [topic for _name, topic in sorted(pydoc_data.topics.topics.items())]
    domains = {NEAR: _domain(text[end:])}
    if others:
        domains[FAR] = _domain("\n".join(others))
    return Material(text[:end], domains)


def _domain(text: str) -> Domain:
    start = _line_end(text, int(len(text) * (1.0 - _ELSEWHERE_SHARE)))
    return Domain(text[:start], text[start:])


def _line_end(text: str, place: int) -> int:
    return text.index("\n", place) + 1
