"""When Python looks for garbage: hardly while modules load, since all that they make is there to stay.

Looking at it again and again would take a sixth of the time until the first paint.
"""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()
_WHILE_LOADING = (50_000, *_USUAL[1:])


def collect_rarely() -> None:
    """Look for garbage rarely from now on, until `collect_as_usual`."""
    gc.set_threshold(*_WHILE_LOADING)


def collect_as_usual() -> None:
    """Look for garbage as Python does, but never again among what is loaded by now."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
