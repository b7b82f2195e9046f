"""The file of hosts, when several commands change it at once."""

from __future__ import annotations

import threading
from pathlib import Path

from emeth_tui.hosts.node.book import Book, Host, change_book, read_book


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    names = [f"host-{number}" for number in range(8)]
    read = threading.Barrier(2)

    def first(book: Book) -> Book:
        """Hold the file until another has asked for it: what that reads is what this writes."""
        threading.Thread(target=others).start()
        read.wait()
        return book.with_host(Host(names[0], "you@b"))

    def others() -> None:
        read.wait()
        for name in names[1:]:
            change_book(state_dir, lambda book, name=name: book.with_host(Host(name, "you@b")))  # type: ignore[misc]
        read.wait()

    change_book(state_dir, first, "0" * 16)
    read.wait()
    book = read_book(state_dir)
    assert [host.name for host in book.hosts] == names
    assert book.node == "0" * 16
