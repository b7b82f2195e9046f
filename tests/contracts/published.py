"""Contracts that pay as the published source of the network does, and not as its rules do.

`Devnet(DevnetOptions(build=published_build(), rates=PUBLISHED_RATES))` is a network of them, and
`deploy(..., build=published_build(), rates=PUBLISHED_RATES)` puts them on any chain. Our own ABIs fit both,
but for `jobAssignedCount` and `jobAssignedHistory`, which they lack. contracts/test/PublishedContracts.sol
says how they differ.
"""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

from emeth_tui.network.deploy import Build
from emeth_tui.protocol.contracts import ROUND_3_2_RATES

PUBLISHED_RATES = dataclasses.replace(  # protocol.md §2
    ROUND_3_2_RATES, timeout_penalty_rate=10_000, decline_penalty_rate=10_000, failed_penalty_rate=100_000
)


def published_build() -> Build:
    """Return both contracts' creation bytecode."""
    return Build(
        core=published_artifact("PublishedCore")["bytecode"],
        token=published_artifact("PublishedToken")["bytecode"],
    )


@cache
def published_artifact(contract: str) -> Any:
    """Read "PublishedCore" or "PublishedToken" as it was built."""
    return json.loads((Path(__file__).parent / "abi" / f"{contract}.json").read_text("utf-8"))
