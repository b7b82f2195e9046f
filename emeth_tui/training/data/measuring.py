"""A text file, measured as a node will: encoding, split, tokens. What nodes would refuse is refused here."""

from __future__ import annotations

import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emeth_tui.errors import DatasetError
from emeth_tui.foreign_text import system_text
from emeth_tui.model import Language
from emeth_tui.notices.reasons.files import NotARegularFile
from emeth_tui.notices.reasons.network.requesting import DatasetOverLimit
from emeth_tui.notices.reasons.training.data import DatasetUnreadable

if TYPE_CHECKING:
    from emeth_tui.training.data.dataset import TokenisedDataset


@dataclass(frozen=True, slots=True)
class Measured:
    """A dataset's facts. Tokens are None where the model's tokenizer is not on this machine."""

    size_bytes: int
    content: str  # sha256 of its bytes, in hex
    train_tokens: int | None
    valid_tokens: int | None


def measure(path: Path, language: Language, model: str, *, max_bytes: int) -> Measured:
    """Measure a dataset file. Raise DatasetError saying why no node could train on it, TrainingError."""
    from emeth_tui.training.data.dataset import check_split
    from emeth_tui.training.data.text_file import text_facts

    try:
        seen = path.stat()
    except OSError as error:
        raise DatasetError(DatasetUnreadable(path, system_text(error))) from error
    if not stat.S_ISREG(seen.st_mode):  # a pipe has no end, or nobody at the other
        raise DatasetError(DatasetUnreadable(path, NotARegularFile()))
    size_bytes = seen.st_size
    if size_bytes > max_bytes:
        raise DatasetError(DatasetOverLimit(size_bytes, max_bytes))
    facts = text_facts(path, language.value)
    check_split(facts.pieces, size_bytes, language.value)
    tokens = _tokens(path, language, model)
    if tokens is None:
        return Measured(size_bytes, facts.content, None, None)
    return Measured(size_bytes, facts.content, tokens.train.size, tokens.valid.size)


def measured_facts(dataset: str, language: str, model: str, max_bytes: int) -> dict[str, Any]:
    """Measure a dataset file as a task of a child process (training.results.main)."""
    return asdict(measure(Path(dataset), Language(language), model, max_bytes=max_bytes))


def _tokens(path: Path, language: Language, model: str) -> TokenisedDataset | None:
    from emeth_tui.training.data.dataset import load_tokens
    from emeth_tui.training.files.models import JobModel, model_spec, present_files

    spec, files = model_spec(model), present_files(model)
    if spec.pretrained and files is None:
        return None
    with tempfile.TemporaryDirectory(prefix="emeth-measuring-") as cache:
        source = JobModel(spec, files).token_source(language.value)
        return load_tokens(path, Path(cache), source)
