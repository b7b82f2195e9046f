"""The torch that is installed, read from its files: to import it takes seconds, and belongs to workers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_VERSION = re.compile(r"^__version__ = '([^']+)'", re.MULTILINE)
_CUDA = re.compile(r"^cuda\b[^=]*= '(\d+)\.(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """Its version, and the CUDA that it is made for, None for a build for CPUs alone."""

    version: str
    cuda: tuple[int, int] | None


def torch_build() -> TorchBuild | None:
    """Return what is installed, None where torch is missing or says nothing of itself."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        return parse_build((Path(spec.origin).parent / "version.py").read_text("utf-8"))
    except OSError:
        return None


def parse_build(text: str) -> TorchBuild | None:
    """Parse torch's version.py."""
    version, cuda = _VERSION.search(text), _CUDA.search(text)
    if version is None:
        return None
    return TorchBuild(version[1], None if cuda is None else (int(cuda[1]), int(cuda[2])))
