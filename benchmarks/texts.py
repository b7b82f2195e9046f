"""Text of any size, made of a small one."""

from __future__ import annotations

import random
from pathlib import Path


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
