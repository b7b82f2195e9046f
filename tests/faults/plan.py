"""What a seed means: how a run is set up, which jobs it gets, which faults, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from emeth_tui.devnet.chain.backends import ChainKind
from emeth_tui.model import JobId
from tests.faults.hosts.far import Kind, with_kinds
from tests.faults.injected.chain_faults import DEEPEST
from tests.faults.injected.faults import CATALOGUE, DISK_FULL_AT
from tests.faults.injected.host_faults import AWAY, DISK_FULL_THERE, HOST_FAULTS, LONGEST_CUT
from tests.faults.stage.parties import Offer
from tests.faults.stage.settings import Training
from tests.faults.stage.world import APART, Setup

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
STAGES_OF_HOSTS = ("started", "claimed", "training", "epoch_done", "epoch_done", "trained", "uploaded")
SHORT_LIFE_S = 15.0  # of a presigned URL: a part arrives within that on a machine with much other work
TAKES_STATE = frozenset({"database flipped", "state lost", "state gone"})
DISK_FULL = frozenset({"disk full", *DISK_FULL_AT, DISK_FULL_THERE})
TAKES_CHECKPOINTS = frozenset({*DISK_FULL, "cache lost"})
# What else is drawn where jobs train on hosts.
BESIDE_HOSTS = (
    *("node killed", "node stopped", "node asked to leave", "worker killed", "worker stopped"),
    *("disk full", "network killed", "reorganisation: pool", "storage: cut", "cache lost"),
)
ON_ONE_SERVICE = frozenset(f"{name} {what}" for name in ("chain", *APART) for what in ("killed", "stopped"))
# A job may be left to others: another wallet has the key, the owner has to look into the state, or a clock is
# wrong.
LEAVES_JOBS = frozenset(
    {
        "two nodes",
        "native token spent",
        "chain: clock ahead",
        "chain: deadline passed",
        "database overwritten",
        AWAY,
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
    seed: int,
    *,
    faults: tuple[str, ...] = (),
    disk: bool = True,
    chain: ChainKind = "py-evm",
    hostile: Offer | None = None,
    hosts: tuple[Kind, ...] = (),
) -> Plan:
    """Draw a plan; with `faults` or a `hostile` job, of these. Without a small `disk`, none fills up.

    With `hosts`, jobs train there as well, and they are what breaks.
    """
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
    if hosts:
        training = replace(setup.training, epoch_s=chance.choice((0.1, 0.2, 0.3)))
        setup = replace(setup, hosts=with_kinds(hosts), workers=1, training=training)
    of_hosts = [name for name in HOST_FAULTS if name != LONGEST_CUT]
    every = [*of_hosts, *of_hosts, *BESIDE_HOSTS] if hosts else list(CATALOGUE)
    names = [name for name in every if disk or name not in DISK_FULL]
    wanted = faults or tuple(_draw(chance, names) for _ in range(chance.choice((1, 2, 2, 3, 4))))
    if AWAY in wanted:  # the job has not ended when its host is back
        setup = replace(setup, training=replace(setup.training, epoch_s=0.8))
    setup = replace(setup, apart=not ON_ONE_SERVICE.isdisjoint(wanted))
    steps = tuple(_step(name, chance) for name in wanted)
    offers = _offers(chance, chance.choice((2, 3)) if not hosts else len(hosts) + 2)
    if hostile is not None:
        offers = [*(offer for offer in offers if not offer.hopeless), hostile]
    return Plan(seed, setup, tuple(offers), steps)


def _step(name: str, chance: random.Random) -> Step:
    if name == AWAY:
        return Step(name, "epoch_done", 0.5)
    stages = STAGES_OF_HOSTS if name in HOST_FAULTS else STAGES
    stage, delay_s = chance.choice(stages), chance.choice((0.0, chance.random(), chance.random()))
    return Step(name, DISK_FULL_AT[name], 0.0) if name in DISK_FULL_AT else Step(name, stage, delay_s)


def _draw(chance: random.Random, names: list[str]) -> str:
    name = chance.choice(names)
    return name if name not in RARE or chance.random() < 0.7 else chance.choice(names)


def _offers(chance: random.Random, count: int) -> list[Offer]:
    good = [
        Offer(_job_id(number), (TEXT * chance.randint(90, 160)).encode(), fee_emt=chance.randint(14, 30))
        for number in range(count)
    ]
    return [*good, chance.choice(HOSTILE)] if chance.random() < 0.3 else good


def hostile_name(offer: Offer) -> str:
    """Return how tables name a hostile job."""
    return f"hostile job: {offer.hopeless}"


def kinds_for(seed: int) -> tuple[Kind, ...]:
    """Draw which hosts a run has."""
    chance = random.Random(f"{seed}/hosts")
    return tuple(chance.choice(("tls", "ssh")) for _ in range(chance.choice((1, 2, 3))))


def _job_id(number: int) -> JobId:
    return JobId(f"0x{number + 1:032x}")


# Jobs that cannot be done; the node may lose no more to one than declining costs.
_HOSTILE_ID = _job_id(100)
_GOOD = (TEXT * 100).encode()
HOSTILE = (
    Offer(_HOSTILE_ID, b"", stored_as="../../etc/passwd", hopeless="a path for a dataset"),
    Offer(_HOSTILE_ID, b"", stored_as="nowhere.txt", hopeless="no dataset"),
    Offer(_HOSTILE_ID, _GOOD, param="{" * 3_000, hopeless="no parameters"),
    Offer(_HOSTILE_ID, _GOOD, param='{"language": "en", "epoch": 1e9}', hopeless="epochs"),
    Offer(_HOSTILE_ID, b"\xff\xfe" * 4_000, fee_emt=29, hopeless="not UTF-8", shows=False),
    Offer(_HOSTILE_ID, _GOOD, lifetime_s=30, hopeless="no time"),
)
