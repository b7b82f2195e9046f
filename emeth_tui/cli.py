"""Composition root: arguments -> settings -> engine and one front end."""

from __future__ import annotations


def main() -> None:
    """Entry point of the `emeth-tui` command."""
    raise SystemExit("emeth-tui: the command line follows in a later commit")
