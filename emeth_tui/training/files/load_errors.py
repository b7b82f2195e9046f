"""What libraries raise for damaged or malicious files of tensors: they have no errors of their own."""

from __future__ import annotations

import contextlib
import pickle
import struct
import zipfile
from pathlib import Path

LOAD_ERRORS = (
    OSError,
    RuntimeError,  # RecursionError, too
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    EOFError,
    ImportError,
    MemoryError,
    OverflowError,
    struct.error,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


def check_memory(path: Path) -> None:
    """Raise what torch raises where there is no memory for a file's content.

    Asked before, for afterwards that error may be one that a damaged or malicious file has caused.
    """
    import torch

    with contextlib.suppress(OSError):  # whoever reads the file finds out
        torch.UntypedStorage(path.stat().st_size)  # type: ignore[no-untyped-call]
