"""The `emeth-tui` command, one module per command or group. None imports anything heavy before it runs."""

from emeth_tui.cli.main import main

__all__ = ["main"]
