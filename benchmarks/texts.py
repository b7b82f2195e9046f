"""Text of any size, made from a small one."""

from __future__ import annotations

import random
from pathlib import Path

from emeth_tui.training.reports import DATASET_NAME


def write_grown(path: Path, text: str, size_bytes: int, seed: int = 0) -> None:
    """Write about `size_bytes` of UTF-8: the lines of `text` repeated, each time in another order.

    Words and their frequencies are those of the text, so tokenisers meet no other words.
    """
    lines = text.splitlines(keepends=True)
    chance = random.Random(seed)
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        while written < size_bytes:
            for line in lines:
                written += len(line.encode("utf-8"))
                if written > size_bytes:
                    return
                file.write(line)
            chance.shuffle(lines)


def place_dataset(dataset: Path, job_directory: Path) -> None:
    """Place a dataset that several jobs share in a job's directory."""
    job_directory.mkdir(parents=True, exist_ok=True)
    place = job_directory / DATASET_NAME
    if not place.exists():
        place.symlink_to(dataset.resolve())
