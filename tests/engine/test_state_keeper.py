"""A node whose state goes while it runs notices, stops claiming, and writes what it knows there again."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emeth_tui.engine import node as node_module
from emeth_tui.notices.events.market import ClaimsPaused
from emeth_tui.notices.events.node import CopyFailed, StateNotRebuilt
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import ClaimingPaused, StateDamaged, StateMoved
from emeth_tui.notices.reasons.start import NodeRuns
from emeth_tui.store import database
from emeth_tui.store.database import Store
from emeth_tui.store.safety.backups import (
    DATABASE_FILE,
    Copy,
    View,
    back_up,
    contents,
    copies,
    restore,
)
from tests.engine.harness import WAIT_S, Harness, RunningNode, quiet_network
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow  # a whole node for each


@pytest.fixture
async def network(deployed_network: Path, tmp_path: Path) -> AsyncIterator[Harness]:
    async with quiet_network(deployed_network, tmp_path) as harness:
        yield harness


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "LOOK_EVERY_S", 0.02)


async def stands_idle(node: RunningNode, reason: Reason) -> None:
    """Let the node look at the market, and see why it takes no job."""
    await node.node._market.look()
    standstill = node.node.snapshot().standstill
    assert standstill is not None
    assert standstill.reason == reason


def remove(directory: Path) -> None:
    """Remove a directory at once, although the node may be writing a copy there."""
    aside = directory.with_name("removed")
    directory.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


async def test_a_removed_state_is_written_again_and_nothing_more_is_staked(network: Harness) -> None:
    job_id = await network.post()
    script = Script(hold_before_epoch=3)
    async with network.node(script=script) as node:
        while (await node.event("epoch_done", job_id)).body.epoch != 2:
            pass
        state_dir = node.store.path.parent

        remove(state_dir)

        await node.event("state_lost")
        assert (await node.event("claims_paused")).body == ClaimsPaused(StateMoved(state_dir))
        await node.event("state_rebuilt")
        assert node.store.is_in_place
        untouched = await network.post(fee_emt=30)
        script.go_on.set()
        await node.event("submitted", job_id)
        await stands_idle(node, ClaimingPaused(StateMoved(state_dir)))
        assert (await network.job(untouched)).node.strip("0x") == ""
        await node.stop()

    with Store(state_dir) as store:
        assert len(store.jobs.epochs(job_id)) == 30
        assert {tx.purpose for tx in store.journal.of_job(job_id)} >= {"process", "submit"}
        kinds = [event.kind for event in store.events.recent(1_000)]
        assert kinds.index("claimed") < kinds.index("state_lost") < kinds.index("submitted")
        assert len(copies(state_dir)) == 1
    async with network.node() as node:
        assert node.node.snapshot().claims_paused == StateMoved(state_dir)


def another_database(directory: Path) -> bytes:
    with Store(directory) as another:
        another.key_values.set("name", "value")
    return another.path.read_bytes()


@pytest.mark.parametrize("what", ["another database", "zeros", "its own, as it was before"])
async def test_a_database_overwritten_in_its_place_is_written_again_and_the_job_goes_on(
    network: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(database, "MOVED_AFTER_WRITES", 1)
    foreign = another_database(tmp_path / "another") if what == "another database" else bytes(40_960)
    job_id = await network.post()
    script = Script(hold_before_epoch=3)
    async with network.node(script=script) as node:
        if what == "its own, as it was before":
            foreign = node.store.path.read_bytes()
        while (await node.event("epoch_done", job_id)).body.epoch != 2:
            pass
        state_dir = node.store.path.parent
        while not copies(state_dir) or node.store.path.read_bytes() == foreign:  # noqa: ASYNC110 - files tell no events
            await asyncio.sleep(0.01)

        node.store.path.write_bytes(foreign)

        await node.event("state_lost")
        await node.event("state_rebuilt")
        await node.event("state_set_aside")
        script.go_on.set()
        await node.event("submitted", job_id)
        await stands_idle(node, ClaimingPaused(StateMoved(state_dir)))
        await node.stop()

    (aside,) = [path for path in state_dir.glob("*.aside-*") if path.suffix != ".wal"]
    assert aside.read_bytes() == foreign
    with Store(state_dir) as store:
        assert len(store.jobs.epochs(job_id)) == 30
        assert {tx.purpose for tx in store.journal.of_job(job_id)} >= {"process", "submit"}
        kinds = [event.kind for event in store.events.recent(1_000)]
        assert kinds.index("claimed") < kinds.index("state_lost") < kinds.index("submitted")


def fails(_store: Store) -> None:
    raise OSError("disk I/O error")


async def test_where_another_node_took_the_place_the_node_keeps_to_itself(
    network: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with network.node() as node:
        await node.event("idle")
        state_dir = node.store.path.parent
        remove(state_dir)
        with Store(state_dir) as other:
            refused = await node.event("state_not_rebuilt")
            assert isinstance(refused.body, StateNotRebuilt)
            assert isinstance(refused.body.reason, NodeRuns)
            job_id = await network.post()
            await stands_idle(node, ClaimingPaused(StateMoved(state_dir)))
            assert other.is_in_place
            assert other.jobs.get(job_id) is None
            with monkeypatch.context() as broken:
                broken.setattr(Store, "copying", fails)
                await node.node._state.keep_copy()
            await node.event("copy_failed")
            await node.node._state.look()  # the same trouble as before, whatever else went wrong

        await node.event("state_set_aside")  # once the other has gone
        assert sum(event.kind == "state_not_rebuilt" for event in node.seen) == 1
        await node.stop()


async def test_a_running_node_keeps_copies(network: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "COPY_EVERY_S", 0.05)
    job_id = await network.post()
    async with network.node() as node:
        await node.event("submitted", job_id)
        state_dir = node.store.path.parent
        while not copies(state_dir) or not contents(copies(state_dir)[0]).jobs:  # noqa: ASYNC110 - files tell no events
            await asyncio.sleep(0.01)
    assert 1 <= len(copies(state_dir)) <= 3


async def test_a_copy_under_way_is_done_when_the_node_has_stopped(
    network: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def slow(view: View, mark: str | None) -> Copy | None:
        begun.set()
        go_on.wait(WAIT_S)
        copy = back_up(view, mark)
        done.set()
        return copy

    monkeypatch.setattr(database, "back_up", slow)
    async with network.node() as node:
        await node.event("idle")
        node.node._state.copy_now.set()
        assert await asyncio.to_thread(begun.wait, WAIT_S)
        asyncio.get_running_loop().call_later(0.5, go_on.set)
    assert done.is_set()


async def test_damage_that_a_copy_finds_stops_claiming(network: Harness) -> None:
    async with network.node() as node:
        await node.event("idle")
        connection = node.store._connection
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("INSERT INTO job_states VALUES ('0x1', 'claimed', 1.0)")

        node.node._state.copy_now.set()

        failed = await node.event("copy_failed")
        assert isinstance(failed.body, CopyFailed)
        paused = await node.event("claims_paused")
        assert paused.body == ClaimsPaused(StateDamaged(node.store.path.parent / DATABASE_FILE))


async def test_what_an_older_copy_lacks_is_found_on_the_chain(network: Harness) -> None:
    """Going back to a copy from before a claim costs neither the deposit nor the training."""
    async with network.node() as node:
        state_dir = node.store.path.parent
        while not copies(state_dir):  # noqa: ASYNC110 - files tell no events
            await asyncio.sleep(0.01)
        await node.stop()
    before_the_claim = copies(state_dir)[0]
    job_id = await network.post()
    script = Script(hold_before_epoch=9)
    async with network.node(script=script) as node:
        while (await node.event("epoch_done", job_id)).body.epoch != 8:
            pass
        await node.stop()

    assert contents(before_the_claim).jobs == 0
    restore(state_dir, before_the_claim.name)

    async with network.node(exit_after_jobs=1) as node:
        await node.event("orphan_adopted", job_id)
        training = await node.event("training", job_id)
        assert training.body.resumed_epoch == 8
        await node.event("submitted", job_id)
        await network.verify(job_id)
        await node.event("verified", job_id)
        assert (await asyncio.wait_for(node.running, WAIT_S)).adds_up
    assert not [event for event in node.seen if event.kind == "claims_paused"]
