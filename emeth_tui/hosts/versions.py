"""What differs between the versions at two ends."""

from __future__ import annotations

from emeth_tui.hosts.messages import Versions

_NAMES = {"emeth_tui": "emeth-tui", "python": "Python", "torch": "torch"}


def differences(theirs: Versions, ours: Versions) -> list[tuple[str, str, str]]:
    """Return what differs, by name, with both versions; "–" stands for what is not installed."""
    both = [(name, getattr(theirs, field), getattr(ours, field)) for field, name in _NAMES.items()]
    return [(name, there or "–", here or "–") for name, there, here in both if there != here]
