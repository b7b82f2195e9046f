"""Reading the database beside the node, or without one, makes and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.errors import StoreError
from emeth_tui.store.database import Store
from emeth_tui.store.reading import read_store
from emeth_tui.store.safety.backups import DATABASE_FILE

TOO_LONG = "x" * 300


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_without_a_node_no_file_appears_even_for_a_moment(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.key_values.set("a", "1")
    before = names(tmp_path)

    with read_store(tmp_path) as reader:
        assert reader is not None
        assert reader.key_values.get("a") == "1"
        assert names(tmp_path) == before

    assert names(tmp_path) == before


def test_beside_a_node_its_newest_words_are_read(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.key_values.set("a", "1")
        with read_store(tmp_path) as reader:
            assert reader is not None
            store.key_values.set("a", "2")
            assert reader.key_values.get("a") == "2"
            with pytest.raises(StoreError):
                reader.key_values.set("a", "3")


def test_before_a_first_start_there_is_nothing_to_read(tmp_path: Path) -> None:
    with read_store(tmp_path) as reader:
        assert reader is None
    assert names(tmp_path) == []


def test_what_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"no database" * 1_000)

    with pytest.raises(StoreError), read_store(tmp_path):
        raise AssertionError("it was opened")


def test_a_state_that_may_not_be_seen_is_not_taken_for_none(tmp_path: Path) -> None:
    """As in another user's directory; the tests' user may see everything, but no name is so long."""
    with (
        pytest.raises(StoreError, match="cannot be read: File name too long"),
        read_store(tmp_path / TOO_LONG),
    ):
        pass
