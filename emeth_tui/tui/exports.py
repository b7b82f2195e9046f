"""Files that the screen writes for its user."""

from __future__ import annotations

import os
from pathlib import Path


def save_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, readable by its owner alone. Raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
