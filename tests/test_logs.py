"""The log file: UTC times, private, without the URLs that libraries would write."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from emeth_tui.logs import LOG_FILE, reopen_log_file, start_log_file
from emeth_tui.process.early_log import EarlyLog
from emeth_tui.settings import LogSettings


@pytest.fixture
def log_dir(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    level, directory = root.level, tmp_path / "logs"
    handler = start_log_file(directory, LogSettings(max_file_mb=1, keep_files=2))
    yield directory
    logging.captureWarnings(False)
    root.removeHandler(handler)
    root.setLevel(level)
    handler.close()


def test_lines_carry_utc_time_level_and_origin(log_dir: Path) -> None:
    logging.getLogger("emeth_tui.engine").info("job %s claimed", "0x1")

    line = (log_dir / LOG_FILE).read_text("utf-8")

    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    emeth_tui\.engine: job 0x1 claimed\n", line
    )


def test_a_log_whose_directory_was_removed_goes_on_in_a_new_one(log_dir: Path) -> None:
    logging.getLogger("emeth_tui.engine").info("before")
    shutil.rmtree(log_dir)

    reopen_log_file()
    logging.getLogger("emeth_tui.engine").info("after")

    assert (log_dir / LOG_FILE).read_text("utf-8").endswith("emeth_tui.engine: after\n")


@pytest.mark.parametrize("others_make_it", [False, True])
def test_a_log_that_another_program_has_rotated_goes_on_at_its_place(
    log_dir: Path, others_make_it: bool
) -> None:
    logging.getLogger("emeth_tui.engine").info("before")
    rotated = (log_dir / LOG_FILE).rename(log_dir / "node.log-20261130")
    if others_make_it:  # as logrotate's `create` does
        (log_dir / LOG_FILE).touch()

    logging.getLogger("emeth_tui.engine").info("after")

    assert rotated.read_text("utf-8").endswith("emeth_tui.engine: before\n")
    assert (log_dir / LOG_FILE).read_text("utf-8").endswith("emeth_tui.engine: after\n")


def test_presigned_urls_of_the_http_library_stay_out(log_dir: Path) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET http://x/y?signature=abc")
    logging.getLogger("httpx").warning("a warning")

    assert (log_dir / LOG_FILE).read_text("utf-8").count("\n") == 1


def test_the_file_is_rotated_and_old_ones_go(log_dir: Path) -> None:
    for _ in range(5):
        logging.getLogger("emeth_tui").info("x" * 900_000)

    assert sorted(path.name for path in log_dir.iterdir()) == [LOG_FILE, f"{LOG_FILE}.1", f"{LOG_FILE}.2"]


def test_the_directory_is_for_its_owner_alone(log_dir: Path) -> None:
    assert log_dir.stat().st_mode & 0o077 == 0


def test_a_full_disk_costs_the_line_alone(log_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = next(one for one in logging.getLogger().handlers if isinstance(one, RotatingFileHandler))
    kept, handler.stream = handler.stream, open("/dev/full", "w")  # noqa: SIM115, PTH123
    logging.getLogger("emeth_tui").info("lost")
    with suppress(OSError):
        handler.stream.close()
    handler.stream = kept

    logging.getLogger("emeth_tui").info("written")

    assert capsys.readouterr().err == ""
    assert (log_dir / LOG_FILE).read_text("utf-8").endswith("emeth_tui: written\n")


def test_a_bug_in_a_line_is_shown(log_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = next(one for one in logging.getLogger().handlers if isinstance(one, RotatingFileHandler))

    handler.handle(logging.LogRecord("emeth_tui", logging.INFO, "", 1, "%d", ("no number",), None))

    assert "TypeError" in capsys.readouterr().err


def test_what_was_logged_before_there_was_a_file_is_in_it(tmp_path: Path) -> None:
    early = EarlyLog()
    logging.getLogger("emeth_tui.tui.app").error("the screen broke")

    handler = start_log_file(tmp_path, LogSettings())
    early.pass_on()
    logging.getLogger("emeth_tui.tui.app").error("and again")
    lines = (tmp_path / LOG_FILE).read_text("utf-8").splitlines()
    logging.captureWarnings(False)
    logging.getLogger().removeHandler(handler)
    handler.close()

    assert [line.partition(": ")[2] for line in lines] == ["the screen broke", "and again"]
