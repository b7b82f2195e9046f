"""Every parser of foreign data."""

from __future__ import annotations

from tests.fuzz import chain, datasets, files, messages, services, torch_files
from tests.fuzz.target import Target


def all_targets() -> list[Target]:
    """List the targets, each with a corpus of valid inputs."""
    modules = (chain, services, datasets, torch_files, files, messages)
    return [target for module in modules for target in module.targets()]
