"""The program as users have it, from a wheel: put in, upgraded under a job, and taken out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emeth_tui import __version__
from emeth_tui.errors import ExitCode
from tests.end_to_end.conftest import StartNode
from tests.end_to_end.installed import Installation, build, copied_sources, next_version
from tests.terminal import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]
LATER = "999.0.0"
SHARED = {
    "share/man/man1/emeth-tui.1": ROOT / "docs/emeth-tui.1",
    "share/bash-completion/completions/emeth-tui": ROOT / "contrib/completions/emeth-tui.bash",
    "share/zsh/site-functions/_emeth-tui": ROOT / "contrib/completions/_emeth-tui",
    "share/fish/vendor_completions.d/emeth-tui.fish": ROOT / "contrib/completions/emeth-tui.fish",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This version's wheel."""
    (built,) = build(copied_sources(tmp_path_factory.mktemp("sources")), "wheel")
    return built


def test_a_wheel_brings_the_program_and_its_pages_and_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    environment = Installation(tmp_path / "environment")
    before = environment.files()
    environment.install(wheel)
    version, usage = environment.run(tmp_path, "--version"), environment.run(tmp_path, "--help")

    assert (version.returncode, version.stdout.strip()) == (ExitCode.OK, f"emeth-tui {__version__}")
    assert usage.stdout.startswith("Usage: emeth-tui")
    for name, source in SHARED.items():
        assert (environment.directory / name).read_bytes() == source.read_bytes()

    environment.uninstall()
    assert environment.files() == before


def test_a_job_goes_on_in_a_later_version_and_the_earlier_one_then_stays_out(
    wheel: Path, node_toml: Path, tmp_path: Path, start_as_users_do: StartNode
) -> None:
    (later,) = build(next_version(copied_sources(tmp_path / "sources"), LATER), "wheel")
    environment, home = Installation(tmp_path / "environment"), tmp_path / "home"
    program, config = [str(environment.program)], ("--config", str(node_toml))
    borrowing = {"program": program, "cwd": tmp_path, "PYTHONPATH": ""}
    environment.install(wheel)
    earlier_node = start_as_users_do(*config, **borrowing)
    job_id = earlier_node.wait_for("epoch_done", lambda record: record["epoch"] == 3)["job_id"]
    assert earlier_node.stop() == ExitCode.OK, earlier_node.story()
    assert environment.run(home, "--version").stdout.strip() == f"emeth-tui {__version__}"

    environment.install(later)
    node = start_as_users_do(*config, "--exit-after-jobs", "1", **borrowing)
    assert node.finish() == ExitCode.OK, node.story()
    assert environment.run(home, "--version").stdout.strip() == f"emeth-tui {LATER}"
    assert [record["job_id"] for record in node.of_kind("verified")] == [job_id]
    assert node.of_kind("claiming") == []
    (resumed,) = node.of_kind("training")
    assert resumed["resumed_epoch"] >= 3
    assert node.of_kind("summary")[0]["adds_up"] is True

    environment.install(wheel)
    refused = environment.run(home, *config, "--no-ui")
    assert refused.returncode == ExitCode.STORE_NEWER
    assert f"newer emeth-tui ({LATER}, " in refused.stderr
    (name,) = re.findall(r"`emeth-tui store restore (\S+)`", refused.stderr)
    restored = environment.run(home, *config, "store", "restore", name)
    assert restored.returncode == ExitCode.OK, restored.stderr
    back = start_as_users_do(*config, **borrowing)
    assert back.wait_for("verified")["job_id"] == job_id
    assert back.stop() == ExitCode.OK, back.story()
