"""The command line's pages say what the program does: fields, schema, examples, start-up."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from emeth_tui.cli.main import command
from tools import command_line, man

Words = tuple[str, ...]


def leaves(group: click.Group, words: Words = ()) -> Iterator[tuple[Words, click.Command]]:
    """Every command that does something, as it is typed."""
    for name, inner in group.commands.items():
        if isinstance(inner, click.Group):
            yield from leaves(inner, (*words, name))
        else:
            yield (*words, name), inner


LEAVES = list(leaves(command))


def test_the_page_has_the_fields_that_there_are() -> None:
    """`python -m tools.command_line` writes them."""
    page = command_line.PAGE.read_text("utf-8")
    assert command_line.page_with_fields(page) == page


def test_the_schema_is_that_of_the_records() -> None:
    """`python -m tools.command_line` writes it."""
    assert command_line.SCHEMA_FILE.read_text("utf-8") == command_line.schema_text()


@pytest.mark.parametrize("words", [words for words, _command in LEAVES], ids=" ".join)
def test_every_commands_help_has_an_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(command, [*words, "--help"], prog_name="emeth-tui")

    assert result.exit_code == 0
    _help, _colon, examples = result.output.partition("\n  Example")
    typed = rf"emeth-tui (--\S+ \S+ )*{' '.join(words)}\b"
    assert re.search(typed, examples), "printing.example makes the epilog"
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize("words", [words for words, _command in LEAVES], ids=" ".join)
def test_the_options_of_examples_exist(words: tuple[str, ...]) -> None:
    entry = dict(LEAVES)[words]
    known = {name for parameter in (*entry.params, *command.params) for name in parameter.opts}
    text = (entry.epilog or entry.help or "").partition("Example")[2]
    ours = [part for part in text.replace("|", "\n").splitlines() if "emeth-tui" in part]
    assert ours
    for word in " ".join(ours).split():
        assert not word.startswith("--") or word in known


def test_no_command_loads_anything_heavy_before_it_runs() -> None:
    script = (
        "import sys, emeth_tui.cli\n"
        "heavy = ('web3', 'torch', 'textual', 'pydantic', 'httpx', 'sqlite3', 'numpy')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.slow
def test_asking_a_node_loads_neither_web3_nor_textual() -> None:
    script = (
        "import sys, emeth_tui.control.connection, emeth_tui.store.reading, emeth_tui.listings.status\n"
        "import emeth_tui.listings.movements\n"
        "print([name for name in ('web3', 'torch', 'textual', 'httpx') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_man_page_is_made_of_the_help() -> None:
    """`python -m tools.man` writes it."""
    assert man.PAGE.read_text("utf-8") == man.man_page()


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_is_shown_without_complaint() -> None:
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", str(man.PAGE)], capture_output=True, text=True, check=True
    )
    assert shown.stderr == ""
    text = " ".join(re.sub(r"\x1b\[[0-9;]*m|.\x08", "", shown.stdout).split())
    for words in ("emeth-tui decline 6f2a", "--month", "none runs here", "EXIT"):
        assert words in text
