"""What dask loads and does not need here."""

from __future__ import annotations

import sys


def leave_out_numpy() -> None:
    """Have imports of numpy fail in this process: dask does without it, and 12 MB are saved."""
    if "numpy" not in sys.modules:
        sys.modules["numpy"] = None  # type: ignore[assignment]
