"""Sketches of the results that were accepted, by the text that they were trained on."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.model import JobId
from emeth_tui.network.files import kept_secret, make_private_directory

KEPT = 64  # of a text: the newest
MOST_HELD = 1_000  # of results that were not accepted
_HELD = "held"
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

    def hold(self, job_id: JobId, sketch: Path) -> None:
        """Hold the sketch of a result that is to be rejected: a second verifier may think otherwise."""
        if sketch.exists():
            folder = make_private_directory(self._directory / _HELD)
            sketch.replace(folder / f"{job_id}{SUFFIX}")
            for old in _oldest_first(folder)[:-MOST_HELD]:
                old.unlink(missing_ok=True)

    def keep_held(self, digest: str, job_id: JobId) -> None:
        """Keep the sketch of a result that was held, if there is one."""
        sketch = self._directory / _HELD / f"{job_id}{SUFFIX}"
        if sketch.exists():
            self.keep(digest, job_id, sketch)


def _oldest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
