"""What a day is played on: network, node, GPUs and the receiver of alerts, all by one clock that is moved."""

from __future__ import annotations

import contextlib
import re
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import tomlkit
from prometheus_client.parser import text_string_to_metric_families

from emeth_tui.control.connection import Connection, NodeEnded, connect
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.errors import ControlError
from emeth_tui.model import AlertTopic, AskedAt
from emeth_tui.settings import DEVNET
from tests.alerts.receiver import SECRET, Receiver
from tests.day.calendar import ZONE
from tests.day.cards import Card, write_cards
from tests.faults.stage.settings import Layout, Training, clock_offset_s, set_clock
from tests.faults.stage.world import Setup, World
from tests.loopback import local_client

EPOCH_S = 240.0  # by the moved clock: a job of 30 epochs trains for two hours
IDLE_W, AT_WORK_W = 20, 200
DEVICES = ("cuda:0", "cuda:1")
QUIET_DEVICE, QUIET_FROM, QUIET_UNTIL = "cuda:0", 22, 6  # it rests at night
CLAIMS_FROM, CLAIMS_UNTIL = 8, 23
POLL_S = 0.15
SAFETY_MARGIN_S = 3_600  # the clock moves on by half of it at once
HOT_C, COOL_C = 90, 60
_ANSWER_S = 60.0  # bounds a hang
_LOOK_EVERY_S = 0.05

Samples = dict[tuple[str, frozenset[str]], float]  # of a scrape: by name and the labels' values


class DayWorld(World):
    """A node with two GPUs, hours, rules, alerts and metrics. The day begins at `start_unix_s`."""

    network_module = "tests.day.network"
    node_module = "tests.day.node"
    block_s = 0.5

    def __init__(self, layout: Layout, receiver: Receiver, start_unix_s: float) -> None:
        super().__init__(layout, Setup(training=Training(epoch_s=EPOCH_S)))
        self.receiver = receiver
        self.start_unix_s = start_unix_s
        self.cards = {device: Card() for device in DEVICES}
        layout.root.mkdir(parents=True, exist_ok=True)
        set_clock(layout.clock, start_unix_s - time.time())
        self._write_cards()
        self._seeing = AsyncExitStack()
        self._seen: Connection | None = None

    async def stop(self) -> None:
        await self.look_away()
        await super().stop()

    async def move_clock(self, until_unix_s: float) -> None:
        """Move the clock of all processes ahead, the GPUs' counters of energy and the chain with it."""
        ahead_s = until_unix_s - time.time()
        for card in self.cards.values():
            card.energy_mj += round(card.power_mw * max(0.0, ahead_s))
        self._write_cards()
        set_clock(self.layout.clock, clock_offset_s(self.layout.clock) + ahead_s)
        await self.chain.rpc.call("evm_mine")

    def change_card(self, device: str, **figures: Any) -> None:
        """Have a GPU report other figures from now on."""
        for name, value in figures.items():
            setattr(self.cards[device], name, value)
        self._write_cards()

    def _write_cards(self) -> None:
        write_cards(self.layout.clock.with_name("cards.json"), self.cards)

    def change_settings(self, settings: tomlkit.TOMLDocument) -> None:
        secret = self.layout.root / "webhook-secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        settings["claims"] = {"poll_interval_s": POLL_S, "safety_margin_s": SAFETY_MARGIN_S}
        settings["networks"][DEVNET]["poll_interval_s"] = POLL_S  # type: ignore[index]
        settings["workers"] = {"devices": list(DEVICES)}
        settings["schedule"] = {
            "time_zone": ZONE,
            "claims": [f"{CLAIMS_FROM:02}:00-{CLAIMS_UNTIL:02}:00"],
            "devices": [f"{QUIET_DEVICE} {QUIET_UNTIL:02}:00-{QUIET_FROM:02}:00"],
        }
        settings["rules"] = {
            "hold": [
                "temperature above 83 for 0s until 75 for 0s",
                "others-gpu-memory above 500 until 100 for 0s",
            ]
        }
        settings["alerts"] = {
            "webhook_url": self.receiver.url,
            "webhook_secret_file": str(secret),
            "topics": [topic.value for topic in AlertTopic],
            "quiet_hours": ["23:00-07:00"],
            "urgent": [AlertTopic.JOB_AT_RISK.value],
            "gather_s": 1,
        }
        settings["metrics"] = {"listen": "127.0.0.1:0"}

    # ---- what the node shows

    @property
    def state_dir(self) -> Path:
        return self.layout.home() / "state" / DEVNET

    async def snapshot(self) -> Snapshot:
        """Ask the node over its socket; wait while it starts."""
        with anyio.fail_after(_ANSWER_S):
            while True:
                try:
                    snapshot: Snapshot = await (await self._connection()).ask("snapshot")
                except (ControlError, NodeEnded):
                    await self.look_away()
                    await anyio.sleep(_LOOK_EVERY_S)
                else:
                    return snapshot

    async def look_away(self) -> None:
        """Let go of the node's socket."""
        self._seen = None
        with contextlib.suppress(ControlError, NodeEnded):
            await self._seeing.aclose()

    async def _connection(self) -> Connection:
        if self._seen is None:
            self._seeing = AsyncExitStack()
            opening = connect(self.state_dir / "control", AskedAt.COMMAND_LINE)
            self._seen = await self._seeing.enter_async_context(opening)
        return self._seen

    async def metrics(self) -> Samples:
        """Scrape the node."""
        async with local_client() as http:
            answer = await http.get(self._metrics_url())
        answer.raise_for_status()
        return {
            (sample.name, frozenset(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    def _metrics_url(self) -> str:
        served = [one for one in self.nodes[0].records if one.get("event") == "metrics_served"]
        (url,) = re.findall(r"http://[\w.:]+/metrics", served[-1]["message"])
        return str(url)
