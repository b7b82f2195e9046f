"""Fine-tuning by cells: a model is pretrained once, and every outcome is told and judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.finetune.command import command
from benchmarks.finetune.material import FAR, NEAR, load_material
from emeth_tui.model import Language

pytestmark = pytest.mark.slow


def test_each_cell_is_trained_and_none_ends_above_its_start(tmp_path: Path) -> None:
    arguments = ["--quick", "--languages", "en", "--batches", "3,4", "--cache", str(tmp_path), "--json"]
    first = CliRunner().invoke(command, arguments)
    pretrained = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = CliRunner().invoke(command, arguments)
    content, repeated = (json.loads(outcome.stdout) for outcome in (first, again))

    assert [(one["cell"]["domain"], one["cell"]["batch"]) for one in content["outcomes"]] == [
        (NEAR, 3),
        (NEAR, 4),
        (FAR, 3),
        (FAR, 4),
    ]
    for one, other in zip(content["outcomes"], repeated["outcomes"], strict=True):
        assert one["final"] == one["best"] == min(one["start"], *one["by_epoch"]) < one["start"]
        assert (one["start"], one["by_epoch"]) == (other["start"], other["by_epoch"])
    assert {goal["name"]: goal["reached"] for goal in content["goals"]}[
        "finetune: final loss of the start's, worst cell"
    ]
    assert pretrained == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}, "made once"


@pytest.mark.parametrize("language", list(Language))
def test_no_text_is_in_two_parts(language: Language) -> None:
    material = load_material(language, None)
    near = material.domains[NEAR]
    parts = [material.pretraining, near.jobs, near.elsewhere]

    assert all(len(part.encode()) > 1_000 for part in parts)
    for one in parts:
        for other in parts:
            assert one is other or one[:200] not in other


def test_far_text_comes_from_a_directory_where_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "manual-ja.txt").write_text("命令の説明書である。\n" * 200, encoding="utf-8")

    material = load_material(Language.JA, None, tmp_path)

    assert "命令の説明書" in material.domains[FAR].jobs
    assert "命令の説明書" not in material.pretraining + material.domains[NEAR].jobs
