"""Sketches of the results that were accepted, by the text that they were trained on."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.model import JobId
from emeth_tui.network.files import kept_secret, make_private_directory

KEPT = 64  # of a text: the newest
SUFFIX = ".npy"


class Originals:
    """A directory with one folder for each text. The secret says which weights are sketched."""

    def __init__(self, directory: Path) -> None:
        self._directory = make_private_directory(directory)
        self.secret = kept_secret(self._directory / "secret")

    def earlier(self, digest: str, job_id: JobId) -> list[Path]:
        """Return the sketches of other jobs' results on a text, the newest last."""
        return [path for path in _oldest_first(self._directory / digest) if path.stem != job_id][-KEPT:]

    def keep(self, digest: str, job_id: JobId, sketch: Path) -> None:
        """Keep a result's sketch, and drop the oldest of its text beyond the limit."""
        folder = make_private_directory(self._directory / digest)
        sketch.replace(folder / f"{job_id}{SUFFIX}")
        for old in _oldest_first(folder)[:-KEPT]:
            old.unlink(missing_ok=True)


def _oldest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
