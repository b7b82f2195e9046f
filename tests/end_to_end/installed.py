"""What users install: packages built from the tree, and the program that a wheel puts into an environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.terminal import ROOT

_BUILT_FROM = ("emeth_tui/", "themes/", "docs/", "contrib/")


def copied_sources(copy: Path) -> Path:
    """Copy what the packages are built from, as git has it; return where it is."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if name.startswith(_BUILT_FROM) or "/" not in name:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    return copy


def next_version(sources: Path, version: str) -> Path:
    """Make copied sources those of a later version, which changes the database."""
    package, database = sources / "emeth_tui/__init__.py", sources / "emeth_tui/store/database.py"
    text = package.read_text("utf-8")
    package.write_text(re.sub(r'(?<=__version__ = ").*(?=")', version, text), "utf-8")
    with database.open("a", encoding="utf-8") as end:
        end.write('\nMIGRATIONS = (*MIGRATIONS, "CREATE TABLE of_a_later_version (name TEXT);")\n')
    return sources


def build(sources: Path, *targets: str) -> list[Path]:
    """Build packages, `wheel` or `sdist`, from copied sources."""
    chosen = [argument for target in targets for argument in ("-t", target)]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *chosen, "-d", "out"],
        cwd=sources,
        env={"PATH": os.environ["PATH"], "HOME": str(sources)},
        capture_output=True,
        check=True,
    )
    return sorted((sources / "out").iterdir())


class Installation:
    """A virtual environment of its own, which borrows the libraries of the one that runs the tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "bin" / "emeth-tui"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
        self._python = directory / "bin" / "python"
        (libraries,) = directory.glob("lib/python*/site-packages")
        (libraries / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")

    def install(self, wheel: Path) -> None:
        """Put a version in, in place of the one that is there."""
        self._pip("install", "--no-deps", "--no-index", "--no-compile", str(wheel))

    def uninstall(self) -> None:
        """Take the program out."""
        self._pip("uninstall", "--yes", "emeth-tui")

    def files(self) -> set[str]:
        """All that is in the environment but what Python has compiled, from its top."""
        paths = (path for path in self.directory.rglob("*") if path.is_file() or path.is_symlink())
        return {str(path.relative_to(self.directory)) for path in paths if path.suffix != ".pyc"}

    def run(self, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the installed program for a user with this home."""
        return subprocess.run(
            [str(self.program), *arguments],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )

    def _pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self._python), "--disable-pip-version-check"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory.parent)}
        subprocess.run([*command, *arguments], env=environment, capture_output=True, check=True)
