"""Result files and checkpoints: exact, whole or not there, and hostile ones refused."""

from __future__ import annotations

import errno
import io
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emeth_tui.errors import DiskFull, JobError
from emeth_tui.training.files.checkpoint import CheckpointStore, Result, load_result, save_result
from emeth_tui.training.model.gpt2 import HEAD_NAME, Gpt2, Gpt2Shape, tensor_shapes
from tests.training.memory import memory_for_half

SHAPE = Gpt2Shape(layers=1, heads=2, width=8, positions=16, vocab_size=70)
SHAPES = tensor_shapes(SHAPE)
HASH = "0123456789abcdef" * 4
SOME_NAME = "transformer.h.0.mlp.c_fc.weight"


@pytest.fixture
def weights() -> dict[str, Tensor]:
    model = Gpt2(SHAPE)
    model.initialise(1)
    return model.export_weights()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.pt"


def good_content(weights: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "epoch": torch.tensor([30.0]),
        "model_state_dict": weights,
        "loss": torch.tensor([2.5]),
        "hash": HASH,
    }


def test_result_file_is_what_the_network_wants(path: Path, weights: dict[str, Tensor]) -> None:
    size_bytes = save_result(path, 30, weights, 2.5, HASH)

    content = torch.load(path, weights_only=True)
    assert set(content) == {"epoch", "model_state_dict", "loss", "hash"}
    assert torch.equal(content["epoch"], torch.tensor([30.0]))
    assert content["epoch"].dtype == content["loss"].dtype == torch.float32
    assert torch.equal(content["loss"], torch.tensor([2.5]))
    assert content["hash"] == HASH
    assert {name: tuple(tensor.shape) for name, tensor in content["model_state_dict"].items()} == SHAPES
    assert size_bytes == path.stat().st_size


def test_result_comes_back(path: Path, weights: dict[str, Tensor]) -> None:
    save_result(path, 31, weights, 2.5, HASH)

    result = load_result(path, SHAPES)

    assert (result.epochs, result.loss, result.hash_hex) == (31, 2.5, HASH)
    assert all(torch.equal(result.state_dict[name], tensor) for name, tensor in weights.items())


def test_a_result_by_the_models_published_class_is_accepted(path: Path, weights: dict[str, Tensor]) -> None:
    untied = {**weights, HEAD_NAME: weights[HEAD_NAME].clone()}  # saved twice, as others may do
    torch.save(good_content(untied), path)

    assert isinstance(load_result(path, SHAPES), Result)


