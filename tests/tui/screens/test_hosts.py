"""The page of hosts: what it says of each, how one is added, and its commands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from emeth_tui.engine.hosts.view import HostView
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.host import HostDiskFull, HostLacks
from emeth_tui.tui.node_front import Ending
from emeth_tui.words.sentences import english
from tests.tui.harness import LARGE, READ_ONLY, SMALL, last_line, press, settled, shown, text_of
from tests.tui.screens.far_hosts import FAR_IDS, HOSTS, host, hosts, many_hosts, never_joined
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


async def test_what_a_host_lacks_for_jobs_is_said_while_it_is_reached() -> None:
    lacks = HostLacks("attic", HostDiskFull(2_000_000_000, 5_000_000_000))
    attic = host("attic", [], lacks=lacks)
    node = StandInNode(snapshot(hosts=(attic,)))
    async with shown(node, SMALL) as pilot:
        await press(pilot, "H")
        assert "lacks" in text_of(pilot)
        assert english(lacks) in " ".join(text_of(pilot).split())
        node.change(hosts=(replace(attic, joined=False, away_s=20.0),))
        await press(pilot, "down")
        assert "lacks" not in text_of(pilot)


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


def the_panel(pilot: Pilot[Ending], lines: int) -> list[str]:
    """The first lines of the workers' panel on a small screen."""
    return text_of(pilot).splitlines()[2 : 2 + lines]


async def test_workers_stand_under_their_machine_and_its_link() -> None:
    picture = many_hosts()
    mixed = StandInNode(replace(picture, workers=picture.workers[::-1]))
    async with shown(mixed, LARGE) as pilot:
        text = text_of(pilot)
        places = [text.index(f"│ {name} ") for name in ("this machine", *HOSTS)]
        assert places == sorted(places)
        assert "cellar   ✗ silent for 1 min: cellar.example" in text
        assert "machine-in-the-garage   draining   checkpoint at home 1 h 06 ago   joined for 3 h 11" in text
        assert "barn   checkpoint at home 1 h 06 ago   now 103 MB/s home   joined for 3 h 11" in text


async def test_where_not_all_workers_fit_the_chosen_ones_machine_stays_in_sight() -> None:
    node = StandInNode(many_hosts())
    async with shown(node, SMALL) as pilot:
        for chosen in range(18):
            panel = the_panel(pilot, 12)
            (marked,) = [place for place, line in enumerate(panel) if line.startswith("▶")]
            machine = "this machine" if chosen < 2 else HOSTS[(chosen - 2) // 4]
            above = [line for line in panel[:marked] if not line.startswith(" ")]
            assert above[-1].startswith(machine)
            await press(pilot, "down")


async def test_a_click_chooses_the_worker_under_it() -> None:
    async with shown(StandInNode(many_hosts()), SMALL) as pilot:
        await pilot.click("#workers", offset=(10, 5))  # the border, two rows and two headings above
        await settled(pilot)
        assert the_panel(pilot, 5)[4].startswith("▶cuda:0  4a01")
        await pilot.click("#workers", offset=(10, 4))
        await settled(pilot)
        assert the_panel(pilot, 5)[4].startswith("▶cuda:0  4a01")  # a heading's first one


async def test_a_host_without_workers_has_a_heading_alone() -> None:
    node = StandInNode(never_joined())
    async with shown(node, SMALL) as pilot:
        assert "barn   ✗ silent for 40 s: it has not joined" in text_of(pilot)
        node.change(workers=(), jobs=())
        await press(pilot, "down", "up")
        assert "barn   ✗ silent for 40 s: it has not joined" in text_of(pilot)
