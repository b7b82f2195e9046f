"""What became of honest and dishonest results is counted by the verifier's own rules."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.rounds import this_machine
from benchmarks.verification.command import report
from benchmarks.verification.measuring import Run
from emeth_tui.training.verification.measures import Learning, Losses

HONEST = Learning(
    pretrained=False,
    memorises=True,
    start=Losses(6.40, 6.43),
    short=Losses(5.93, 6.16),
    result=Losses(3.64, 5.48),
    own_share=1.0,
    start_share=0.75,
)


def test_verdicts_are_counted_by_kind_of_node() -> None:
    learnings = [
        ("honest", HONEST),
        ("honest", replace(HONEST, own_share=0.5)),
        ("untrained", replace(HONEST, result=HONEST.start)),
        ("copied", replace(HONEST, own_share=0.0)),
    ]

    counted = report([Run(node, "en", 4_300, learning) for node, learning in learnings], this_machine())

    assert counted.content["verdicts"] == {
        "honest": {"accepted": 1, "NotOwnWork": 1},
        "untrained": {"LearnedNothing": 1},
        "copied": {"NotOwnWork": 1},
    }
    (goal,) = counted.goals
    assert (goal.measured, goal.reached) == (1, False)
