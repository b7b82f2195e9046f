"""Models from the Hugging Face hub: fetched once, resumed where a download broke, then used offline.

The hub's own client provides addresses, sizes and transport; it discards what a killed download had
received, so the files are kept here, under `HF_HOME`. A model lies in a directory of its commit. It counts as
present when `complete`, which is written last, names its directory, or when the client's own cache holds all
of it.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emeth_tui.errors import TrainingError
from emeth_tui.files import disk_full_translated, try_lock, write_atomically
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.training.models import HubUnreachable, NotOnHub
from emeth_tui.training.reports import OnPreparing, Preparing, Stage, unheard

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")  # in order of preference
TOKENIZER_PATTERNS = ("tokenizer*", "vocab*", "merges.txt", "*.model", "special_tokens_map.json")
_SMALL_FILES = ("config.json", *TOKENIZER_PATTERNS)
TOKENIZER_NAME = "tokenizer.json"  # what `tokenizers` reads
SENTENCEPIECE_NAME = "spiece.model"  # what transformers calls it beside a T5Tokenizer
_TOKENIZER_FILES = (TOKENIZER_NAME, "vocab.json", SENTENCEPIECE_NAME, "vocab.txt")
_COMPLETE_NAME = "complete"
_PART_SUFFIX = ".part"
_SHA256_CHARS = 64  # the hub's tag of a large file is its sha256
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class _RemoteFile:
    name: str
    url: str
    size_bytes: int
    tag: str


def fetch(name: str, progress: OnPreparing = unheard) -> Path:
    """Return the directory of a hub model, downloading what is not there yet.

    `progress` may raise to break off; what has arrived is kept for the next time. Raise TrainingError when
    the hub does not answer or has no such model, DiskFull.
    """
    directory = present(name)
    if directory is not None:
        return directory
    home = _home_of(name)
    try:
        with disk_full_translated(home):
            home.mkdir(parents=True, exist_ok=True)
            with _locked(home, lambda: progress(Preparing(0.0, Stage.WAITING_FOR_DOWNLOAD))):
                return _complete(home) or _download(name, home, progress)
    except _hub_errors() as error:
        raise TrainingError(_explained(name, error)) from error


def present(name: str) -> Path | None:
    """Return the directory of a hub model that is on this machine, None for one that is not."""
    return _complete(_home_of(name)) or _in_clients_cache(name)


def size_of(name: str) -> int:
    """Ask the hub how many bytes a model's files have. Raise TrainingError as `fetch` does."""
    try:
        _commit, files = _wanted_files(name)
    except _hub_errors() as error:
        raise TrainingError(_explained(name, error)) from error
    return sum(file.size_bytes for file in files)


def _hugging_face_home() -> Path:
    from huggingface_hub import constants

    return Path(os.environ.get("HF_HOME") or constants.HF_HOME)


def _home() -> Path:
    return _hugging_face_home() / "emeth-tui"


def _home_of(name: str) -> Path:
    return _home() / name.replace("/", "--")


def _in_clients_cache(name: str) -> Path | None:
    """Return where the hub's own client keeps this model, if all that is needed lies there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    cache = os.environ.get("HF_HUB_CACHE") or _hugging_face_home() / "hub"
    try:
        directory = Path(snapshot_download(name, cache_dir=cache, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    needed = (("config.json",), WEIGHT_FILES, _TOKENIZER_FILES)
    whole = all(any((directory / each).is_file() for each in names) for names in needed)
    return directory if whole else None


def _complete(home: Path) -> Path | None:
    try:
        directory = home / (home / _COMPLETE_NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return directory if (directory / "config.json").is_file() else None


@contextlib.contextmanager
def _locked(home: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Have a model downloaded by one process at a time."""
    with (home / "lock").open("w") as file:
        while not try_lock(file.fileno()):
            waiting()
            time.sleep(_LOOK_EVERY_S)
        yield


def _download(name: str, home: Path, progress: OnPreparing) -> Path:
    progress(Preparing(0.0, Stage.ASKING_HUB))
    commit, files = _wanted_files(name)
    directory = home / commit
    directory.mkdir(exist_ok=True)
    total = sum(file.size_bytes for file in files)
    done = 0
    for file in files:
        _download_file(file, directory, functools.partial(_report_download, progress, done, total))
        done += file.size_bytes
    write_atomically(home / _COMPLETE_NAME, commit.encode())
    return directory


def _report_download(progress: OnPreparing, before: int, total: int, here: int) -> None:
    done = before + here
    progress(Preparing(min(1.0, done / total) if total else 1.0, Stage.DOWNLOADING, total))


def _wanted_files(name: str) -> tuple[str, list[_RemoteFile]]:
    """Return the model's newest commit and its files: the small ones, and the weights in one form."""
    from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT")
    info = HfApi(endpoint=endpoint).model_info(name)
    # Names come from strangers: one with a directory in it is none of a plain model's.
    commit = Path(str(info.sha)).name
    names = [each.rfilename for each in info.siblings or [] if Path(each.rfilename).name == each.rfilename]
    small = [each for each in names if any(fnmatch.fnmatch(each, pattern) for pattern in _SMALL_FILES)]
    weights = [each for each in WEIGHT_FILES if each in names][:1]
    files = []
    for each in [*small, *weights]:
        url = hf_hub_url(name, each, revision=commit, endpoint=endpoint)
        remote = get_hf_file_metadata(url, endpoint=endpoint)
        files.append(_RemoteFile(each, url, remote.size or 0, remote.etag or ""))
    return commit, files


def _download_file(file: _RemoteFile, directory: Path, report: Callable[[int], None]) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils.tqdm import disable_progress_bars

    path = directory / file.name
    if path.is_file() and path.stat().st_size == file.size_bytes:
        report(file.size_bytes)
        return
    disable_progress_bars()
    part = path.with_name(f"{path.name}.{file.tag[:16]}{_PART_SUFFIX}")
    with _CountedFile(part, report) as target:
        http_get(
            file.url,
            target,  # type: ignore[arg-type]
            resume_size=target.size_bytes,
            headers=build_hf_headers(),
            expected_size=file.size_bytes,
        )
        target.keep()
    _check_sum(part, file.tag)
    part.replace(path)


def _check_sum(part: Path, tag: str) -> None:
    """Compare a large file with its checksum. Raise OSError, and deletes the file, when they differ."""
    if len(tag) != _SHA256_CHARS:
        return
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != tag:
        part.unlink()
        raise OSError(f"{part.name} arrived damaged")


class _CountedFile(io.RawIOBase):
    """A file that is appended to, and reports its size after each piece."""

    def __init__(self, path: Path, report_size: Callable[[int], None]) -> None:
        super().__init__()
        self._file = path.open("ab")
        self._report_size = report_size
        report_size(self.size_bytes)

    @property
    def size_bytes(self) -> int:
        return self._file.tell()

    def write(self, piece: Any) -> int:
        written = self._file.write(piece)
        self._report_size(self.size_bytes)
        return written

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size)

    def keep(self) -> None:
        """Have the disk hold all of it."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
        super().close()


def _hub_errors() -> tuple[type[Exception], ...]:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    transport_error: Any = HfHubHTTPError.__bases__[0]  # the root of whichever HTTP library the client uses
    return (transport_error, HFValidationError, OSError)


def _explained(name: str, error: Exception) -> Reason:
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    if isinstance(error, (RepositoryNotFoundError, HFValidationError)):
        return NotOnHub(name)
    return HubUnreachable(name, one_line(type(error).__name__))
