"""Models by name: our own, local directories as transformers writes them, and hub names without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from emeth_tui.errors import TrainingError
from emeth_tui.training.data.dataset import TokenisedDataset, load_tokens
from emeth_tui.training.files.models import (
    DEVNET_SMALL,
    PretrainedFiles,
    locate,
    make_ready,
    model_spec,
    open_model,
)
from emeth_tui.training.reports import EpochDone, OnPreparing, ResultWritten
from emeth_tui.training.run.evaluation import Evaluator
from tests.training.files.test_checkpoint import Malicious
from tests.training.jobs import Run, dataset_of, make_request, result_weights
from tests.training.memory import memory_for_half
from tests.training.pretrained import VOCAB_SIZE, save_small_gpt2
from tests.training.texts import english


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A small pretrained GPT-2 with its tokenizer, as transformers saves them."""
    directory = tmp_path / "model"
    save_small_gpt2(directory)
    return directory


def change_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_our_own_model_starts_from_random_weights_at_a_higher_rate() -> None:
    spec = model_spec(DEVNET_SMALL)

    assert not spec.pretrained
    assert spec.learning_rate > model_spec("gpt2-medium").learning_rate
    assert open_model(DEVNET_SMALL).shape(700).vocab_size == 700


@pytest.mark.parametrize(
    ("dataset_bytes", "blocks"),
    [(4_096, 3), (31_999, 3), (32_000, 4), (65_536, 4), (262_144, 8), (512_000, 16), (100_000_000, 16)],
)
def test_small_texts_are_fine_tuned_in_small_batches(dataset_bytes: int, blocks: int) -> None:
    assert model_spec("gpt2-medium").batch_for(dataset_bytes) == blocks
    assert model_spec(DEVNET_SMALL).batch_for(dataset_bytes) == 8


def test_the_networks_models_are_fine_tuned_as_it_says() -> None:
    for name in ("gpt2-medium", "rinna/japanese-gpt2-medium"):
        spec = model_spec(name)

        assert spec.batch_size == 16
        assert (spec.pretrained, spec.block_tokens, spec.learning_rate) == (
            True,
            128,
            2.5e-4,
        )  # protocol.md §8
        assert spec.dropout == spec.attention_dropout == 0.1


def test_a_local_model_starts_from_its_weights(directory: Path) -> None:
    from transformers import GPT2LMHeadModel

    job_model = open_model(str(directory))
    model = job_model.build(job_model.shape(VOCAB_SIZE)).eval()

    job_model.set_initial_weights(model, seed=0)

    theirs = GPT2LMHeadModel.from_pretrained(directory).eval()
    ids = torch.arange(100)[None]
    torch.testing.assert_close(model(ids)[..., :VOCAB_SIZE], theirs(ids).logits, atol=1e-4, rtol=0)


