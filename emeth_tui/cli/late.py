"""Commands by name that are imported when they are first asked for: most runs need one of them, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module

import click


class LateCommands(MutableMapping[str, click.Command]):
    """A group's commands, made of their names and of the modules in which each stands under its name."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._entries: dict[str, str | click.Command] = dict(modules)

    def __getitem__(self, name: str) -> click.Command:
        entry = self._entries[name]
        if isinstance(entry, str):
            command: click.Command = getattr(import_module(entry), name)
            self._entries[name] = entry = command
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # without the import that the inherited look-up would do

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._entries[name] = command

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
