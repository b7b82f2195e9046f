"""What serving a network needs beyond a node: the packages of pyproject.toml's `serve` extra."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from emeth_tui.errors import ServiceError
from emeth_tui.notices.reasons.local.serving import ServeExtraMissing, ServingPartMissing

MODULES = ("eth_keys", "h11", "prometheus_client", "starlette", "uvicorn")


def check_extra() -> None:
    """Raise ServiceError, which says what to install, if a package is missing."""
    if missing := _missing(MODULES):
        raise ServiceError(ServeExtraMissing(", ".join(missing)))


def check_packages(part: str, extra: str, modules: Sequence[str]) -> None:
    """Raise ServiceError if a package of a further extra is missing, which `part` needs."""
    if missing := _missing(modules):
        raise ServiceError(ServingPartMissing(part, ", ".join(missing), extra))


def _missing(modules: Sequence[str]) -> list[str]:
    return [name for name in modules if importlib.util.find_spec(name) is None]
