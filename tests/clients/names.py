"""A name server for `.example`, in place of the machine's."""

from __future__ import annotations

import ipaddress
import itertools
import socket
from collections.abc import Iterator
from typing import Any

import pytest

PUBLIC = "93.184.216.34"

Names = dict[str, Iterator[list[str]]]  # each look-up of a name takes its next answer


def answer_names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Have every look-up of this process answered by what is returned, where it knows the name."""
    answers: Names = {"storage.example": itertools.repeat([PUBLIC])}
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        name = (host.decode() if isinstance(host, bytes) else host or "").rstrip(".")
        if name not in answers:
            return look_up(host, port, *arguments, **options)
        kinds = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            (kinds[ipaddress.ip_address(address).version], socket.SOCK_STREAM, 6, "", (address, port or 0))
            for address in next(answers[name])
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers
