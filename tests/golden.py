"""The golden values and the real texts that they were made from, where this checkout has them beside it."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
GOLDEN_FILES = ["shakespeare-en.txt", "soseki-ja.txt"]


def corpus_dir() -> Path:
    """Directory of the real texts; skips the test where there is none."""
    directory = Path(os.environ.get("EMETH_CORPUS_DIR", SHARED / "data"))
    if not directory.is_dir():
        pytest.skip("no real texts here: set EMETH_CORPUS_DIR to a directory with the golden files")
    return directory


@cache
def golden() -> dict[str, Any]:
    """The golden values; skips the test where they are absent."""
    path = SHARED / "golden" / "split-and-chain.json"
    if not path.is_file():
        pytest.skip("no golden values here: they lie beside the project's checkout")
    values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return values


def golden_text(name: str) -> str:
    """One real text, read as the network reads datasets: UTF-8 with universal newlines."""
    return (corpus_dir() / name).read_text("utf-8")
