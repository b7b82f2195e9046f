"""The child that opens results and measures texts: a line of JSON on stdin, one on stdout.

It has no key and fetches nothing.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emeth_tui.errors import DiskFull, JobError, TrainingError
from emeth_tui.files import disk_full_translated
from emeth_tui.notices.notice import to_data


def main() -> None:
    """Do one task."""
    # The answer goes to the original stdout; whatever libraries print goes to the log.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.readline())
    task, arguments = request["task"], request["arguments"]
    try:
        with disk_full_translated(Path(arguments.get("result") or tempfile.gettempdir())):
            answer = _task(task)(**arguments)
    except (JobError, TrainingError, DiskFull) as error:
        answer = {"refused": to_data(error.reason)}
    print(json.dumps(answer), file=answers, flush=True)


def _task(name: str) -> Callable[..., dict[str, Any]]:
    """Return a task by name; to measure a text needs no torch."""
    if name == "measure":
        from emeth_tui.training.data.measuring import measured_facts

        return measured_facts
    from emeth_tui.training.results.tasks import TASKS

    return TASKS[name]


if __name__ == "__main__":
    main()
