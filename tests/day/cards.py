"""What NVML's stand-in reports in another process: a file of each card's figures, which the test writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.gpus.driver import CARDS, LARGE, SMALL, Driver, Sensors

UUIDS = {"cuda:0": SMALL, "cuda:1": LARGE}


@dataclass
class Card:
    """One card as it is now; `others` has pid and bytes of the programs that calculate on it."""

    temperature_c: int = 60
    power_mw: int = 200_000
    energy_mj: int = 0
    others: tuple[tuple[int, int], ...] = ()


def write_cards(path: Path, cards: Mapping[str, Card]) -> None:
    """Write what each device's card reports from now on."""
    staged = path.with_suffix(".new")
    staged.write_text(json.dumps({UUIDS[device]: asdict(card) for device, card in cards.items()}))
    staged.replace(path)


def put_in_driver(path: Path) -> None:
    """Have NVML in this process report what the file says."""
    driver = Driver(pytest.MonkeyPatch(), processes=_Others(path))
    driver.sensors = _Figures(path)  # type: ignore[assignment]


class _Cards(Mapping[str, Any]):
    def __init__(self, path: Path) -> None:
        self._path = path

    def card(self, uuid: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._path.read_text())[uuid]
        return found

    def __iter__(self) -> Iterator[str]:
        return (card.uuid for card in CARDS)

    def __len__(self) -> int:
        return len(CARDS)


class _Figures(_Cards):
    def __getitem__(self, uuid: str) -> Sensors:
        figures = {name: value for name, value in self.card(uuid).items() if name != "others"}
        return Sensors(**figures)


class _Others(_Cards):
    def __getitem__(self, uuid: str) -> list[tuple[int, int]]:
        return [(pid, used_bytes) for pid, used_bytes in self.card(uuid)["others"]]
