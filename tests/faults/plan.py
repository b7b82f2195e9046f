"""What a seed means: how a run is set up, which jobs it gets, which faults, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emeth_tui.devnet.chain.backends import ChainKind
from emeth_tui.model import JobId
from tests.faults.injected.chain_faults import DEEPEST
from tests.faults.injected.faults import CATALOGUE
from tests.faults.stage.parties import Offer
from tests.faults.stage.settings import Training
from tests.faults.stage.world import Setup

TEXT = "A lamp is lit. The boat comes home! Who waits there? "
STAGES = (
    "started",
    "claiming",
    "claimed",
    "downloaded",
    "training",
    "epoch_done",
    "trained",
    "uploaded",
    "submitted",
    "verified",
)
SHORT_LIFE_S = 15.0  # of a presigned URL: a part arrives within that on a machine with much other work
TAKES_STATE = frozenset({"database flipped", "state lost", "state gone"})
TAKES_CHECKPOINTS = frozenset({"disk full", "cache lost"})
# A job may be left to others: another wallet has the key, the owner has to look into the state, or a clock is
# wrong.
LEAVES_JOBS = frozenset(
    {
        "two nodes",
        "native token spent",
        "chain: clock ahead",
        "chain: deadline passed",
        "database overwritten",
        *TAKES_STATE,
    }
)
RACES = frozenset({"two nodes", "chain: deadline passed"})  # for a job, against another node or the verifier
RARE = frozenset({"two nodes", *TAKES_STATE})


@dataclass(frozen=True, slots=True)
class Step:
    """A fault, and the stage of a job after which it comes."""

    fault: str
    stage: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    seed: int
    setup: Setup
    offers: tuple[Offer, ...]
    steps: tuple[Step, ...]

    def chance(self, number: int) -> random.Random:
        """Return the chance of one step: the same whatever the others draw."""
        return random.Random(f"{self.seed}/{number}")


def plan_for(
    seed: int, *, faults: tuple[str, ...] = (), disk: bool = True, chain: ChainKind = "py-evm"
) -> Plan:
    """Draw a plan; with `faults`, of these alone. Without a small `disk`, none fills up."""
    chance = random.Random(seed)
    setup = Setup(
        confirmations=chance.choice((3, DEEPEST + 2)),
        endpoints=chance.choice((1, 2)),
        chain=chain,
        published=chance.random() < 0.15,
        url_lifetime_s=chance.choice((SHORT_LIFE_S, 900.0)),
        training=Training(
            epoch_s=chance.choice((0.03, 0.06)),
            checkpoint_every=chance.choice((1, 3, 7)),
            result_bytes=chance.choice((20_000, 20_000, 10_500_000)),
        ),
    )
    names = [name for name in CATALOGUE if disk or name != "disk full"]
    wanted = faults or tuple(_draw(chance, names) for _ in range(chance.choice((1, 2, 2, 3, 4))))
    steps = tuple(
        Step(name, chance.choice(STAGES), chance.choice((0.0, chance.random(), chance.random())))
        for name in wanted
    )
    return Plan(seed, setup, tuple(_offers(chance)), steps)


def _draw(chance: random.Random, names: list[str]) -> str:
    name = chance.choice(names)
    return name if name not in RARE or chance.random() < 0.7 else chance.choice(names)


def _offers(chance: random.Random) -> list[Offer]:
    good = [
        Offer(_job_id(number), (TEXT * chance.randint(90, 160)).encode(), fee_emt=chance.randint(14, 30))
        for number in range(chance.choice((2, 3)))
    ]
    return good + _hostile(chance) if chance.random() < 0.3 else good


def _hostile(chance: random.Random) -> list[Offer]:
    """Return a job that cannot be done; the node may lose no more to it than declining costs."""
    number = 100
    kinds = [
        Offer(_job_id(number), b"", stored_as="../../etc/passwd", hopeless="a path for a dataset"),
        Offer(_job_id(number), b"", stored_as="nowhere.txt", hopeless="no dataset"),
        Offer(_job_id(number), (TEXT * 100).encode(), param="{" * 3_000, hopeless="no parameters"),
        Offer(
            _job_id(number),
            (TEXT * 100).encode(),
            param='{"language": "en", "epoch": 1e9}',
            hopeless="epochs",
        ),
        Offer(_job_id(number), b"\xff\xfe" * 4_000, fee_emt=29, hopeless="not UTF-8"),
        Offer(_job_id(number), (TEXT * 100).encode(), lifetime_s=30, hopeless="no time"),
    ]
    return [chance.choice(kinds)]


def _job_id(number: int) -> JobId:
    return JobId(f"0x{number + 1:032x}")
