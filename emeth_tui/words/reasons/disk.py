"""The sentences of notices/reasons/disk.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import disk

SENTENCES: Mapping[type[Notice], str] = {
    disk.CacheFull: (
        "the cache has room for {room_bytes} of its {limit_bytes} and the job needs "
        "{needed_bytes}: raise cache.limit_gb or wait for verifications"
    ),
    disk.FileSystemFull: (
        "the file system has {free_bytes} to spare and the job needs {needed_bytes}: free some "
        "space on the disk of {directory}"
    ),
    disk.CacheUnusable: "{directory}: the cache cannot be made there: {detail}",
    disk.NoRoomToWrite: "no room left to write {path}: free some space, the work goes on from there",
    disk.NoRoomForDataset: "no room left for its dataset in {directory}",
    disk.DatasetNeedsRoom: (
        "its dataset needs {needed_bytes} and {free_bytes} are free in {directory}; make room there"
    ),
    disk.DatabaseFull: "the node's database cannot be written: {detail}; free some space",
}

_MAKE_ROOM = (
    "make room on that disk; the node goes on by itself. `emeth-tui store leftovers` lists what in the cache "
    "belongs to no job, with the node stopped"
)
REMEDIES: Mapping[type[Notice], str] = {
    disk.CacheFull: "raise cache.limit_gb, which applies at once, or wait: each verification frees room",
    disk.CacheUnusable: "let the node's user write there, or set cache.directory to another place",
    disk.FileSystemFull: _MAKE_ROOM,
    disk.NoRoomToWrite: _MAKE_ROOM,
    disk.NoRoomForDataset: _MAKE_ROOM,
    disk.DatasetNeedsRoom: _MAKE_ROOM,
    disk.DatabaseFull: _MAKE_ROOM,
}
