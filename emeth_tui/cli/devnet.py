"""`emeth-tui devnet`: run a local network by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from emeth_tui.cli.output.printing import example
from emeth_tui.cli.types import DIRECTORY, VERIFICATION
from emeth_tui.errors import ExitCode

if TYPE_CHECKING:
    from emeth_tui.settings.values import Verification


@click.command(epilog=example("emeth-tui devnet --state-dir ~/emeth-devnet"))
@click.option(
    "--state-dir", type=DIRECTORY, help="Keep chain, storage and accounts here [default: keep nothing]."
)
@click.option("--corpus", type=DIRECTORY, help="Directory of texts to make jobs from: *en.txt and *ja.txt.")
@click.option("--chain", type=click.Choice(["py-evm", "anvil"]), default="py-evm", show_default=True)
@VERIFICATION
@click.option("--no-rival", is_flag=True, help="Run no rival node: joining nodes get every job.")
@click.option("--until-input-ends", is_flag=True, hidden=True)
def devnet(
    state_dir: Path | None,
    corpus: Path | None,
    chain: Literal["py-evm", "anvil"],
    verification: Verification,
    no_rival: bool,
    until_input_ends: bool,
) -> ExitCode:
    """Run a whole Emeth network on this machine until stopped."""
    from emeth_tui.devnet.extra import check_extra

    check_extra()
    from emeth_tui.devnet.commands import run_devnet

    run_devnet(
        state_dir=state_dir,
        corpus=corpus,
        chain=chain,
        verification=verification,
        with_rival=not no_rival,
        until_input_ends=until_input_ends,
    )
    return ExitCode.OK
