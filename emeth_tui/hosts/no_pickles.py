"""Pickles are refused, for the rest of a process's life.

An unpickled object runs code only by way of a global, and looking one up raises an audit event (PEP 578).
A hook cannot be removed again. It must be the first statement of every process that speaks with hosts.
"""

from __future__ import annotations

import sys
from typing import Any

ALLOWED: frozenset[tuple[str, str]] = frozenset()  # (module, name); nothing of ours is pickled


class PickleRefused(Exception):
    """Something was to be unpickled."""


def refuse_pickles() -> None:
    """Have every look-up of a global by a pickle raise PickleRefused, in this process and for good."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and tuple(arguments) not in ALLOWED:
        raise PickleRefused(".".join(str(argument) for argument in arguments)[:200])
