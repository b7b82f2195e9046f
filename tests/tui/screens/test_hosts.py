"""The page of hosts: what it says of each, how one is added, and its commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.engine.hosts.view import HostView
from emeth_tui.notices.reasons.foreign import Foreign
from tests.tui.harness import LARGE, READ_ONLY, SMALL, last_line, press, shown, text_of
from tests.tui.screens.far_hosts import FAR_IDS, HOSTS, host, hosts, many_hosts
from tests.tui.stand_in import StandInNode, snapshot


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=str)
async def test_all_about_the_chosen_host_stands_above(size: tuple[int, int]) -> None:
    async with shown(StandInNode(many_hosts()), size) as pilot:
        await press(pilot, "H", "down")
        text = " ".join(text_of(pilot).split())
        assert "TLS: 10.0.0.2:9787" in text
        assert "torch 2.3.1 (here 2.4.0)" in text
        assert "cuda:0, cuda:1, cuda:2, cuda:3: NVIDIA RTX 4090" in text
        assert "61.0 MB out, 33.4 GB home since the node started, now 103 MB/s home" in text
        assert "cuda:1 4a06…06 checkpoint at home 4 min ago" in text
        await press(pilot, "down")
        assert "No route to host" in " ".join(text_of(pilot).split())
        assert all(name in text_of(pilot) for name in HOSTS)


async def test_a_host_is_drained_once_it_is_confirmed_and_takes_jobs_again() -> None:
    node = StandInNode(many_hosts())
    async with shown(node, SMALL) as pilot:
        await press(pilot, "H", "down", "d")
        assert "Drain host barn?" in text_of(pilot)
        assert "4a05…05, done in 42–45 min" in text_of(pilot)
        await press(pilot, "n")
        assert node.calls == []

        await press(pilot, "d", "y")
        assert node.calls == [("drain_host", ("barn", False))]
        assert "d Undo drain" in last_line(pilot)

        await press(pilot, "d")
        assert "Give host barn new jobs again?" in text_of(pilot)
        await press(pilot, "y")
        assert node.calls[1:] == [("drain_host", ("barn", True))]


async def test_a_refusal_is_said() -> None:
    node = StandInNode(many_hosts())
    node.refusals["drain_host"] = Foreign("hosts.json cannot be used: disk full")
    async with shown(node, LARGE) as pilot:
        await press(pilot, "H", "d", "y")
        assert "hosts.json cannot be used: disk full" in last_line(pilot)


async def test_who_only_looks_drains_nothing() -> None:
    node = StandInNode(many_hosts())
    async with shown(node, LARGE, READ_ONLY) as pilot:
        await press(pilot, "H", "d")
        assert "! read-only" in last_line(pilot)
        assert node.calls == []


async def test_without_a_host_the_page_says_how_to_add_one() -> None:
    node = StandInNode(snapshot())
    async with shown(node, SMALL) as pilot:
        assert "H Hosts" not in last_line(pilot)
        await press(pilot, "H")
        assert "emeth-tui hosts add NAME --ssh YOU@HOST" in text_of(pilot)
        assert "emeth-tui hosts join NAME.emeth" in text_of(pilot)
        node.change(hosts=hosts())
        await press(pilot, "down")
        assert "emeth-tui hosts add" not in text_of(pilot)
        node.change(hosts=(), verification="replay")
        await press(pilot, "down")
        assert "no host is used" in " ".join(text_of(pilot).split())


async def test_what_a_host_calls_its_devices_is_cleaned() -> None:
    picture = many_hosts()
    evil = tuple(replace(worker, device_name="\x1b[31mGPU\n\u202e 漢字") for worker in picture.workers)
    async with shown(StandInNode(replace(picture, workers=evil)), SMALL) as pilot:
        await press(pilot, "H")
        assert "·[31mGPU·· 漢字" in text_of(pilot)


async def test_many_devices_leave_room_for_the_hosts() -> None:
    attic = host("attic", FAR_IDS[:4])
    crowded = replace(attic, devices=tuple(f"cuda:{number}" for number in range(64)), jobs=attic.jobs * 16)
    others = tuple(HostView(f"h{number}", "b", joined=False, draining=False) for number in range(3))
    async with shown(StandInNode(snapshot(hosts=(crowded, *others))), SMALL) as pilot:
        await press(pilot, "H")
        assert all(f" {name} " in text_of(pilot) for name in ("attic", "h0", "h1", "h2"))
