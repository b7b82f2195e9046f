"""A devnet's options, and its description once it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emeth_tui.devnet.accounts import Key
from emeth_tui.devnet.bots.plan import DatasetSizes
from emeth_tui.devnet.chain.backends import ChainKind
from emeth_tui.devnet.faults import Faults
from emeth_tui.network.deploy import Build
from emeth_tui.network.verification.appeals import Rule
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, Rates
from emeth_tui.settings.values import Verification

CHAIN_ID = 60_001  # as in protocol/networks/devnet.toml


@dataclass(frozen=True, slots=True)
class DevnetOptions:
    """How a devnet runs; the defaults suit trials on a laptop.

    Without `state_dir` everything is discarded at the end; with it, the next start continues from there.
    Without `seed` the jobs are new ones each time. `poll_interval_s` is how often bots and info server poll
    the chain, `info_lag_s` how much later the info server serves what it saw. `block_interval_s` is how old
    the newest block gets before an empty one is mined, so that the chain's time advances; 0 leaves that to
    transactions. `rates` are those of a newly deployed contract. For tests, `build` deploys other contracts
    than ours, `faults` break the storage on purpose, and `can_reorganise` lets whoever reaches the chain
    rewrite its newest blocks (`chain/reorganisation.py`). `results_kept_s` is for how long the storage keeps
    what nobody will ask for.
    """

    state_dir: Path | None = None
    chain: ChainKind = "py-evm"
    verification: Verification = "chain"
    delivery_s: int = 600
    appeals: Rule = field(default_factory=Rule)
    corpus: Path | None = None
    seed: str | None = None
    open_jobs: int = 4
    open_errands: int = 1  # tiny jobs besides, on which a rival lives; none with the verification `replay`
    sizes: DatasetSizes = field(default_factory=DatasetSizes)
    with_requester: bool = True
    with_verifier: bool = True
    with_rival: bool = True
    rival_rest_s: float = 20.0
    poll_interval_s: float = 0.5
    info_lag_s: float = 1.0
    url_lifetime_s: float = 900.0
    block_interval_s: float = 3.0
    rates: Rates = ROUND_3_2_RATES
    build: Build | None = None
    faults: Faults | None = None
    can_reorganise: bool = False
    results_kept_s: int = 3_600


@dataclass(frozen=True, slots=True)
class DevnetInfo:
    """A running devnet as other programs see it. The files named here hold secrets and are private."""

    state_dir: Path
    chain_id: int
    rpc_url: str
    storage_url: str
    info_url: str
    core_address: str
    token_address: str
    verifier_address: str
    operator_address: str
    node_settings: Path  # for `emeth-tui --config`
    description: Path  # devnet.json
    verification: Verification
    delivery_s: int
    appeal_s: int
    verification_key: str = field(repr=False)
    test_accounts: Mapping[str, Key]  # funded with EMT and native token
