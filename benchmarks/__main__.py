"""`python -m benchmarks NAME`: measure; `all` when nothing is named. Results go to stdout.

Each module named below has a click command called `command`, which prints a `report.Report`. Modules are
loaded on demand: a spawned process runs this file, too, and a worker must load torch only after it has set
its environment. `gpu` names the packages that it lacks, for it may run where none can be installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys

import click

_DEFAULT_COMMAND = "all"
_MODULES = {
    "all": "everything",
    "train": "training.command",
    "job": "job",
    "resume": "resume",
    "growth": "growth",
    "tokenise": "tokenise",
    "gpu": "gpu",
    "finetune": "finetune.command",
    "verification": "verification.command",
    "cooperative": "cooperative.command",
    "screen": "screen.command",
    "market": "market",
    "cost": "cost",
    "network": "network.command",
}
_NEEDED_BY_GPU = (
    "anyio",
    "msgspec",
    "numpy",
    "pydantic_core",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        command: click.Command = importlib.import_module(f"benchmarks.{_MODULES[cmd_name]}").command
        return command


@click.group(cls=_Commands, help="Measure emeth-tui; BENCHMARKS.md has the method and the figures.")
def cli() -> None:
    pass


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] != "--help"):
        arguments = [_DEFAULT_COMMAND, *arguments]
    if arguments[0] == "gpu":
        missing = [name for name in _NEEDED_BY_GPU if importlib.util.find_spec(name) is None]
        if missing:
            sys.exit(f"benchmarks: gpu needs packages that are not here: {', '.join(missing)}")
    from emeth_tui.errors import EmethError  # late: one of them is needed for it

    try:
        cli.main(arguments, prog_name="python -m benchmarks")
    except EmethError as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
