"""CUDA_VISIBLE_DEVICES in each of its forms decides which GPUs there are, and in which order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.engine.gpus.default_devices import devices_or_default
from emeth_tui.engine.gpus.nvml import cuda_gpus
from emeth_tui.engine.gpus.visible import visible_gpus
from tests.engine.gpus.driver import LARGE, MIG, SMALL, Driver, no_driver

BOTH = [SMALL, LARGE]
FORMS = {
    None: BOTH,
    "": [],
    "0": [SMALL],
    "1": [LARGE],
    "0,1": BOTH,
    "1,0": [LARGE, SMALL],
    " 1 , 0 ": [LARGE, SMALL],
    "+1": [LARGE],
    "1gpu": [LARGE],
    "-1": [],
    "0,-1,1": [SMALL],
    "0,,1": [SMALL],
    ",0": [],
    "0,2,1": [SMALL],
    "2": [],
    "99999999999999999999": [],
    "0,0": [],
    "1,0,1": [],
    "NoDevFiles": [],
    "none": [],
    "٠": [],
    LARGE: [LARGE],
    f"{LARGE},{SMALL}": [LARGE, SMALL],
    "GPU-5b": [LARGE],
    "GPU-5b,GPU-5a11": [LARGE, SMALL],
    "GPU-5": [],
    "GPU-": [],
    "GPU-7": [],
    f"{LARGE},GPU-7,{SMALL}": [LARGE],
    f"{LARGE},GPU-5b": [],
    f"{LARGE},0": [LARGE],
    f"0,{LARGE}": [SMALL],
    MIG: [MIG],
    f"{MIG},MIG-6c33cccc": [MIG],
    f"{MIG},{MIG}": [],
}


@pytest.mark.parametrize("value", FORMS)
def test_each_form_shows_what_cuda_would_show(value: str | None) -> None:
    assert visible_gpus(value, BOTH) == FORMS[value]


@given(st.text(st.sampled_from("0123,-+ GPUMIG5ab")))
def test_whatever_it_holds_no_gpu_is_shown_twice(value: str) -> None:
    shown = visible_gpus(value, BOTH)

    assert len(set(shown)) == len(shown)
    assert value.startswith("MIG-") or set(shown) <= set(BOTH)


@pytest.mark.parametrize("value", [value for value in FORMS if value is not None])
def test_a_node_starts_a_worker_for_each_gpu_that_is_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    driver = Driver(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)

    assert devices_or_default([]) == ([f"cuda:{index}" for index in range(len(FORMS[value]))] or ["cpu"])
    assert devices_or_default(["cuda:7"]) == ["cuda:7"]
    assert driver.open == 0


def test_a_mig_device_that_there_is_not_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", MIG.replace("6", "7"))

    assert devices_or_default([]) == ["cpu"]


@pytest.mark.parametrize(
    ("value", "count"), [("GPU-5a", 1), ("GPU-5a,GPU-5b", 2), ("1,0", 2), ("0,GPU-5a", 1)]
)
def test_names_are_taken_at_their_word_where_the_driver_hides_uuids(
    monkeypatch: pytest.MonkeyPatch, value: str, count: int
) -> None:
    Driver(monkeypatch, uuids=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)

    assert len(cuda_gpus()) == count


@pytest.mark.parametrize(
    ("order", "value", "described"),
    [
        ("PCI_BUS_ID", "1,0", ["Large, 80 GB", "Small, 24 GB"]),
        ("PCI_BUS_ID", None, ["Small, 24 GB", "Large, 80 GB"]),
        (None, "GPU-5b", ["Large, 80 GB"]),
        ("FASTEST_FIRST", f"{LARGE},{SMALL}", ["Large, 80 GB", "Small, 24 GB"]),
        (None, "1", ["Small, 24 GB / Large, 80 GB"]),
        ("FASTEST_FIRST", None, ["Small, 24 GB / Large, 80 GB"] * 2),
    ],
)
def test_a_gpu_is_described_as_far_as_its_order_is_known(
    monkeypatch: pytest.MonkeyPatch, order: str | None, value: str | None, described: list[str]
) -> None:
    Driver(monkeypatch)
    for name, setting in (("CUDA_DEVICE_ORDER", order), ("CUDA_VISIBLE_DEVICES", value)):
        monkeypatch.delenv(name, raising=False)
        if setting is not None:
            monkeypatch.setenv(name, setting)

    assert cuda_gpus() == described


def test_without_a_driver_there_is_one_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    no_driver(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    assert devices_or_default([]) == ["cpu"]
