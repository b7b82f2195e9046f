"""Text of any size, made of a small one."""

from __future__ import annotations

import random
from pathlib import Path

from emeth_tui.training.reports import DATASET_NAME


def write_grown(path: Path, text: str, size_bytes: int, seed: int = 0) -> None:
    """Write about `size_bytes` of UTF-8: the lines of `text` again and again, each time in another order.

    Words and their frequencies stay those of the text, so tokenisers meet no more new words than there.
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
    """Have a job's directory hold a dataset that several jobs share."""
    job_directory.mkdir(parents=True, exist_ok=True)
    place = job_directory / DATASET_NAME
    if not place.exists():
        place.symlink_to(dataset.resolve())
