"""What was learned, by the rules: honest work passes, and each kind of cheating breaks a rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.errors import JobError
from emeth_tui.network.verification.judging import check_learning
from emeth_tui.training.verification.measures import Learning, Losses

# As measured on jobs of 4 kB.
FROM_SCRATCH = Learning(
    pretrained=False,
    memorises=True,
    start=Losses(6.40, 6.43),
    short=Losses(5.93, 6.16),
    result=Losses(3.64, 5.48),
    own_share=1.0,
    start_share=0.75,
)
PRETRAINED = Learning(
    pretrained=True,
    memorises=True,
    start=Losses(5.66, 5.62),
    short=Losses(5.47, 5.54),
    result=Losses(4.53, 5.44),
    own_share=0.28,
    start_share=0.98,
)

# As measured on larger texts, of which a short run learns more than thirty epochs can still add.
OF_64_KB = replace(
    FROM_SCRATCH, start=Losses(6.955, 6.961), short=Losses(5.405, 5.521), result=Losses(2.754, 4.501)
)
OF_256_KB = replace(
    FROM_SCRATCH, start=Losses(6.947, 6.948), short=Losses(4.627, 4.820), result=Losses(3.088, 4.586)
)
OF_A_MEGABYTE = replace(
    FROM_SCRATCH,
    memorises=False,
    start=Losses(6.934, 6.928),
    short=Losses(3.898, 3.953),
    result=Losses(3.021, 3.265),
)
NAN = float("nan")


@pytest.mark.parametrize(
    "learning",
    [
        FROM_SCRATCH,
        PRETRAINED,
        # A pretrained model that a small text could teach nothing went back to where it started.
        replace(
            PRETRAINED,
            start=Losses(5.385, 5.677),
            short=Losses(5.152, 5.668),
            result=Losses(5.362, 5.676),
        ),
        # A text that is too large to be memorised.
        replace(FROM_SCRATCH, memorises=False, result=Losses(3.64, 3.66)),
        OF_64_KB,
        OF_256_KB,
        OF_A_MEGABYTE,
    ],
    ids=["from scratch", "pretrained", "nothing to learn", "large text", "64 kB", "256 kB", "1 MB"],
)
def test_honest_work_passes(learning: Learning) -> None:
    check_learning(learning)


@pytest.mark.parametrize(
    ("learning", "complaint"),
    [
        (replace(FROM_SCRATCH, start_share=0.01), "did not begin as this job's training"),
        (replace(FROM_SCRATCH, start_share=float("nan")), "did not begin as this job's training"),
        (replace(FROM_SCRATCH, own_share=0.6), "a copy, or made of them"),
        (replace(PRETRAINED, own_share=0.0), "a copy, or made of them"),
        (replace(FROM_SCRATCH, result=Losses(6.30, 6.38)), "three epochs alone reach"),
        (replace(FROM_SCRATCH, result=Losses(5.74, 5.79)), "three epochs alone reach"),
        (replace(FROM_SCRATCH, result=Losses(3.64, 6.30)), "validation loss is 6.3"),
        (replace(PRETRAINED, result=Losses(5.65, 5.61)), "validation loss is 5.61"),
        (replace(FROM_SCRATCH, result=Losses(4.00, 4.10)), "another text's training"),
        (replace(FROM_SCRATCH, result=Losses(NAN, 5.48)), "three epochs alone reach"),
        (replace(FROM_SCRATCH, result=Losses(3.64, NAN)), "validation loss is nan"),
        (replace(OF_64_KB, result=Losses(5.489, 5.595)), "three epochs alone reach"),
        (replace(OF_256_KB, result=Losses(5.317, 5.466)), "three epochs alone reach"),
        (replace(OF_256_KB, result=Losses(4.852, 5.084)), "three epochs alone reach"),
        (replace(OF_A_MEGABYTE, result=Losses(4.546, 4.592)), "three epochs alone reach"),
        (replace(OF_A_MEGABYTE, result=Losses(4.547, 4.590)), "three epochs alone reach"),
        (replace(OF_A_MEGABYTE, result=Losses(3.90, 3.96)), "three epochs alone reach"),
    ],
    ids=[
        "another start",
        "weights beyond measure",
        "half another's work",
        "a copy",
        "one epoch",
        "one fast epoch",
        "only memorised",
        "nothing learned",
        "another text",
        "no loss on the text",
        "no validation loss",
        "one fast epoch on 64 kB",
        "one epoch on 256 kB",
        "one fast epoch on 256 kB",
        "one epoch on a megabyte",
        "one fast epoch on a megabyte",
        "three epochs on a megabyte",
    ],
)
def test_dishonest_work_breaks_a_rule(learning: Learning, complaint: str) -> None:
    with pytest.raises(JobError, match=complaint):
        check_learning(learning)
