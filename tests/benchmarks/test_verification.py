"""What became of honest and dishonest results is counted by the verifier's own rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.rounds import this_machine
from benchmarks.verification.by_rule import Drawn
from benchmarks.verification.command import report, report_drawn
from benchmarks.verification.measuring import Run
from tests.network.verification.test_judging import FROM_SCRATCH

pytestmark = pytest.mark.slow


def test_verdicts_are_counted_by_kind_of_node() -> None:
    learnings = [
        ("honest", FROM_SCRATCH),
        ("honest", replace(FROM_SCRATCH, own_share=0.5)),
        ("untrained", replace(FROM_SCRATCH, result=FROM_SCRATCH.start)),
        ("copied", replace(FROM_SCRATCH, own_share=0.0)),
    ]

    counted = report([Run(node, "en", 4_300, learning) for node, learning in learnings], this_machine())

    assert counted.content["verdicts"] == {
        "honest": {"accepted": 1, "NotOwnWork": 1},
        "untrained": {"LearnedNothing": 1},
        "copied": {"NotOwnWork": 1},
    }
    (goal,) = counted.goals
    assert (goal.measured, goal.reached) == (1, False)


def test_what_is_trained_again_is_counted_likewise() -> None:
    drawn = [Drawn("honest", "en", 4_300, "accepted"), Drawn("copied", "ja", 4_300, "EpochsDiffer")]

    counted = report_drawn(drawn, this_machine())

    assert counted.content["verdicts"] == {"honest": {"accepted": 1}, "copied": {"EpochsDiffer": 1}}
    (goal,) = counted.goals
    assert goal.reached
