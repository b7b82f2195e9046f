"""What libraries raise for damaged or malicious files of tensors: they have no errors of their own."""

from __future__ import annotations

import pickle
import struct
import zipfile

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
