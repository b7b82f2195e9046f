"""Write the man page from the program's own help: `python -m tools.man`. A test holds it to the program."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from emeth_tui.cli.main import command
from emeth_tui.errors import ExitCode
from tools.exit_codes import meanings

PAGE = Path(__file__).parent.parent / "docs" / "emeth-tui.1"


def main() -> None:
    """Write the page."""
    PAGE.write_text(man_page(), "utf-8")


def man_page() -> str:
    """Return the page as roff."""
    lines = [
        '.TH EMETH-TUI 1 "" emeth-tui "User Commands"',
        ".SH NAME",
        "emeth-tui \\- node manager for the Emeth compute network",
        ".SH SYNOPSIS",
        ".B emeth-tui",
        "[OPTIONS] [COMMAND] [ARGS]...",
        ".SH DESCRIPTION",
        *_prose(command.help or ""),
        ".SH OPTIONS",
        "Those that say which node stand before the command.",
        *_options(command),
        ".SH COMMANDS",
        *_commands(command, ()),
        ".SH EXIT STATUS",
        *_exit_codes(),
    ]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, words: tuple[str, ...]) -> Iterator[str]:
    for name, inner in sorted((name, inner) for name, inner in group.commands.items() if not inner.hidden):
        if isinstance(inner, click.Group) and not inner.invoke_without_command:
            yield from _commands(inner, (*words, name))
            continue
        arguments = " ".join(
            entry.make_metavar(click.Context(inner))
            for entry in inner.params
            if isinstance(entry, click.Argument)
        )
        yield f".SS {_plain(' '.join((*words, name, arguments)).strip())}"
        yield from _prose(inner.help or "")
        yield from _options(inner)
        yield from _prose(inner.epilog or "")
        if isinstance(inner, click.Group):
            yield from _commands(inner, (*words, name))


def _options(entry: click.Command) -> Iterator[str]:
    context = click.Context(entry)
    for option in entry.params:
        record = option.get_help_record(context)
        if record is not None:
            yield ".TP"
            yield f".B {_plain(record[0])}"
            yield _plain(record[1])


def _prose(text: str) -> Iterator[str]:
    """Write paragraphs; those that click leaves as they are stand as they are here, too."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield ".PP"
        lines = [line for line in paragraph.splitlines() if line.strip()]
        if lines and lines[0].strip() == "\b":
            yield ".nf"
            yield from map(_plain, textwrap.dedent("\n".join(lines[1:])).splitlines())
            yield ".fi"
        else:
            yield from (_plain(line.strip()) for line in lines)


def _exit_codes() -> Iterator[str]:
    texts = meanings()
    for code in ExitCode:
        yield ".TP"
        yield f".B {code.value}"
        yield _plain(texts[code])


def _plain(text: str) -> str:
    """Escape what roff would take for its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped


if __name__ == "__main__":
    main()
