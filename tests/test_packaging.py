"""What is built for others to install: the same bytes each time, and nothing missing."""

from __future__ import annotations

import hashlib
import re
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from emeth_tui import __version__
from emeth_tui.cli.service import CREDENTIALS
from emeth_tui.settings.loading import variable_of
from emeth_tui.settings.schema import fields_by_key
from tests.end_to_end.installed import build, copied_sources
from tests.terminal import ROOT
from tools.completions import DIRECTORY, NAMES, completion_of

WHEEL, SDIST = f"emeth_tui-{__version__}-py3-none-any.whl", f"emeth_tui-{__version__}.tar.gz"
SHARED = f"emeth_tui-{__version__}.data/data/share"


@pytest.mark.parametrize("shell", NAMES)
def test_the_files_for_shells_are_what_the_command_prints(shell: str) -> None:
    written = (DIRECTORY / NAMES[shell]).read_text("utf-8")
    assert written == completion_of(shell), "run `python -m tools.completions`"


def test_the_image_copies_what_there_is_and_knows_the_secrets_of_the_service() -> None:
    image = (ROOT / "contrib" / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", image, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    compose = yaml.safe_load((ROOT / "contrib" / "compose.yaml").read_text("utf-8"))

    assert len(names) > 5
    assert [name for name in names if not (ROOT / name).exists()] == []
    assert set(compose["secrets"]) <= set(CREDENTIALS)
    for service in compose["services"].values():
        assert set(service["secrets"]) == set(compose["secrets"])
        assert service["read_only"]
    variables = re.findall(r"\b(EMETH_TUI_\w+)=", image) + list(compose["x-node"]["environment"])
    assert set(variables) <= {variable_of(key) for key in fields_by_key()}


def digests_of(packages: Iterable[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packages}


@pytest.mark.slow
def test_packages_are_the_same_bytes_each_time_and_whole(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "elsewhere" / "other"

    digests = digests_of(build(copied_sources(one), "wheel", "sdist"))
    assert digests == digests_of(build(copied_sources(other), "wheel", "sdist"))
    assert digests.keys() == {WHEEL, SDIST}
    with zipfile.ZipFile(one / "out" / WHEEL) as wheel, tarfile.open(one / "out" / SDIST) as sdist:
        inside, sources = set(wheel.namelist()), set(sdist.getnames())
    assert {
        f"{SHARED}/man/man1/emeth-tui.1",
        f"{SHARED}/bash-completion/completions/emeth-tui",
        f"{SHARED}/zsh/site-functions/_emeth-tui",
        f"{SHARED}/fish/vendor_completions.d/emeth-tui.fish",
        "emeth_tui/words/locale/ja.po",
        "emeth_tui/protocol/networks/round3-2.toml",
        "emeth_tui/tui/drawing/styles/app.tcss",
    } <= inside
    assert any(name.startswith("emeth_tui/themes/") for name in inside)
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "emeth_tui").rglob("*.py")}
    assert modules <= inside
    assert {f"emeth_tui-{__version__}/{name}" for name in modules} <= sources
