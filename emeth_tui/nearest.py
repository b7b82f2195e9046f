"""The name that was probably meant, for whoever mistypes one."""

from __future__ import annotations

from collections.abc import Iterable


def nearest_of(name: str, known: Iterable[str]) -> str:
    """Return the known name that looks most like `name`. There has to be one."""
    import difflib  # late: few starts need it

    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]
