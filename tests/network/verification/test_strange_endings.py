"""A text that ends otherwise than it begins: its honest result is accepted all the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from emeth_tui.model import JobId
from emeth_tui.network.verification.torch_tasks import examine, train

pytestmark = pytest.mark.slow


def test_a_result_from_random_weights_is_never_worse_than_they_are(tmp_path: Path) -> None:
    chance = random.Random(1)
    words = ["the", "sea", "was", "calm", "and", "old", "ships", "came", "home", "at", "dusk", "again"]
    beginning = " ".join(chance.choice(words) + ("." if at % 9 == 8 else "") for at in range(1_500))
    ending = "".join(chr(chance.randrange(0x3041, 0x3096)) for _ in range(300))
    dataset = tmp_path / "dataset.txt"
    dataset.write_text(f"{beginning} {ending}.", "utf-8")

    trained = train(
        job_id=JobId("0x" + "5e" * 16),
        model="devnet-small",
        language="en",
        epochs=30,
        dataset=str(dataset),
        work_dir=str(tmp_path),
        verification_key="key",
    )
    seen = examine("devnet-small", "en", str(dataset), trained["result"])

    assert seen["loss"] < seen["untrained_loss"]
    assert trained["valid_loss"] == pytest.approx(seen["loss"], abs=1e-3)
