"""Run the tests that need no torch on every Python of this machine that the project supports.

Each gets a virtual environment of its own beside the given one, without torch and what goes with it; the pip
of the given one fills them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib  # run before anything is installed

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "transformers", "accelerate"}
LINTERS = {"deptry", "import-linter", "mutmut", "mypy", "ruff"}
ITSELF = {"emeth-tui"}  # run from the checkout


def main(venv: Path, tests: Sequence[str]) -> int:
    """Test every version beside the running one; returns the number that failed."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    here = {each: interpreter_environment(each) for each in supported() if each != own}
    failed = []
    with ThreadPoolExecutor(1) as installer:  # the next version is installed while one is tested
        pythons = {
            version: installer.submit(prepared, version, found, venv)
            for version, found in here.items()
            if found is not None
        }
        for version in here:
            if version not in pythons:
                print(f"python {version}: not on this machine, skipped", flush=True)
                continue
            print(f"python {version}:", flush=True)
            if not _passes(pythons[version].result(), tests):
                failed.append(version)
    if failed:
        print(f"failed on python {', '.join(failed)}", flush=True)
    return len(failed)


def _passes(python: Path, tests: Sequence[str]) -> bool:
    command = [str(python), "-m", "pytest", "-n", "2", "--without-torch", *tests]
    # What is not compiled by pip is compiled once, whatever the caller's environment says.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def supported() -> list[str]:
    """List the versions that the project says it runs on."""
    return [each.rpartition(" :: ")[2] for each in _project()["classifiers"] if "Python :: 3." in each]


def interpreter_environment(version: str) -> Mapping[str, str] | None:
    """Return the environment in which `python3.x` runs, or None where it does not; pyenv wants a variable."""
    name = f"python{version}"
    if shutil.which(name) is None:
        return None
    for environment in (dict(os.environ), {**os.environ, "PYENV_VERSION": version}):
        run = subprocess.run([name, "-c", ""], env=environment, capture_output=True, check=False)
        if run.returncode == 0:
            return environment
    return None


def prepared(version: str, environment: Mapping[str, str], beside: Path) -> Path:
    """Make a version's virtual environment, unless it is there and up to date; returns its Python."""
    venv = beside.with_name(f"{beside.name}-{version}")
    python = venv / "bin" / "python"
    wanted = requirements()
    kept = venv / "requirements.txt"
    text = "\n".join(wanted) + "\n" + (ROOT / "constraints.txt").read_text("utf-8")
    if not kept.exists() or kept.read_text("utf-8") != text:
        new_venv = [f"python{version}", "-m", "venv", "--without-pip", "--clear", str(venv)]
        subprocess.run(new_venv, env=environment, check=True)
        pip = [str(beside / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        install = ["--python", str(python), "install", "--quiet", "--no-compile", "-c", "constraints.txt"]
        subprocess.run([*pip, *install, *_built_before(pip), *wanted], cwd=ROOT, check=True)
        kept.write_text(text, "utf-8")
    return python


def _built_before(pip: Sequence[str]) -> list[str]:
    """Return pip options that find the wheels it built for other Pythons: its cache keeps them apart."""
    asked = subprocess.run([*pip, "cache", "dir"], capture_output=True, text=True, check=False)
    if asked.returncode:  # pip has no cache
        return []
    wheels = Path(asked.stdout.strip()).glob("wheels/**/*-none-any.whl")
    return [f"--find-links={wheel.parent}" for wheel in wheels]


def requirements() -> list[str]:
    """List what the tests without torch need, as pyproject.toml states it."""
    project = _project()
    extras = project["optional-dependencies"].values()
    stated = [*project["dependencies"], *(each for extra in extras for each in extra)]
    return [each for each in stated if _name(each) not in HEAVY | LINTERS | ITSELF]


def _name(requirement: str) -> str:
    for end, character in enumerate(requirement):
        if not (character.isalnum() or character in "-_."):
            return requirement[:end]
    return requirement


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
