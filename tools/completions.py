"""Write what shells complete by, for packages to install: `python -m tools.completions`."""

from __future__ import annotations

from pathlib import Path

from click.shell_completion import get_completion_class

from emeth_tui.cli.commands.about import COMPLETION_VARIABLE
from emeth_tui.cli.main import command

DIRECTORY = Path(__file__).parent.parent / "contrib" / "completions"
NAMES = {
    "bash": "emeth-tui.bash",
    "zsh": "_emeth-tui",
    "fish": "emeth-tui.fish",
}  # as each shell looks for it


def main() -> None:
    """Write a file for each shell."""
    DIRECTORY.mkdir(exist_ok=True)
    for shell, name in NAMES.items():
        (DIRECTORY / name).write_text(completion_of(shell), "utf-8")


def completion_of(shell: str) -> str:
    """Return a shell's file, which is what `emeth-tui completion` prints."""
    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 - click knows all three
    return complete(command, {}, "emeth-tui", COMPLETION_VARIABLE).source() + "\n"


if __name__ == "__main__":
    main()
