"""Inputs made of valid ones: cut, joined, repeated, nested, bits turned, values exchanged for odd ones."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

MAX_BYTES = 65_536
MAX_NESTING = 20_000
ODD = [
    *(b"0", b"-1", b"1e999", b"NaN", b"9" * 400, b"0x", b"0x" + b"f" * 70, b"1.5", b"true", b"null"),
    *(
        b"{}",
        b"[]",
        b'""',
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"=",
        b"#",
        b"\\",
        b"\\u0000",
        b"\\ud800",
    ),
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\r\n", b"\x1b[2J", b"%s%n"),
    *(b"../../etc/passwd", b"\xf0\x9f\x92\xa9", b"\x80" * 9, b" " * 300, b"A" * 3_000),
]
# Of JSON and TOML alike: what may stand for a value without breaking the syntax around it.
VALUES = [
    *(
        b"[]",
        b"{}",
        b'""',
        b"0",
        b"-1",
        b"1e308",
        b"1e999",
        b"9" * 400,
        b"true",
        b"[[]]",
        b'[{"a": 1}]',
        b"1.5",
    ),
    *(
        b"null",
        b'"\\u0000"',
        b'"\\ud800"',
        b'"' + b"x" * 5_000 + b'"',
        b'"0x' + b"f" * 64 + b'"',
        b'"0x"',
        b"nan",
    ),
    *(b'"2026-11-28"', b"2026-11-28", b'"-0x1"', b'" 1"', b'"1_0"', '"\u0661"'.encode(), b'"1e9"', b'"inf"'),
]
DEEP = [b"[" * 300 + b"]" * 300, b"[" * 9_000 + b"]" * 9_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000]
_VALUE = re.compile(rb'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null')
NESTS = [b"[", b'{"a":', b"(", b"{a=", b"[[", b'[{"kind":"chain_down","cause":']


def inputs(seed: str, corpus: Sequence[bytes]) -> Iterator[bytes]:
    """Yield inputs without end, the same for the same seed; the valid ones come first."""
    chance = random.Random(seed)
    yield from corpus
    while True:
        data = chance.choice(corpus)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            data = _mutated(chance, data, corpus)[:MAX_BYTES]
        yield data


def _mutated(chance: random.Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((1, 1, 2, 4, 16, 64, 1_024)))
    if chance.random() < 0.3 and (values := list(_VALUE.finditer(data))):
        old = chance.choice(values)
        new = chance.choice(DEEP if chance.random() < 0.05 else (*VALUES, chance.choice(values)[0]))
        return data[: old.start()] + new + data[old.end() :]
    kind = chance.randrange(10)
    if kind == 0:
        return data[:start] + data[end:]
    if kind == 1:
        return data[:start]
    if kind == 2:
        return data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]
    if kind == 3:
        return data[:start] + chance.choice(ODD) + data[end:]
    if kind == 4:
        return data[:start] + chance.choice(ODD) + data[start:]
    if kind == 5:
        return data[:start] + chance.randbytes(end - start) + data[end:]
    if kind == 6:
        other = chance.choice(corpus)
        return data[:start] + other[chance.randrange(len(other) + 1) :]
    if kind == 7 and chance.random() < 0.1:
        return data[:start] + chance.choice(NESTS) * chance.choice((10, 1_500, MAX_NESTING)) + data[start:]
    if kind == 8 and start < len(data):
        turned = data[start] ^ (1 << chance.randrange(8))
        return data[:start] + bytes([turned]) + data[start + 1 :]
    digits = [place for place, byte in enumerate(data[start : start + 200], start) if 48 <= byte <= 57]
    if not digits:
        return data[:start] + data[end:]
    place = chance.choice(digits)
    return data[:place] + chance.choice((b"0", b"9", b"-", b"99999999999", b"e9", b".5")) + data[place + 1 :]
