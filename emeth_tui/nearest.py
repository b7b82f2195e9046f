"""The name that was probably meant, for whoever mistypes one."""

from __future__ import annotations

from collections.abc import Iterable

LEAST_LIKENESS = 0.6  # of difflib, from 0 to 1: two names with less in common are not one mistyped


def nearest_of(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`; None where none looks much like it.

    Of dotted names in the same section, only what differs is compared.
    """
    import difflib  # late: few starts need it

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=LEAST_LIKENESS)
    if not found:
        return None
    (section, _dot, own), (its_section, _its_dot, its_own) = name.rpartition("."), found[0].rpartition(".")
    if section == its_section and not difflib.get_close_matches(own, [its_own], cutoff=LEAST_LIKENESS):
        return None
    return found[0]
