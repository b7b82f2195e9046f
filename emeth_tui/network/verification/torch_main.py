"""The child side of `torch_process`: answers one line of JSON with another until its input ends."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Any, TextIO

from emeth_tui.errors import DiskFull, JobError, TrainingError
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.foreign import Foreign


def main() -> None:
    """Serve tasks, at the niceness of the first argument."""
    os.nice(int(sys.argv[1]))
    # Answers go to the original stdout; whatever libraries print goes to the log.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin, requests), daemon=True).start()
    while True:
        print(json.dumps(answer(json.loads(requests.get()))), file=answers, flush=True)


def _read(lines: TextIO, requests: queue.SimpleQueue[str]) -> None:
    for line in lines:
        requests.put(line)
    os._exit(0)  # the devnet is gone: nobody waits for the task under way


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do a task: return its answer, what is wrong with the job, or what is wrong on this machine."""
    from emeth_tui.network.verification.torch_tasks import TASKS

    try:
        return TASKS[request["task"]](**request["arguments"])
    except JobError as error:
        return {"refused": to_data(error.reason)}
    except (TrainingError, DiskFull) as error:
        return {"failed": to_data(error.reason)}
    except OSError as error:
        return {"failed": to_data(Foreign(one_line(error)))}


if __name__ == "__main__":
    main()
