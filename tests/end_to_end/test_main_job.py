"""The main job, by the real program on the real local network."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from emeth_tui.devnet.beside import devnet_beside
from emeth_tui.errors import ExitCode
from tests.end_to_end.conftest import StartNode
from tests.golden import corpus_dir

pytestmark = pytest.mark.process

TWO_CPUS = ("--device", "cpu", "--device", "cpu")


def test_a_newcomer_earns_on_the_local_network_with_one_command(start_as_users_do: StartNode) -> None:
    node = start_as_users_do("--devnet", *TWO_CPUS, "--exit-after-jobs", "2")

    assert node.finish() == ExitCode.OK, node.story()

    verified = [record["job_id"] for record in node.of_kind("verified")]
    assert len(verified) == 2
    claims = {record["job_id"]: record for record in node.of_kind("claiming")}
    assert {claims[job_id]["language"] for job_id in verified} == {"en", "ja"}
    for job_id in verified:
        story = [record for record in node.records if record.get("job_id") == job_id]
        kinds = [record["event"] for record in story if record["event"] != "epoch_done"]
        assert kinds == [
            "claiming", "claimed", "downloaded", "training", "trained", "uploaded", "submitted", "end_seen",
            "verified",
        ]  # fmt: skip
        epochs = [record["epoch"] for record in story if record["event"] == "epoch_done"]
        assert epochs == list(range(1, 31))
        losses = [record["valid_loss"] for record in story if record["event"] == "epoch_done"]
        assert losses[-1] < losses[0]
    (summary,) = node.of_kind("summary")
    assert summary["adds_up"] is True
    fees = sum(int(claims[job_id]["fee_wei"]) for job_id in verified)
    assert int(summary["emt_after_wei"]) - int(summary["emt_before_wei"]) == fees - 2 * 10 * 10**18
    assert summary["epochs"] == 60
    assert summary["slot_own_gas"] == summary["gas"] > 0


@pytest.mark.slow
def test_real_texts_are_trained_on(start_node: StartNode) -> None:
    node = start_node("--devnet", *TWO_CPUS, "--exit-after-jobs", "2", "--corpus", str(corpus_dir()))

    assert node.finish() == ExitCode.OK, node.story()
    assert Counter(record["language"] for record in node.of_kind("claiming")) == {"en": 1, "ja": 1}
    assert node.of_kind("summary")[0]["adds_up"] is True


@pytest.mark.slow
def test_a_node_joins_a_running_network_with_its_settings_file_alone(
    node_toml: Path, start_node: StartNode
) -> None:
    node = start_node("--config", str(node_toml), "--exit-after-jobs", "1")

    assert node.finish() == ExitCode.OK, node.story()
    assert len(node.of_kind("verified")) == 1


@pytest.mark.slow
def test_a_killed_node_goes_on_from_its_last_checkpoint(node_toml: Path, start_node: StartNode) -> None:
    arguments = ("--config", str(node_toml), "--exit-after-jobs", "1")
    first = start_node(*arguments)
    job_id = first.wait_for("epoch_done", lambda record: record["epoch"] == 5)["job_id"]
    first.kill()

    second = start_node(*arguments)

    assert second.finish() == ExitCode.OK, second.story()
    assert [record["job_id"] for record in second.of_kind("verified")] == [job_id]
    (resumed,) = second.of_kind("training")
    assert resumed["resumed_epoch"] >= 4
    assert second.of_kind("claiming") == []
    epochs = [record["epoch"] for record in second.of_kind("epoch_done")]
    assert epochs == list(range(resumed["resumed_epoch"] + 1, 31))
    assert second.of_kind("summary")[0]["adds_up"] is True


@pytest.mark.slow
def test_a_node_killed_after_submitting_delivers_what_is_drawn(tmp_path: Path, start_node: StartNode) -> None:
    with devnet_beside(tmp_path / "devnet", ["--verification", "replay", "--no-rival"]) as node_toml:
        arguments = ("--config", str(node_toml), "--exit-after-jobs", "1")
        for event in ("submitted", "states_drawn"):
            node = start_node(*arguments)
            job_id = node.wait_for(event)["job_id"]
            node.kill()

        last = start_node(*arguments)

        assert last.finish() == ExitCode.OK, last.story()
        assert [record["job_id"] for record in last.of_kind("verified")] == [job_id]
        assert last.of_kind("states_delivered")
        assert last.of_kind("summary")[0]["adds_up"] is True
