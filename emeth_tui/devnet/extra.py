"""What a local network needs beyond a node: the packages of pyproject.toml's `devnet` extra."""

from __future__ import annotations

import importlib.util

from emeth_tui.errors import DevnetError
from emeth_tui.notices.reasons.local.devnet import DevnetExtraMissing

MODULES = ("eth", "eth_bloom", "eth_keys", "starlette", "uvicorn")


def check_extra() -> None:
    """Raise DevnetError, which says what to install, if a package is missing."""
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise DevnetError(DevnetExtraMissing(", ".join(missing)))
