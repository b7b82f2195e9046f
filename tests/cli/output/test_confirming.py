"""What is asked before money is spent, at a real terminal."""

from __future__ import annotations

import os
import sys
from contextlib import closing

import pytest

from tests.terminal import Terminal

pytestmark = pytest.mark.process
PROGRAM = """
import asyncio
from emeth_tui.cli.output.confirming import confirm
from emeth_tui.cli.output.printing import Output

async def spend():
    confirm(Output(ascii_only=True), "Send this?", [], yes=False)
    print("sent")

try:
    asyncio.run(spend())
except KeyboardInterrupt:
    print("nothing is sent")
"""


@pytest.mark.parametrize(("typed", "said"), [("\x03", "nothing is sent"), ("y\n", "\nsent")])
def test_a_word_or_one_interruption_is_an_answer(typed: str, said: str) -> None:
    with closing(Terminal([sys.executable, "-c", PROGRAM], (80, 24), os.environ)) as terminal:
        terminal.wait_for("Send this? [y/N]")
        terminal.answer(typed)
        terminal.wait_for(said)
