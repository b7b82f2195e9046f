"""Files in the state directory: private, written completely or not at all."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any

from emeth_tui.errors import ServiceError
from emeth_tui.files import write_atomically
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.local.serving import DirectoryUnusable, KeptFileDamaged

_SECRET = re.compile(r"[0-9a-f]{64}")


def make_private_directory(path: Path) -> Path:
    """Create a directory that only its owner may enter. Raise ServiceError when that is impossible."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceError(DirectoryUnusable(path, system_text(error))) from error
    return path


def write_private(path: Path, text: str) -> None:
    """Write a text file of mode 0600, completely or not at all."""
    write_atomically(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write a JSON document to a private file, completely or not at all."""
    write_private(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object of ours; None when there is no such file. Raise ServiceError for a damaged one."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


def kept_secret(path: Path) -> str:
    """Return a 256-bit secret in hex; generate it the first time. Raise ServiceError for a damaged file."""
    try:
        kept = path.read_bytes().decode("ascii", "replace").strip()
    except FileNotFoundError:
        kept = secrets.token_hex(32)
        write_private(path, kept + "\n")
    if not is_secret(kept):
        raise _damaged(path)
    return kept


def is_secret(text: str) -> bool:
    """Whether a text is a 256-bit secret in hex, as `kept_secret` makes it."""
    return _SECRET.fullmatch(text) is not None


def _damaged(path: Path) -> ServiceError:
    return ServiceError(KeptFileDamaged(path))
