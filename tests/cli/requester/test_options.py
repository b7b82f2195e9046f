"""What is refused of a request's options, before anything is measured or asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from emeth_tui.cli.requester import request
from emeth_tui.errors import ExitCode


def refused(file: Path, *options: str) -> str:
    result = CliRunner().invoke(request, [str(file), *["--language", "en", "--fee", "20"], *options])
    assert result.exit_code == ExitCode.USAGE
    return " ".join(result.output.split())


def test_a_path_that_is_not_utf_8_is_refused_and_not_asked_about(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"nov\xffel.txt")
    file.write_text("A lamp is lit.", "utf-8")

    assert "is not UTF-8: rename the file" in refused(file)


@pytest.mark.parametrize("deadline", ["0h", "10001d", "soon", "-1h"])
def test_a_deadline_that_a_node_would_not_read_is_refused_without_one_as_well(
    tmp_path: Path, deadline: str
) -> None:
    file = tmp_path / "novel.txt"
    file.write_text("A lamp is lit.", "utf-8")

    assert "is not a time from 1s to 10000d" in refused(file, "--deadline", deadline)
