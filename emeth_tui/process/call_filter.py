"""A process gives up for good system calls over which Landlock has no say, by a filter of seccomp(2).

Without it, a process could command whatever listens at a Unix socket that its user can reach (before version
9 of Landlock's ABI), speak UDP, empty its user's files (before version 3), and change who may read them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
from collections.abc import Collection
from dataclasses import dataclass

from emeth_tui.process.landlock import gain_no_privileges

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _AND = 0x20, 0x54  # classic BPF: a word of what follows into the accumulator; and with a constant
_IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x15, 0x35, 0x06
_CALL_AT, _ARCHITECTURE_AT, _FIRST_AT, _SECOND_AT = 0, 4, 16, 24  # in seccomp_data; arguments' lower words
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_OTHER_ABI = 0x40000000  # x32 numbers its calls from here on
# Refused on every architecture: fchmodat2, setxattrat, and io_uring_setup, since rings call without calls.
_REFUSED = (425, 452, 463)
_KIND = 0xF  # of a socket's type; the other bits are flags


@dataclass(frozen=True, slots=True)
class _Machine:
    """An architecture by the kernel's name for it, and its numbers of calls."""

    audit: int
    socket: int
    socketpair: int
    refused: tuple[int, ...]  # chmod, chown and setxattr in all their forms, and truncate


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, 53, (*range(90, 95), *range(188, 191), 76, 260, 268)),
    "aarch64": _Machine(0xC00000B7, 198, 199, (*range(5, 8), 45, *range(52, 56))),
}


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),  # so many instructions are passed over
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def filter_calls(families: Collection[socket.AddressFamily]) -> bool:
    """Have this process make sockets of these families alone, and change no modes, owners or attributes.

    Pairs of streams stay, since event loops need them: they reach nobody else. What is refused fails with
    EACCES. Return False where there is no such filter. Raise OSError. Only the calling thread is filtered,
    and those that it starts.
    """
    machine = _MACHINES.get(os.uname().machine)
    if sys.platform != "linux" or machine is None or sys.maxsize < 2**32:
        return False
    instructions = _instructions(machine, sorted(families))
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    gain_no_privileges()
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.byref(program)) == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.EINVAL:  # a kernel without filters
        return False
    raise OSError(number, os.strerror(number))


def _instructions(machine: _Machine, families: Collection[int]) -> list[_Instruction]:
    """Return the program. Its last two instructions refuse and allow; others go on there, or pass some."""
    checks: list[tuple[int, int | str, int | str, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IF_EQUAL, 0, "refuse", machine.audit),
        (_LOAD, 0, 0, _CALL_AT),
        (_IF_AT_LEAST, "refuse", 0, _OTHER_ABI),
        *((_IF_EQUAL, "refuse", 0, call) for call in (*_REFUSED, *machine.refused)),
        (_IF_EQUAL, 0, 3, machine.socketpair),
        (_LOAD, 0, 0, _SECOND_AT),
        (_AND, 0, 0, _KIND),
        (_IF_EQUAL, "allow", "refuse", socket.SOCK_STREAM),  # one of datagrams could be connected anew
        (_IF_EQUAL, 0, "allow", machine.socket),
        (_LOAD, 0, 0, _FIRST_AT),
        *((_IF_EQUAL, "allow", 0, family) for family in families),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    ends = {"refuse": len(checks) - 2, "allow": len(checks) - 1}

    def passing(here: int, to: int | str) -> int:
        return to if isinstance(to, int) else ends[to] - here - 1

    return [
        _Instruction(code, passing(here, if_true), passing(here, if_false), value)
        for here, (code, if_true, if_false, value) in enumerate(checks)
    ]
