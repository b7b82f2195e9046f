"""What is left in English of what is said in Japanese."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import asdict

from emeth_tui.notices.notice import Notice
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import in_language

# Words that Japanese text keeps: names, units and formats of the field.
_KEPT = """
    EMT B GB MB kB TB TOML UTF JSON RPC URL HTTP ID API GPT CPU GPU UTC EmethCore ETag gwei SentencePiece
    Foundry npm anvil true false auto cpu cuda en ja v3 hex s keystore nonce emeth tui http https
    Hugging Face network theme dark title colours sixteen epoch torch devnet py
    ssh user host port
    Landlock Python NVIDIA CUDA systemd gas ms README NTP C W XID
"""
KEPT_WORDS = frozenset(_KEPT.split())
# What stands in a sentence as it is typed: commands in backticks, keys and file names, options, variables.
_TYPED = re.compile(r"`[^`]*`|[\w.]*[._]\w[\w.]*|--?[\w-]+|(?<![A-Za-z])[A-Z][A-Z_0-9]+(?![a-z])")


def english_in(said: str) -> set[str]:
    """Return the English words of a Japanese sentence, but for those that Japanese text keeps."""
    return set(re.findall(r"[A-Za-z][A-Za-z0-9]*", _TYPED.sub(" ", said))) - KEPT_WORDS


def english_left(notice: Notice) -> set[str]:
    """Return the words of ours that its Japanese sentence has in English. Names in its fields are none."""
    with in_language("ja"):
        shown = text_of(notice)
    for name in sorted(_names(notice), key=len, reverse=True):
        shown = shown.replace(name, " ")
    return english_in(shown)


def _names(notice: Notice) -> Iterator[str]:
    for value in asdict(notice).values():
        if isinstance(value, Notice):
            yield from _names(value)
        elif isinstance(value, Path) or (isinstance(value, str) and value and " " not in value):
            yield str(value)
