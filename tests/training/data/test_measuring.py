"""A text measured before it is requested is measured as the node that takes it will."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from emeth_tui.errors import DatasetError
from emeth_tui.model import Language
from emeth_tui.notices.reasons.files import NotARegularFile
from emeth_tui.notices.reasons.network.requesting import DatasetOverLimit
from emeth_tui.notices.reasons.training import data as why
from emeth_tui.training.data.dataset import load_tokens
from emeth_tui.training.data.measuring import measure
from emeth_tui.training.files.models import DEVNET_SMALL, open_model

LIMIT = 1_000_000
TEXTS = {
    Language.EN: "A lamp is lit. The boat comes home! Who waits there? " * 100,
    Language.JA: "吾輩は猫である。\n名前はまだ無い。\n" * 200,
}


@pytest.mark.parametrize("language", list(Language))
def test_tokens_are_those_that_a_node_counts(tmp_path: Path, language: Language) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXTS[language], "utf-8")
    source = open_model(DEVNET_SMALL).token_source(language.value)
    tokens = load_tokens(path, tmp_path / "cache", source)

    measured = measure(path, language, DEVNET_SMALL, max_bytes=LIMIT)

    assert (measured.train_tokens, measured.valid_tokens) == (tokens.train.size, tokens.valid.size)
    assert measured.content == hashlib.sha256(path.read_bytes()).hexdigest()
    assert measured.size_bytes == path.stat().st_size


@pytest.mark.timeout(60)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    with pytest.raises(DatasetError) as raised:
        measure(path, Language.EN, DEVNET_SMALL, max_bytes=LIMIT)

    assert raised.value.reason == why.DatasetUnreadable(path, NotARegularFile())


def test_without_the_model_the_text_is_checked_and_its_tokens_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXTS[Language.EN], "utf-8")

    measured = measure(path, Language.EN, "nobody/has-this-model", max_bytes=LIMIT)

    assert measured.train_tokens is None
    path.write_text("one sentence without an end", "utf-8")
    with pytest.raises(DatasetError) as raised:
        measure(path, Language.EN, "nobody/has-this-model", max_bytes=LIMIT)
    assert isinstance(raised.value.reason, why.NoSentenceEnds)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xfe\x00", why.DatasetNotText),
        (b"caf\xe9 au lait.", why.DatasetNotUtf8),
        (b"one sentence without an end", why.NoSentenceEnds),
        (b"", why.DatasetEmpty),
        (b"A. " * LIMIT, DatasetOverLimit),
    ],
)
def test_what_no_node_could_train_on_is_refused(tmp_path: Path, content: bytes, kind: type) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)

    with pytest.raises(DatasetError) as raised:
        measure(path, Language.EN, DEVNET_SMALL, max_bytes=LIMIT)

    assert type(raised.value.reason) is kind