class Malicious:
    """Runs a command when a plain unpickler reads it."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self._trace),)


def without(weights: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in weights.items() if key != name}


def with_tensor(weights: dict[str, Tensor], tensor: object) -> dict[str, Any]:
    return {**weights, SOME_NAME: tensor}


def poisoned(weights: dict[str, Tensor], value: float) -> dict[str, Tensor]:
    tensor = weights[SOME_NAME].clone()
    tensor[0, 0] = value
    return with_tensor(weights, tensor)


BAD_CONTENT: dict[str, tuple[Callable[[dict[str, Tensor]], Any], str]] = {
    "not a dict": (lambda w: [1, 2], "does not hold exactly"),
    "a key missing": (lambda w: {k: v for k, v in good_content(w).items() if k != "hash"}, "exactly"),
    "a key too many": (lambda w: {**good_content(w), "optimizer": {}}, "does not hold exactly"),
    "epoch an int": (lambda w: {**good_content(w), "epoch": 30}, "epoch is not a float tensor"),
    "epoch of ints": (lambda w: {**good_content(w), "epoch": torch.tensor([30])}, "epoch is not a float"),
    "epoch a scalar": (lambda w: {**good_content(w), "epoch": torch.tensor(30.0)}, "epoch is not a float"),
    "epoch a half": (lambda w: {**good_content(w), "epoch": torch.tensor([29.5])}, "not a count"),
    "epoch negative": (lambda w: {**good_content(w), "epoch": torch.tensor([-1.0])}, "not a count"),
    "epoch endless": (lambda w: {**good_content(w), "epoch": torch.tensor([torch.inf])}, "epoch is inf"),
    "loss not a number": (lambda w: {**good_content(w), "loss": torch.tensor([torch.nan])}, "loss is nan"),
    "hash not hex": (lambda w: {**good_content(w), "hash": "z" * 64}, "not 64 lower-case hex"),
    "hash too short": (lambda w: {**good_content(w), "hash": "ab"}, "not 64 lower-case hex"),
    "hash a number": (lambda w: {**good_content(w), "hash": 7}, "not 64 lower-case hex"),
    "weights a list": (lambda w: {**good_content(w), "model_state_dict": [1]}, "is not a dict"),
    "a tensor missing": (lambda w: good_content(without(w, SOME_NAME)), "1 missing, 0 unknown"),
    "a tensor too many": (lambda w: good_content({**w, "x": torch.zeros(1)}), "0 missing, 1 unknown"),
    "a wrong shape": (lambda w: good_content(with_tensor(w, torch.zeros(32, 8))), "has shape"),
    "a number for a tensor": (lambda w: good_content(with_tensor(w, 1.0)), "not a plain float tensor"),
    "integers": (lambda w: good_content(with_tensor(w, torch.zeros(8, 32, dtype=torch.int32))), "plain"),
    "complex": (lambda w: good_content(with_tensor(w, torch.zeros(8, 32, dtype=torch.complex64))), "plain"),
    "sparse": (lambda w: good_content(with_tensor(w, torch.zeros(8, 32).to_sparse())), "plain"),
    "on no device": (lambda w: good_content(with_tensor(w, torch.zeros(8, 32, device="meta"))), "plain"),
    "a not-a-number": (lambda w: good_content(poisoned(w, torch.nan)), "not finite"),
    "an infinity": (lambda w: good_content(poisoned(w, -torch.inf)), "not finite"),
}


@pytest.mark.parametrize("name", BAD_CONTENT)
def test_hostile_content_is_refused(path: Path, weights: dict[str, Tensor], name: str) -> None:
    make, message = BAD_CONTENT[name]
    torch.save(make(weights), path)

    with pytest.raises(JobError, match=message):
        load_result(path, SHAPES)


def test_code_in_a_result_file_never_runs(path: Path, tmp_path: Path, weights: dict[str, Tensor]) -> None:
    trace = tmp_path / "trace"
    torch.save({**good_content(weights), "hash": Malicious(trace)}, path)

    with pytest.raises(JobError, match="cannot be loaded"):
        load_result(path, SHAPES)
    assert not trace.exists()


def test_a_bare_pickle_is_refused_unread(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path.write_bytes(pickle.dumps(Malicious(trace)))

    with pytest.raises(JobError, match="not an archive"):
        load_result(path, SHAPES)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello" * 1000])
def test_garbage_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(JobError):
        load_result(path, SHAPES)


def test_a_missing_result_is_refused(path: Path) -> None:
    with pytest.raises(JobError):
        load_result(path, SHAPES)


def test_a_compressed_archive_is_refused_before_it_unpacks(path: Path, weights: dict[str, Tensor]) -> None:
    plain = io.BytesIO()
    torch.save(good_content(weights), plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))

    with pytest.raises(JobError, match="compressed entries"):
        load_result(path, SHAPES)


def test_more_bytes_than_the_model_has_are_refused(path: Path, weights: dict[str, Tensor]) -> None:
    torch.save(good_content({**weights, "x": torch.zeros(2_000_000)}), path)

    with pytest.raises(JobError, match="unpacks to"):
        load_result(path, SHAPES)


def test_damage_anywhere_is_refused_or_harmless(path: Path, weights: dict[str, Tensor]) -> None:
    save_result(path, 30, weights, 2.5, HASH)
    whole = path.read_bytes()
    rng = random.Random(3)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 8)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged[: rng.choice([len(damaged), rng.randrange(len(damaged))])])
        try:
            result = load_result(path, SHAPES)
        except JobError:
            refused += 1
        else:
            assert all(torch.isfinite(tensor).all() for tensor in result.state_dict.values())
    assert refused > 100


def store_at(directory: Path, **fingerprint: str | int) -> CheckpointStore:
    return CheckpointStore(directory, fingerprint or {"job": "a", "seed": 1})


def save_number(store: CheckpointStore, epoch: int, blocks_done: int = 0) -> Path:
    return store.save(epoch, blocks_done, {"number": epoch * 1000 + blocks_done, "tensor": torch.ones(100)})


def test_the_newest_checkpoint_is_gone_on_from_and_two_are_kept(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    paths = [save_number(store, *position) for position in [(0, 8), (0, 900), (1, 0), (9, 10), (10, 0)]]

    newest = store.load_newest()

    assert newest is not None
    assert newest["number"] == 10_000
    assert sorted(tmp_path.iterdir()) == sorted(paths[-2:])


def test_what_is_given_displaces_nothing_that_was_saved_here(tmp_path: Path) -> None:
    def store_of_a_member() -> CheckpointStore:
        return CheckpointStore(tmp_path, {"seed": 1}, lambda state: "given" in state)

    store = store_of_a_member()
    own = save_number(store, 1)
    for epoch in (2, 3, 4):
        store.add(epoch, {"given": epoch})
    damaged = tmp_path / "epoch-000005-block-000000000.pt"
    damaged.write_bytes(b"PK")

    store = store_of_a_member()  # in a new process

    assert [path.name[:12] for path in sorted(tmp_path.iterdir())] == [
        "epoch-000001",
        "epoch-000004",
        "epoch-000005",
    ]
    assert store.load_newest() == {"given": 4}
    assert not damaged.exists()
    newest = store.load_newest(own=True)
    assert newest is not None
    assert newest["number"] == 1000
    save_number(store, 4)
    store.drop_old()
    assert sorted(tmp_path.iterdir()) == [own, tmp_path / "epoch-000004-block-000000000.pt"]


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert store_at(tmp_path / "new").load_newest() is None


@pytest.mark.parametrize("kept_bytes", [0, 1, 500, -1])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, kept_bytes: int) -> None:
    store = store_at(tmp_path)
    save_number(store, 1)
    damaged = save_number(store, 2)
    damaged.write_bytes(damaged.read_bytes()[:kept_bytes])

    newest = store.load_newest()

    assert newest is not None
    assert newest["number"] == 1000
    assert not damaged.exists()


def test_too_little_memory_is_no_damage_to_a_checkpoint(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    paths = [store.save(epoch, 0, {"tensor": torch.ones(16 << 20)}) for epoch in (1, 2)]

    with memory_for_half(paths[0]), pytest.raises(RuntimeError, match="can't allocate memory"):
        store.load_newest()

    assert sorted(tmp_path.iterdir()) == paths
    assert store.load_newest() is not None


def test_too_little_memory_refuses_no_result(path: Path) -> None:
    large = {"weight": torch.ones(16 << 20)}
    save_result(path, 30, large, 2.5, HASH)
    shapes = {"weight": (16 << 20,)}

    with memory_for_half(path), pytest.raises(RuntimeError, match="can't allocate memory"):
        load_result(path, shapes)

    assert load_result(path, shapes).epochs == 30


def test_a_checkpoint_that_cannot_be_read_now_is_passed_over_and_stays(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    save_number(store, 1)
    unreadable = save_number(store, 2)
    unreadable.unlink()
    unreadable.symlink_to(unreadable.name)  # as hard to open as with a disk that fails

    newest = store.load_newest()

    assert newest is not None
    assert newest["number"] == 1000
    assert unreadable.is_symlink()


def test_another_trainings_checkpoint_is_not_gone_on_from(tmp_path: Path) -> None:
    save_number(store_at(tmp_path, job="a", seed=1), 5)

    assert store_at(tmp_path, job="a", seed=2).load_newest() is None
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".epoch-000001-block-000000000.pt.x1.tmp").write_bytes(b"half")

    store = store_at(tmp_path)

    assert list(tmp_path.iterdir()) == []
    assert store.load_newest() is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device without room")
def test_a_full_disk_says_so_and_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(tmp_path)
    kept = save_number(store, 1)

    def without_room(dir: Path, prefix: str, suffix: str) -> tuple[int, str]:
        (name := dir / f"{prefix}{suffix}").symlink_to("/dev/full")
        return os.open(name, os.O_WRONLY), str(name)

    monkeypatch.setattr("emeth_tui.files.tempfile.mkstemp", without_room)

    with pytest.raises(DiskFull, match="no room left"):
        store.save(2, 0, {"tensor": torch.ones(1_000_000)})

    assert list(tmp_path.iterdir()) == [kept]


def test_a_full_disk_is_seen_through_the_archive_writers_error(
    path: Path, weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_save(content: object, file: object) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("unexpected pos 704 vs 598")  # noqa: B904  # as torch does it

    monkeypatch.setattr(torch, "save", failing_save)

    with pytest.raises(DiskFull):
        save_result(path, 30, weights, 2.5, HASH)


def test_other_trouble_with_the_disk_is_not_taken_for_a_full_one(
    path: Path, weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_fsync(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing_fsync)

    with pytest.raises(OSError, match="Input/output") as caught:
        save_result(path, 30, weights, 2.5, HASH)

    assert caught.value.errno == errno.EIO
    assert not path.exists()


def test_a_checkpoint_of_torchs_older_form_is_dropped_unread(tmp_path: Path) -> None:
    """A few damaged bytes in one keep torch busy for minutes, and none of ours has that form."""
    store = CheckpointStore(tmp_path, {"seed": 1})
    path = store.save(1, 0, {"x": torch.ones(2)})
    content = torch.load(path, weights_only=True)
    torch.save(content, path, _use_new_zipfile_serialization=False)
    assert store.load_newest() is None
    assert not path.exists()
