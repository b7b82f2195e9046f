"""Disk: state and cache can be written, fast enough, have room for a job, and lie where a database may."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, error, ok, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.engine.disk import (
    BYTES_PER_FLOAT,
    FILE_SYSTEM_RESERVE_BYTES,
    FLOATS_PER_PARAMETER_IN_CHECKPOINT,
    job_needs_bytes,
)
from emeth_tui.files import nearest_existing
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.disk import FileSystemFull
from emeth_tui.notices.reasons.doctor import machine as found
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.files import Unwritable
from emeth_tui.process.threads import in_thread
from emeth_tui.protocol.architectures import parameter_count
from emeth_tui.protocol.parameters import MIN_EPOCHS
from emeth_tui.protocol.replay import kept_epochs
from emeth_tui.settings import Settings
from emeth_tui.workers.job_files import LocalJobFiles

MOUNTS = Path("/proc/self/mountinfo")
REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse"}
)
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
TRIAL_BYTES = 64 << 20
TRIAL_S = 2.0  # of writing, at most
SLOW_CHECKPOINT_S = 60.0  # the time that a node has to leave after a signal
_CHUNK = bytes(1 << 20)


async def _writes(subject: Subject) -> Sequence[Finding]:
    state, cache = subject.settings.state_dir, subject.settings.jobs_dir
    return [
        *await in_thread(_trial, state, ()),
        *await in_thread(_trial, cache, subject.models),
    ]


def _trial(directory: Path, models: Iterable[str]) -> list[Finding]:
    """Write for a moment to a file that has no name, and so is gone however this ends."""
    place = nearest_existing(directory)
    try:
        speed_bytes = _speed(place)
    except OSError as failed:
        return [error(Unwritable(place, system_text(failed)), remedies.MakeWritable(place))]
    parameters = max(map(parameter_count, models), default=0)
    checkpoint_bytes = parameters * BYTES_PER_FLOAT * FLOATS_PER_PARAMETER_IN_CHECKPOINT
    checkpoint_s = checkpoint_bytes / speed_bytes
    if checkpoint_s > SLOW_CHECKPOINT_S:
        slow = found.DiskSlow(place, speed_bytes, checkpoint_s)
        return [warning(slow, remedies.UseFasterDisk())]
    return [ok(found.DiskWrites(place, speed_bytes))]


def _speed(directory: Path) -> int:
    """Return the bytes a second that reach the disk. Raise OSError."""
    trial_bytes = min(TRIAL_BYTES, shutil.disk_usage(directory).free // 4)
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        started_s = time.perf_counter()
        written = file.write(b"\0")
        while written < trial_bytes and time.perf_counter() - started_s < TRIAL_S:
            written += file.write(_CHUNK)
        os.fsync(file.fileno())
        return max(1, round(written / (time.perf_counter() - started_s)))


async def _room(subject: Subject) -> Sequence[Finding]:
    states = len(kept_epochs(MIN_EPOCHS)) if subject.network.verification == "replay" else 0
    return await in_thread(_room_for, subject.settings, subject.models, states)


def _room_for(settings: Settings, models: Sequence[str], states: int) -> list[Finding]:
    place, limit_bytes = nearest_existing(settings.jobs_dir), settings.cache_limit_bytes
    free_bytes = max(0, shutil.disk_usage(place).free - FILE_SYSTEM_RESERVE_BYTES)
    used_bytes = _used_bytes(settings.jobs_dir)
    least_bytes = settings.claims.min_dataset_bytes
    needs = {model: job_needs_bytes(least_bytes, model, states=states) for model in models}
    model, needed_bytes = max(needs.items(), key=lambda item: item[1])
    if needed_bytes > limit_bytes:
        return [error(found.LimitBelowJob(limit_bytes, needed_bytes, model), remedies.RaiseLimit())]
    if not used_bytes and needed_bytes > free_bytes:
        return [error(FileSystemFull(free_bytes, needed_bytes, place), remedies.MakeRoom())]
    if limit_bytes - used_bytes > free_bytes:
        return [warning(found.LimitAboveRoom(place, free_bytes, limit_bytes), remedies.LowerLimit())]
    return [ok(found.DiskHasRoom(place, free_bytes, limit_bytes))]


def _used_bytes(jobs_dir: Path) -> int:
    if not (os.path.isdir(jobs_dir) and os.access(jobs_dir, os.R_OK | os.X_OK)):  # noqa: PTH112
        return 0
    return sum(LocalJobFiles(jobs_dir).usage().by_job.values())


async def _file_system(subject: Subject) -> Sequence[Finding]:
    return await in_thread(file_system_findings, subject.settings.state_dir, MOUNTS)


def file_system_findings(state_dir: Path, mounts: Path) -> list[Finding]:
    """Judge the kind of file system that the database is on, or would be."""
    place = nearest_existing(state_dir).resolve()
    kind = file_system_of(place, mounts)
    if not kind:
        return []
    if kind.partition(".")[0] in REMOTE:
        return [warning(found.DatabaseRemote(place, kind), remedies.UseLocalDisk())]
    if kind in IN_MEMORY:
        return [warning(found.StateInMemory(place, kind), remedies.UseLocalDisk())]
    return [ok(found.FileSystemIs(place, kind))]


def file_system_of(path: Path, mounts: Path) -> str:
    """Return the kind of file system that holds a path, "" where the system does not say."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    kinds: dict[Path, str] = {}
    for line in lines:
        fields, _dash, rest = line.partition(" - ")
        # Spaces in a path are written as octal codes.
        kinds[Path(fields.split()[4].encode().decode("unicode_escape"))] = rest.split()[0]
    return next((kinds[above] for above in (path, *path.parents) if above in kinds), "")


CHECKS = (
    Check(Room.DISK, "writes", _writes, within_s=40.0),
    Check(Room.DISK, "room", _room),
    Check(Room.DISK, "file_system", _file_system),
)
