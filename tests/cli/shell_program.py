"""A program that a shell starts: `python -m tests.cli.shell_program FILE`; its orders come as lines.

It writes its process id to FILE once it runs behind a waiting parent, and there notes a hang-up.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

from emeth_tui.headless import detach_from_terminal
from emeth_tui.shell import fork_from_shell, started_by_shell


def main(notes: Path) -> int:
    if not started_by_shell():
        print("no shell waits", flush=True)
        return 0
    shell = fork_from_shell()
    notes.write_text(f"{os.getpid()} ", "utf-8")
    print("ready", flush=True)
    ready, _writable, _failed = select.select([shell, sys.stdin], [], [])
    if shell in ready:
        with notes.open("a", encoding="utf-8") as file:
            file.write("hang-up")
        return 0
    words = sys.stdin.readline().split()
    if words[0] == "end":
        return int(words[1])
    print("leaving", flush=True)
    shell.release(detach_from_terminal)
    time.sleep(60)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
