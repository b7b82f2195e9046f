"""`python -m benchmarks NAME`: measure; `train` when nothing is named. Results go to stdout.

Each module named below has a click command called `command`, which prints a `report.Report`.
"""

from __future__ import annotations

import sys

import click

from benchmarks import job, train_command
from emeth_tui.errors import EmethError

_DEFAULT_COMMAND = "train"
_MODULES = (train_command, job)


@click.group(
    help="Measure emeth-tui against other ways to do its work; BENCHMARKS.md has method and figures."
)
def cli() -> None:
    pass


for _module in _MODULES:
    cli.add_command(_module.command)


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] != "--help"):
        arguments = [_DEFAULT_COMMAND, *arguments]
    try:
        cli.main(arguments, prog_name="python -m benchmarks")
    except EmethError as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
