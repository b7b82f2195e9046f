"""Files that the services keep: one that is damaged is named, and nobody is told to delete a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.errors import ServiceError
from emeth_tui.network.files import kept_secret


def test_a_damaged_key_is_to_be_restored_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "verification_key"
    path.write_text("half of a ke", "ascii")

    with pytest.raises(ServiceError, match="verification_key: is damaged; restore it from a copy") as raised:
        kept_secret(path)

    assert "remove" not in str(raised.value)  # a new one would have every result under way rejected
    assert path.read_text("ascii") == "half of a ke"
