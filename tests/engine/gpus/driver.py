"""A stand-in for NVML: two different GPUs, and a MIG device on none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass
class Sensors:
    """What a card measures, beside what every card does; None where it does not. A test may change it."""

    temperature_c: int = 71
    power_mw: int | None = None
    memory_temperature_c: int | None = None
    margin_c: int | None = None
    fan_percent: int | None = None
    energy_mj: int | None = None
    reasons: int | None = None  # why its clocks are not at their highest, in NVML's bits
    lost: bool = False
    drawing: Sequence[tuple[int, int]] = ()  # pid and bytes of the programs that draw with it
    xids: list[int] = field(default_factory=list)  # errors that are not fetched yet


class Driver:
    """NVML's functions that we use, in place of those of the library."""

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
        self.opened = 0
        self.sensors = {card.uuid: Sensors() for card in CARDS}
        self._heard: list[Card] = []
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
            "nvmlDeviceGetTemperature": lambda card, _sensor: self.sensors[card.uuid].temperature_c,
            "nvmlDeviceGetPowerUsage": self._of("power_mw"),
            "nvmlDeviceGetFieldValues": self._fields,
            "nvmlDeviceGetMarginTemperature": self._of("margin_c"),
            "nvmlDeviceGetFanSpeed": self._of("fan_percent"),
            "nvmlDeviceGetTotalEnergyConsumption": self._of("energy_mj"),
            "nvmlDeviceGetCurrentClocksEventReasons": self._of("reasons"),
            "nvmlDeviceGetCurrentClocksThrottleReasons": self._of("reasons"),
            "nvmlDeviceGetGraphicsRunningProcesses": self._drawing,
            "nvmlEventSetCreate": lambda: "errors",
            "nvmlEventSetFree": self._free,
            "nvmlDeviceRegisterEvents": self._register,
            "nvmlEventSetWait_v2": self._wait,
            "nvmlSystemGetDriverVersion": lambda: "550.54.15",
            "nvmlSystemGetCudaDriverVersion": lambda: cuda,
            "nvmlDeviceGetCudaComputeCapability": lambda _card: (8, 6),
            "nvmlDeviceGetComputeRunningProcesses": self._running,
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, answer)

    def _init(self) -> None:
        self.open += 1
        self.opened += 1

    def _shutdown(self) -> None:
        self.open -= 1

    def _by_uuid(self, uuid: str) -> Card:
        for card in CARDS:
            if card.uuid == uuid:  # the library takes whole UUIDs only
                return card
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)

    def _of(self, name: str) -> Callable[[Card], int]:
        def answer(card: Card) -> int:
            value: int | None = getattr(self.sensors[card.uuid], name)
            return self._not_supported(card) if value is None else value

        return answer

    def _fields(self, card: Card, fields: Sequence[int]) -> list[SimpleNamespace]:
        assert fields == [pynvml.NVML_FI_DEV_MEMORY_TEMP]
        value = self.sensors[card.uuid].memory_temperature_c
        status = pynvml.NVML_ERROR_NOT_SUPPORTED if value is None else pynvml.NVML_SUCCESS
        return [SimpleNamespace(nvmlReturn=status, value=SimpleNamespace(uiVal=value or 0))]

    def _drawing(self, card: Card) -> list[SimpleNamespace]:
        listed = self.sensors[card.uuid].drawing
        return [SimpleNamespace(pid=pid, usedGpuMemory=used_bytes) for pid, used_bytes in listed]

    def _register(self, card: Card, kinds: int, errors: str) -> None:
        assert (kinds, errors) == (pynvml.nvmlEventTypeXidCriticalError, "errors")
        self._heard.append(card)

    def _free(self, _errors: str) -> None:
        self._heard.clear()

    def _wait(self, _errors: str, timeout_ms: int) -> SimpleNamespace:
        assert timeout_ms == 0
        for card in self._heard:
            if xids := self.sensors[card.uuid].xids:
                return SimpleNamespace(
                    device=card, eventType=pynvml.nvmlEventTypeXidCriticalError, eventData=xids.pop(0)
                )
        raise pynvml.NVMLError(pynvml.NVML_ERROR_TIMEOUT)

    def _memory(self, card: Card) -> pynvml.c_nvmlMemory_t:
        if self.sensors[card.uuid].lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
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
