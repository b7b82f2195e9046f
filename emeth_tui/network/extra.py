"""What serving a network needs beyond a node: the packages of pyproject.toml's `serve` extra."""

from __future__ import annotations

import importlib.util

from emeth_tui.errors import ServiceError
from emeth_tui.notices.reasons.local.serving import ServeExtraMissing

MODULES = ("eth_keys", "prometheus_client", "starlette", "uvicorn")


def check_extra() -> None:
    """Raise ServiceError, which says what to install, if a package is missing."""
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise ServiceError(ServeExtraMissing(", ".join(missing)))
