"""Landlock: a process gives up for good the files and TCP ports that it does not need (landlock(7)).

The kernel checks each path where it is opened, so a symbolic link out of an allowed directory leads nowhere.
What is open already stays open. A confined process can neither trace one that is not, nor read its memory or
environment in /proc, nor gain privileges by executing a file.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, on every architecture
_ASK_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH, _NET_PORT = 1, 2  # kinds of rules
_PR_SET_NO_NEW_PRIVS = 38
_NO_FLAGS = ctypes.c_uint32(0)
_NOT_OFFERED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}  # the last by a filter of a service manager's

# Rights to files (linux/landlock.h), and the version of the ABI that each came with.
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 5, 1 << 7, 1 << 8
_FIRST_RIGHTS = (1 << 13) - 1  # execute, write, read, list, remove, and make entries of each kind
_REFER, _TRUNCATE, _IOCTL_DEV, _RESOLVE_UNIX = 1 << 13, 1 << 14, 1 << 15, 1 << 16
_LATER_RIGHTS = ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV), (9, _RESOLVE_UNIX))
_READING = _READ_FILE | _READ_DIR
_WRITING = _READING | _WRITE_FILE | _TRUNCATE | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE  # the other rights are to directories
_NET_SINCE, _BIND_TCP, _CONNECT_TCP = 4, 1, 2
_SCOPES_SINCE, _SCOPES = 6, 3  # no abstract Unix sockets of others, and no signals to them


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a process keeps. Below `writable` it makes files and directories, but no links between those."""

    readable: tuple[Path, ...] = ()  # those that are not there are left out
    writable: tuple[Path, ...] = ()
    ports: tuple[int, ...] = ()  # TCP ports to bind
    connects: bool = False  # by TCP, to any port


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _NetPort(ctypes.Structure):
    _fields_ = (("allowed_access", ctypes.c_uint64), ("port", ctypes.c_uint64))


def landlock_version() -> int:
    """Return the version of Landlock's ABI that this process may use; 0 for none. Raise OSError."""
    if sys.platform != "linux":
        return 0
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    except OSError as error:
        if error.errno in _NOT_OFFERED:
            return 0
        raise


def confine(allowed: Allowed) -> bool:
    """Leave this process nothing but what is allowed; return False where the kernel has no Landlock.

    Raise OSError. Only the calling thread is confined, and those that it starts: there must be no other.
    """
    version = landlock_version()
    if not version:
        return False
    with _ruleset(version, allowed) as ruleset:
        for path in allowed.readable:
            try:
                _allow_beneath(ruleset, path, _READING & _rights(version))
            except FileNotFoundError:
                continue
        for path in allowed.writable:
            _allow_beneath(ruleset, path, _WRITING & _rights(version))
        if version >= _NET_SINCE:
            for port in allowed.ports:
                rule = _NetPort(_BIND_TCP, port)
                _call(
                    _ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_NET_PORT), ctypes.byref(rule), _NO_FLAGS
                )
        gain_no_privileges()
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), _NO_FLAGS)
    return True


def gain_no_privileges() -> None:
    """Have this process gain no privileges by executing a file: what the kernel asks of those that confine
    themselves. Raise OSError.
    """
    one, zero = ctypes.c_ulong(1), ctypes.c_ulong(0)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, one, zero, zero, zero) != 0:
        raise _error()


def _rights(version: int) -> int:
    """Return all rights to files that a version of the ABI knows."""
    rights = _FIRST_RIGHTS
    for since, right in _LATER_RIGHTS:
        if version >= since:
            rights |= right
    return rights


@contextmanager
def _ruleset(version: int, allowed: Allowed) -> Iterator[int]:
    net = (_BIND_TCP | (0 if allowed.connects else _CONNECT_TCP)) if version >= _NET_SINCE else 0
    attributes = _Ruleset(_rights(version), net, _SCOPES if version >= _SCOPES_SINCE else 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))  # an older kernel takes more, if that is zero
    descriptor = _call(_CREATE_RULESET, ctypes.byref(attributes), size, _NO_FLAGS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _allow_beneath(ruleset: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        rule = _PathBeneath(rights, descriptor)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), ctypes.byref(rule), _NO_FLAGS)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    """Call the system; Python offers no functions for these calls. Raise OSError."""
    answer: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        raise _error()
    return answer


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
