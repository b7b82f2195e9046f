"""A requester's look at a result: a file that is none is not kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.errors import JobError
from emeth_tui.training.results.opened import OpenedResult


@pytest.mark.slow
def test_a_file_that_is_no_result_is_fetched_again(tmp_path: Path) -> None:
    """What was damaged on its way would be refused for ever."""
    dataset, result = tmp_path / "dataset.txt", tmp_path / "result.pt"
    dataset.write_text("A lamp is lit. " * 400)
    result.write_bytes(bytes(1_000_000))

    with pytest.raises(JobError):
        OpenedResult("devnet-small", "en", dataset, result)

    assert not result.exists()
    assert dataset.exists()
