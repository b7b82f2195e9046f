"""History as CSV: amounts exact to the wei, times in ISO 8601, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.model import WEI_PER_TOKEN
from emeth_tui.words.sentences import english

if TYPE_CHECKING:
    from emeth_tui.engine.money.earnings import DayAccount
    from emeth_tui.job import Job

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full-width ones run, too
JOB_COLUMNS = (
    "job_id",
    "state",
    "by_hand",
    "language",
    "dataset",
    "dataset_bytes",
    "model",
    "epochs",
    "epochs_done",
    "validation_loss",
    "fee_emt",
    "deposit_emt",
    "earned_emt",
    "lost_emt",
    "gas",
    "taken_at",
    "deadline_at",
    "submitted_at",
    "ended_at",
    "error",
)
DAY_COLUMNS = (
    "day",
    "ended",
    "verified",
    "costly",
    "gas",
    "earned_emt",
    "lost_emt",
    "reward_emt",
    "total_emt",
)


def jobs_csv(jobs: Iterable[Job]) -> str:
    """Write jobs, one a row."""
    return _csv(JOB_COLUMNS, (_job_row(job) for job in jobs))


def days_csv(days: Iterable[DayAccount]) -> str:
    """Write days, one a row."""
    return _csv(DAY_COLUMNS, (_day_row(day) for day in days))


def save_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, readable by its owner alone. Raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def exact_decimal(amount_wei: int) -> str:
    """Write wei as tokens with every digit and nothing else: `20.123456789`, `-0.5`."""
    whole, fraction = divmod(abs(amount_wei), WEI_PER_TOKEN)
    decimals = f".{fraction:018d}".rstrip("0") if fraction else ""
    return f"{'-' if amount_wei < 0 else ''}{whole}{decimals}"


def harmless(text: str) -> str:
    """Make a text of a stranger's one that a spreadsheet takes for a text, on one line."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return f"'{shown}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else shown


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(columns)
    writer.writerows(rows)
    return output.getvalue()


def _job_row(job: Job) -> Sequence[object]:
    return (
        job.job_id,
        job.state.value,
        "yes" if job.by_hand else "no",
        job.language.value,
        harmless(job.dataset),
        job.dataset_bytes,
        harmless(job.model),
        job.epochs,
        job.epochs_done,
        "" if job.valid_loss is None else job.valid_loss,
        exact_decimal(job.fee_wei),
        exact_decimal(job.deposit_wei),
        exact_decimal(job.earned_wei),
        exact_decimal(job.lost_wei),
        job.gas,
        _iso(job.created_at_unix_s),
        _iso(job.deadline_unix_s),
        _iso(job.submitted_at_unix_s),
        _iso(job.ended_at_unix_s),
        harmless(english(job.error) if job.error else ""),
    )


def _day_row(day: DayAccount) -> Sequence[object]:
    return (
        _iso(day.start_unix_s)[:10],
        day.ended,
        day.verified,
        day.costly,
        day.gas,
        exact_decimal(day.earned_wei),
        exact_decimal(day.lost_wei),
        exact_decimal(day.reward_wei),
        exact_decimal(day.total_wei),
    )


def _iso(unix_s: float | None) -> str:
    """Write a time in UTC, to the second; one that no calendar holds as its number."""
    if unix_s is None:
        return ""
    try:
        moment = datetime.fromtimestamp(int(unix_s), tz=timezone.utc)
    except (OverflowError, ValueError, OSError):
        return str(int(unix_s))
    return moment.isoformat().replace("+00:00", "Z")
