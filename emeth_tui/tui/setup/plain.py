"""The questions as prompts, for any terminal: `emeth-tui setup`. Loads no Textual."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import click

from emeth_tui.errors import EmethError
from emeth_tui.files import may_exist
from emeth_tui.process.terminal_input import ask_hidden, hidden_input, shown_input
from emeth_tui.settings.toml_text import read_text
from emeth_tui.tui.drawing.lines import wrap
from emeth_tui.tui.setup.questions import STEPS, Kind, Outcome, Question, Result
from emeth_tui.tui.setup.wizard import Wizard
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _, speak

BACK = "<"


def run_plain_setup(config: Path, language: str = "") -> Outcome:
    """Ask for the first settings and write them to `config`, or change them there.

    Raise SettingsError if the file cannot be read, UsageError if there is no terminal.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(
            "setup asks questions and needs a terminal; `emeth-tui config example` prints a file to fill in"
        )
    speak(language)
    wizard = Wizard(config, read_text(config) if may_exist(config) else "")
    _say(_("{back} goes back, Ctrl-C quits, Enter accepts the value in [ ].").format(back=BACK))
    with hidden_input():
        outcome = _ask_all(wizard)
    if outcome.result is Result.DEVNET:
        _say(_("nothing is written: `emeth-tui --devnet` starts it"))
    return outcome


def _ask_all(wizard: Wizard) -> Outcome:
    """Ask outside of any event loop, in which the first Ctrl-C would only be noted."""
    while wizard.outcome is None:
        question = wizard.question
        _show(question)
        answer = _prompt(question)
        if answer.strip() == BACK:
            wizard.back()
            continue
        try:
            asyncio.run(wizard.answer(answer))
        except EmethError as error:
            _say(text_of(error.reason), "! ")
    return wizard.outcome


def _show(question: Question) -> None:
    click.echo(f"\n{question.step}/{STEPS} {question.title}")
    for fact in question.facts:
        _say(fact, "  ")
    for number, option in enumerate(question.options, 1):
        _say(option.label, f"  {number}  ")


def _say(text: str, start: str = "") -> None:
    """Write a text after its start, in lines of the terminal's width that are broken between words."""
    rows = wrap(text, shutil.get_terminal_size().columns - len(start))
    for number, row in enumerate(rows):
        click.echo((" " * len(start) if number else start) + row.text)


def _prompt(question: Question) -> str:
    """Ask until something is typed; options are chosen by number."""
    if question.kind is Kind.NOTICE:
        return ""
    if question.kind is Kind.SECRET:
        return ask_hidden(f"{question.prompt}: ")
    with shown_input():
        return _prompt_shown(question)


def _prompt_shown(question: Question) -> str:
    values = [option.value for option in question.options]
    if question.kind is Kind.TEXT:
        shows = bool(question.default)
        return str(click.prompt(question.prompt, default=question.default, show_default=shows)).strip()
    chosen = question.default.split(",") if question.kind is Kind.SEVERAL else [question.default]
    default = ",".join(str(values.index(value) + 1) for value in chosen)
    prompt = _("Numbers, comma-separated") if question.kind is Kind.SEVERAL else _("Number")
    typed = str(click.prompt(prompt, default=default)).strip()
    return ",".join(_value(part.strip(), values) for part in typed.split(","))


def _value(number: str, values: list[str]) -> str:
    in_range = number.isdecimal() and 1 <= int(number) <= len(values)
    return values[int(number) - 1] if in_range else number
