"""A stand-in for NVML: two different GPUs, and a MIG device on none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace

import pynvml
import pytest

SMALL = "GPU-5a11aaaa-0000-4000-8000-000000000001"
LARGE = "GPU-5b22bbbb-0000-4000-8000-000000000002"
MIG = "MIG-6c33cccc-0000-5000-8000-000000000003"


@dataclass(frozen=True)
class Card:
    """What the driver reports of one GPU."""

    uuid: str
    name: str
    gigabytes: int
    load: int


CARDS = (Card(SMALL, "Small", 24, 10), Card(LARGE, "Large", 80, 20), Card(MIG, "Slice", 10, 30))


class Driver:
    """NVML's functions that we use, in place of those of the library. No card reports its power."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        uuids: bool = True,
        cuda: int = 12_040,
        processes: Mapping[str, Sequence[tuple[int, int]]] = MappingProxyType({}),
    ) -> None:
        """`cuda` is as NVML writes 12.4; `processes` has pid and bytes of each, by the card's UUID."""
        self.open = 0
        self._processes = processes
        answers = {
            "nvmlInit": self._init,
            "nvmlShutdown": self._shutdown,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda index: CARDS[index],
            "nvmlDeviceGetHandleByUUID": self._by_uuid,
            "nvmlDeviceGetUUID": (lambda card: card.uuid) if uuids else self._not_supported,
            "nvmlDeviceGetName": lambda card: card.name,
            "nvmlDeviceGetMemoryInfo": self._memory,
            "nvmlDeviceGetUtilizationRates": lambda card: pynvml.c_nvmlUtilization_t(card.load, 3),
            "nvmlDeviceGetTemperature": lambda _card, _sensor: 71,
            "nvmlDeviceGetPowerUsage": self._not_supported,
            "nvmlSystemGetDriverVersion": lambda: "550.54.15",
            "nvmlSystemGetCudaDriverVersion": lambda: cuda,
            "nvmlDeviceGetCudaComputeCapability": lambda _card: (8, 6),
            "nvmlDeviceGetComputeRunningProcesses": self._running,
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, answer)

    def _init(self) -> None:
        self.open += 1

    def _shutdown(self) -> None:
        self.open -= 1

    def _by_uuid(self, uuid: str) -> Card:
        for card in CARDS:
            if card.uuid == uuid:  # the library takes whole UUIDs only
                return card
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)

    def _memory(self, card: Card) -> pynvml.c_nvmlMemory_t:
        total_bytes = card.gigabytes * 10**9
        return pynvml.c_nvmlMemory_t(total_bytes, total_bytes - 8, 8)

    def _running(self, card: Card) -> list[SimpleNamespace]:
        listed = self._processes.get(card.uuid, ())
        return [SimpleNamespace(pid=pid, usedGpuMemory=used_bytes) for pid, used_bytes in listed]

    def _not_supported(self, _card: Card) -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let NVML find no driver on this machine."""

    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
