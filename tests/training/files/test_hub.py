"""Models from a hub on localhost: downloaded once, reported byte by byte, resumed after a break."""

from __future__ import annotations

import fcntl
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download

from emeth_tui.errors import TrainingError
from emeth_tui.training.files import hub
from emeth_tui.training.files.models import locate
from emeth_tui.training.job_control import Control, StopRequested
from emeth_tui.training.reports import Event, Preparing, ResultWritten, Stage, Stopped
from tests.training.files.hub_server import COMMIT, LARGE, Hub, serving
from tests.training.jobs import Run, make_request
from tests.training.pretrained import save_small_gpt2

pytestmark = pytest.mark.slow

NAME = "someone/gpt2-tiny"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("published")
    save_small_gpt2(directory)
    (directory / "README.md").write_text("not needed to train")
    (directory / "pytorch_model.bin").write_bytes(b"the same weights once more")
    return directory


@pytest.fixture
def server(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(NAME, directory) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("HF_HUB_CACHE", raising=False)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
        yield server


def assert_fetched(fetched: Path, server: Hub) -> None:
    wanted = set(server.files()) - {"README.md", "pytorch_model.bin", "generation_config.json"}
    assert {path.name for path in fetched.iterdir()} == wanted
    for name in wanted:
        assert (fetched / name).read_bytes() == server.files()[name]


def test_a_model_is_downloaded_once_and_then_needs_no_network(server: Hub) -> None:
    first = hub.fetch(NAME)
    asked = len(server.requests)

    second = hub.fetch(NAME)

    assert first == second
    assert first.name == COMMIT
    assert_fetched(first, server)
    assert len(server.requests) == asked > 0


@pytest.mark.parametrize("missing", [None, LARGE, "tokenizer.json", "config.json"])
def test_a_model_in_the_clients_own_cache_is_used_if_it_is_whole(
    server: Hub, tmp_path: Path, missing: str | None
) -> None:
    for name in set(server.files()) - {missing, "pytorch_model.bin"}:
        theirs = hf_hub_download(NAME, name, cache_dir=tmp_path / "home/hub", endpoint=server.endpoint)
    server.requests.clear()

    fetched = hub.fetch(NAME)

    assert (fetched == Path(theirs).parent) is (missing is None)
    assert bool(server.requests) is (missing is not None)
    assert (fetched / LARGE).read_bytes() == server.files()[LARGE]


def test_the_bytes_are_reported_as_they_arrive(server: Hub) -> None:
    reported: list[Preparing] = []

    hub.fetch(NAME, reported.append)

    fractions = [each.fraction for each in reported]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert len(set(fractions)) > 3
    assert reported[0].stage is Stage.ASKING_HUB
    size_bytes = sum(path.stat().st_size for path in hub.fetch(NAME).iterdir())
    assert (reported[-1].stage, reported[-1].size_bytes) == (Stage.DOWNLOADING, size_bytes)


def test_a_connection_cut_in_the_middle_is_taken_up_there(server: Hub) -> None:
    server.breaks = [50_000]

    fetched = hub.fetch(NAME)

    assert server.ranges() == ["", "bytes=50000-"]
    assert_fetched(fetched, server)


def test_a_download_broken_off_goes_on_where_it_was(server: Hub) -> None:
    """Stopped in the middle of the weights; the next try asks for the rest of them alone."""
    sizes = itertools.count()

    def stop(preparing: Preparing) -> None:
        if preparing.fraction > 0.5 and next(sizes) == 2:
            raise StopRequested

    with pytest.raises(StopRequested):
        hub.fetch(NAME, stop)
    (part,) = Path(hub._home()).glob("*/*/*.part")
    kept_bytes = part.stat().st_size
    server.requests.clear()

    fetched = hub.fetch(NAME)

    assert 0 < kept_bytes < len(server.files()[LARGE])
    assert server.ranges() == [f"bytes={kept_bytes}-"]
    assert_fetched(fetched, server)


def test_a_file_that_arrives_damaged_is_not_kept(server: Hub) -> None:
    server.tampered = True
    with pytest.raises(TrainingError, match="cannot be downloaded"):
        hub.fetch(NAME)

    server.tampered = False

    assert_fetched(hub.fetch(NAME), server)


def test_a_name_that_the_hub_does_not_know_is_said_to_be_unknown(server: Hub) -> None:
    with pytest.raises(
        TrainingError, match="model someone/else: the Hugging Face hub has no model of that name"
    ):
        hub.fetch("someone/else")


@pytest.mark.parametrize("name", ["no such name", "a/b/c", "-"])
def test_a_name_that_cannot_be_one_is_said_to_be_unknown(server: Hub, name: str) -> None:
    with pytest.raises(TrainingError, match="no model of that name"):
        locate(name)


def test_two_workers_download_a_model_one_after_the_other(server: Hub) -> None:
    home = hub._home() / NAME.replace("/", "--")
    home.mkdir(parents=True)
    reported: list[Stage] = []
    with (home / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def let_go(preparing: Preparing) -> None:
            reported.append(preparing.stage)
            fcntl.flock(other, fcntl.LOCK_UN)

        fetched = hub.fetch(NAME, let_go)

    assert reported[0] is Stage.WAITING_FOR_DOWNLOAD
    assert_fetched(fetched, server)


def test_a_job_downloads_its_model_and_tells_of_it(tmp_path: Path, server: Hub) -> None:
    run = Run()

    run.go(make_request(tmp_path, model=NAME, epochs=1, learning_rate=2e-3))

    stages = [event.stage for event in run.of_type(Preparing)]
    assert stages[0] is Stage.ASKING_HUB
    assert Stage.DOWNLOADING in stages
    assert run.of_type(ResultWritten)


def test_a_job_can_be_stopped_in_its_download(tmp_path: Path, server: Hub) -> None:
    def stop(event: Event, control: Control) -> None:
        if isinstance(event, Preparing) and event.stage is Stage.ASKING_HUB:
            control.stop()

    run = Run(stop)

    run.go(make_request(tmp_path, model=NAME, epochs=1))

    assert run.events[-1] == Stopped(0, 0)
    assert not server.ranges()
