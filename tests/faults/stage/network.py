"""The network's process in a run: chain, storage and info server, without bots.

`python -m tests.faults.stage.network OPTIONS`: the options are JSON. It prints its endpoints as one line, and
ends with its input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from emeth_tui.devnet.chain.backends import ChainKind
from emeth_tui.devnet.commands import run
from emeth_tui.devnet.options import DevnetInfo, DevnetOptions
from tests.contracts.published import PUBLISHED_RATES, published_build


def options(
    state_dir: Path, *, published: bool = False, url_lifetime_s: float = 900.0, chain: ChainKind = "py-evm"
) -> DevnetOptions:
    """Return the options of a network that does nothing by itself."""
    contracts: dict[str, Any] = {"build": published_build(), "rates": PUBLISHED_RATES} if published else {}
    return DevnetOptions(
        state_dir=state_dir,
        chain=chain,
        with_requester=False,
        with_verifier=False,
        with_rival=False,
        poll_interval_s=0.1,
        info_lag_s=0.0,
        block_interval_s=0.0,
        url_lifetime_s=url_lifetime_s,
        can_reorganise=True,
        **contracts,
    )


def announce(info: DevnetInfo) -> None:
    """Print a network's endpoints."""
    print(json.dumps({"rpc": info.rpc_url, "storage": info.storage_url, "info": info.info_url}), flush=True)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    run(options(Path(given.pop("state_dir")), **given), announce, until_input_ends=True)
