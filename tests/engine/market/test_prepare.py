"""Our record of a job, as it is made from the chain's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from emeth_tui.engine.market.policy import claim_refusal
from emeth_tui.engine.market.prepare import new_job
from emeth_tui.protocol.contracts import ROUND_3_2_RATES
from emeth_tui.settings import ClaimSettings
from emeth_tui.store.database import Store
from tests.engine.money.scripted import record
from tests.factories import JOB_ID


async def test_a_job_of_ours_may_have_any_deadline(tmp_path: Path) -> None:
    """The market takes none beyond a limit; another program with our account may have claimed one."""
    context: Any = SimpleNamespace(
        model_for=lambda _language: "devnet-small",
        batch_size_for=lambda _model, _bytes: 3,
        rates=ROUND_3_2_RATES,
        clock=SimpleNamespace(now_unix_s=lambda: 5_000.0),
        network=SimpleNamespace(verification="chain", safety_margin_s=0),
        settings=SimpleNamespace(claims=ClaimSettings()),
        forecasts=SimpleNamespace(left=lambda _job: SimpleNamespace(high_s=9e9, measured=False)),
    )
    claimed = record(param='{"language": "en", "epoch": 30}', deadline_unix_s=2**256 - 1)

    job = new_job(context, claimed, 10_000, by_hand=True)

    with Store(tmp_path) as store:
        store.jobs.save(job, at_unix_s=1.0, state_changed=True)
        assert store.jobs.get(JOB_ID) == job
    assert claim_refusal(context, job) is None  # there is time
