"""The C library's memory: kept by this process between a training's steps, given back after it.

Every step of a training takes and frees the same memory. glibc gives large pieces back to the system at once,
and on a CPU getting them again, page by page, took a sixth of a small model's time.
"""

from __future__ import annotations

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_NEVER = (1 << 31) - 1
_LARGEST_KEPT_BYTES = 32 << 20  # what any glibc accepts; an allocation beyond it lies apart and is not kept


def keep_freed() -> None:
    """Have freed memory stay with this process. Does nothing where the C library has no such switch."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, _NEVER)


def give_back() -> None:
    """Return unused memory to the system. Does nothing where the C library cannot."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
