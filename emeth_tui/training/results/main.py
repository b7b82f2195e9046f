"""The child that opens results: a line of JSON on stdin, one on stdout. It has no key and fetches nothing."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from emeth_tui.errors import DiskFull, JobError, TrainingError
from emeth_tui.files import disk_full_translated
from emeth_tui.notices.notice import to_data


def main() -> None:
    """Do one task."""
    # The answer goes to the original stdout; whatever libraries print goes to the log.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.readline())
    from emeth_tui.training.results.tasks import TASKS

    try:
        with disk_full_translated(Path(request["arguments"]["result"])):
            answer = TASKS[request["task"]](**request["arguments"])
    except (JobError, TrainingError, DiskFull) as error:
        answer = {"refused": to_data(error.reason)}
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
