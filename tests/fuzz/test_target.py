"""The fuzzer itself: what it finds, and that a seed decides all of it."""

from __future__ import annotations

import itertools
import time

from tests.fuzz import target as targets
from tests.fuzz.mutation import MAX_BYTES, inputs
from tests.fuzz.target import Finding, Target, run

CORPUS = [b'{"fee": 10}', b"text"]


def found(take: targets.Take, errors: tuple[type[Exception], ...] = ()) -> list[Finding]:
    findings: list[Finding] = []
    figures = run(Target("test", CORPUS, take, errors), seed=1, size_bytes=20_000, findings=findings)
    assert figures.size_bytes >= 20_000
    return findings


def test_a_seed_decides_the_inputs() -> None:
    first, again, other = (list(itertools.islice(inputs(seed, CORPUS), 300)) for seed in ("1", "1", "2"))
    assert first == again != other
    assert first[:2] == CORPUS
    assert len(set(first)) > 200
    assert max(map(len, first)) <= MAX_BYTES


def test_an_error_that_is_documented_is_no_finding() -> None:
    def take(data: bytes) -> None:
        if data != CORPUS[0]:
            raise ValueError

    assert found(take, (ValueError,)) == []
    assert found(take)[0].problem == "ValueError: "


def test_what_is_no_exception_is_a_finding_too() -> None:
    class Panic(BaseException):
        pass

    def take(data: bytes) -> None:
        if data not in CORPUS:
            raise Panic("range end index 11 out of range")

    assert {finding.problem for finding in found(take)} == {"Panic: range end index 11 out of range"}


def test_what_takes_long_is_a_finding(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(targets, "CPU_LIMIT_S", 0.001)

    def take(data: bytes) -> None:
        until_s = time.process_time() + (0.002 if data not in CORPUS else 0.0)
        while time.process_time() < until_s:
            pass

    assert found(take)
