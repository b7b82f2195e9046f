"""The options that stand before a command: without one they start a node, with one they say which."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
from msgspec import Struct


class StartOptions(Struct, frozen=True):
    """The options of the command line, as they were given."""

    config: Path | None = None
    network: str | None = None
    no_ui: bool = False
    theme: str | None = None
    lang: str | None = None
    read_only: bool = False
    ascii_only: bool | None = None
    log_format: str | None = None
    metrics: str | None = None
    devices: tuple[str, ...] = ()
    exit_after_jobs: int | None = None
    state_dir: Path | None = None
    devnet: bool = False
    corpus: Path | None = None
    chain: str | None = None

    @property
    def with_screen(self) -> bool:
        return not self.no_ui

    def check(self) -> None:
        """Raise UsageError for options that contradict each other."""
        if not self.devnet and (self.corpus or self.chain):
            raise click.UsageError("--corpus and --chain need --devnet")
        if self.read_only and self.no_ui:
            raise click.UsageError("--read-only is about the screen, which --no-ui leaves out")
        if self.devnet and self.network not in {None, "devnet"}:
            raise click.UsageError("--devnet runs its own network: leave out --network")

    def overrides(self) -> dict[str, Any]:
        """Return the settings that these options override, by dotted key."""
        return {
            "network": self.network,
            "screen.theme": self.theme,
            "screen.language": self.lang,
            "screen.ascii": self.ascii_only,
            "log.format": self.log_format,
            "metrics.listen": self.metrics,
            "workers.devices": list(self.devices) or None,
            "state.directory": None if self.devnet else self.state_dir,
        }

    def show_command(self) -> str:
        """Return the command that finds the same state, and so the same node, from any directory."""
        words = ["emeth-tui"]
        if self.devnet:
            words.append("--devnet")
        if self.config:
            words += ["--config", str(self.config.absolute())]
        if self.network:
            words += ["--network", self.network]
        if self.state_dir:
            words += ["--state-dir", str(self.state_dir.absolute())]
        return shlex.join(words)