def test_a_local_model_uses_its_own_tokenizer(directory: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    source = open_model(str(directory)).token_source("en")

    tokenizer = source.make_tokenizer(["another text altogether"])

    expected = PreTrainedTokenizerFast.from_pretrained(directory)(english(500))["input_ids"]
    assert tokenizer.encode(english(500)).tolist() == expected
    assert tokenizer.decode(np.array(expected, np.uint32)) == english(500)
    assert tokenizer.vocab_size == VOCAB_SIZE


def test_tokens_of_a_tokenizer_that_was_changed_are_made_again(tmp_path: Path, directory: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(english(2_000))
    job_model = open_model(str(directory))

    def tokens() -> TokenisedDataset:
        return load_tokens(text, tmp_path / "tokens", job_model.token_source("en"))

    first, second = tokens(), tokens()
    path = directory / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["merges"] = []
    path.write_text(json.dumps(content))
    third = tokens()

    assert first.made_in_s is not None
    assert second.made_in_s is None
    assert third.made_in_s is not None
    assert third.train.size > first.train.size


def test_a_job_fine_tunes_a_local_model(tmp_path: Path, directory: Path) -> None:
    from transformers import GPT2LMHeadModel

    request = make_request(tmp_path, model=str(directory), learning_rate=2e-3)
    run = Run()

    run.go(request)

    assert run.of_type(ResultWritten)
    evaluator = Evaluator(str(directory), "en", dataset_of(request))
    assert run.of_type(EpochDone)[-1].valid_loss < evaluator.untrained_loss()
    GPT2LMHeadModel.from_pretrained(directory).load_state_dict(result_weights(request), strict=True)


def test_a_job_locates_its_models_files_once(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    located: list[str] = []

    def count(name: str, progress: OnPreparing) -> PretrainedFiles:
        located.append(name)
        return locate(name, progress)

    monkeypatch.setattr("emeth_tui.training.files.models.locate", count)

    Run().go(make_request(tmp_path, model=str(directory), epochs=1))

    assert located == [str(directory)]


def test_pickled_weights_of_older_files_are_read_too(directory: Path) -> None:
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(directory)
    bare = {
        name.removeprefix("transformer."): tensor
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    (directory / "model.safetensors").unlink()
    torch.save(bare, directory / "pytorch_model.bin")
    job_model = open_model(str(directory))
    ours = job_model.build(job_model.shape(VOCAB_SIZE))

    job_model.set_initial_weights(ours, seed=0)

    assert torch.equal(ours.export_weights()["lm_head.weight"], model.lm_head.weight)


def test_too_little_memory_is_no_fault_of_the_weights(directory: Path) -> None:
    weights = directory / "model.safetensors"
    with weights.open("r+b") as file:
        file.truncate(64 << 20)

    with memory_for_half(weights), pytest.raises(RuntimeError, match="can't allocate memory"):
        PretrainedFiles("local", directory).weights()


def test_code_in_pickled_weights_never_runs(tmp_path: Path, directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    torch.save({"wte.weight": Malicious(tmp_path / "trace")}, directory / "pytorch_model.bin")

    with pytest.raises(TrainingError, match=r"pytorch_model\.bin cannot be read"):
        locate(str(directory)).weights()
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"activation_function": "relu"}, "activation_function is 'relu'"),
        ({"n_inner": 100}, "n_inner is 100"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings is False"),
        ({"n_head": 5}, "does not divide into 5 heads"),
        ({"n_layer": None}, r"config\.json cannot be used"),
        ({"n_positions": 64}, "reads 64 tokens at once, a block is 128"),
        ({"vocab_size": 200}, "the ids of its tokenizer need a vocabulary of 300, and the model's is 200"),
        ({"n_embd": 64}, "has shape"),
    ],
)
def test_a_model_that_is_not_a_plain_gpt2_is_refused(
    directory: Path, changes: dict[str, object], message: str
) -> None:
    change_config(directory, **changes)
    job_model = open_model(str(directory))

    with pytest.raises(TrainingError, match=message):
        job_model.set_initial_weights(job_model.build(job_model.shape(VOCAB_SIZE)), seed=0)
    with pytest.raises(TrainingError, match=message):
        make_ready(str(directory))


@pytest.mark.parametrize(
    "config",
    [b"[]", b"7", b'{"model_type": "gpt2", "n_layer": 1e999}', b"[" * 90_000, b"\xff", b""],
    ids=["list", "number", "infinite", "nested", "not UTF-8", "empty"],
)
def test_a_configuration_of_any_other_kind_is_refused(directory: Path, config: bytes) -> None:
    shape = json.loads((directory / "config.json").read_text())
    infinite = json.dumps({**shape, "n_layer": 0}).replace('"n_layer": 0', '"n_layer": 1e999').encode()
    (directory / "config.json").write_bytes(infinite if b"1e999" in config else config)
    with pytest.raises(TrainingError, match=r"config\.json cannot be used"):
        PretrainedFiles("test", directory).shape()


@pytest.mark.parametrize(
    "change",
    [
        ('"merges": [', '"merges": [["xq", "zz"], '),
        ('"vocab": {', '"vocab": {"": true, '),
        ('"version"', '"x": ' + "[" * 5_000 + "]" * 5_000 + ', "version"'),
        ('"continuing_subword_prefix": null', '"continuing_subword_prefix": "longer than any token"'),
    ],
    ids=["merge", "type", "nested", "prefix"],
)
def test_a_damaged_tokenizer_is_refused_as_such(directory: Path, change: tuple[str, str]) -> None:
    """Its library raises bare exceptions for one, and panics."""
    path = directory / "tokenizer.json"
    compact = json.dumps(json.loads(path.read_text("utf-8")))
    assert change[0] in compact
    path.write_text(compact.replace(*change, 1), "utf-8")
    with pytest.raises(TrainingError, match=f"^model {directory}"):
        PretrainedFiles(f"{directory}", directory).tokenizer(lower_case=False)


def test_a_tokenizer_whose_ids_have_gaps_is_as_large_as_the_largest(tmp_path: Path, directory: Path) -> None:
    path = directory / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    content["model"]["vocab"]["e"] = 100_000  # as many entries as before
    path.write_text(json.dumps(content), "utf-8")
    text = tmp_path / "text.txt"
    text.write_text(english(2_000))

    tokens = load_tokens(text, tmp_path / "tokens", open_model(str(directory)).token_source("en"))

    assert tokens.train.max() == 100_000
    assert tokens.vocab_size == 100_001
    with pytest.raises(TrainingError, match="need a vocabulary of 100,001, and the model's is 300"):
        make_ready(str(directory))


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_model_with_a_file_missing_is_refused(tmp_path: Path, directory: Path, missing: str) -> None:
    (directory / missing).unlink()
    (directory / "tokenizer_config.json").unlink()

    with pytest.raises(TrainingError, match=f"model {directory}"):
        Run().go(make_request(tmp_path, model=str(directory)))
    with pytest.raises(TrainingError, match=f"model {directory}"):
        make_ready(str(directory))


def test_what_is_whole_is_ready(directory: Path) -> None:
    make_ready(str(directory))
    make_ready(DEVNET_SMALL)


def test_a_directory_that_is_not_there_is_not_looked_for_in_the_hub() -> None:
    with pytest.raises(TrainingError, match="no such directory"):
        locate("/nowhere/at/all")


@pytest.mark.slow
def test_an_unreachable_hub_is_one_clear_line(tmp_path: Path) -> None:
    program = """
from emeth_tui.errors import TrainingError
from emeth_tui.training.files.models import locate
try:
    locate("gpt2-medium")
except TrainingError as error:
    print(error)
"""
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:1", "HF_HOME": str(tmp_path)}

    run = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )

    (line,) = run.stdout.splitlines()
    assert line.startswith("model gpt2-medium cannot be downloaded from the Hugging Face hub")
    assert "set the model to a directory" in line
