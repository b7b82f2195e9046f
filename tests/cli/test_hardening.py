"""A process that keeps its secrets: none in what others can read of it, no dumps, private files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emeth_tui import hardening
from emeth_tui.hardening import child_environment, offline_environment

pytestmark = pytest.mark.process

SECRET = "open-sesame-4711"
TAKE = """
import os, subprocess, sys
from pathlib import Path
from emeth_tui.hardening import take_out
taken = take_out(["EMETH_TUI_PASSWORD", "EMETH_TUI_VERIFICATION_KEY"])
print(taken["EMETH_TUI_PASSWORD"], len(taken))
print(sys.argv[1].encode()[::-1] in Path("/proc/self/environ").read_bytes())
print("EMETH_TUI_PASSWORD" in os.environ, "OTHER" in os.environ)
child = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
print(sys.argv[1][::-1] in child, "OTHER=kept" in child)
if os.fork() == 0:
    print(sys.argv[1].encode()[::-1] in Path(f"/proc/{os.getpid()}/environ").read_bytes(), flush=True)
    os._exit(0)
os.wait()
"""


def run(
    program: str, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    here = str(Path(hardening.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": here, "PYTEST_CURRENT_TEST": "", **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])  # Python changes the environment itself under the first
@pytest.mark.parametrize("secret", [SECRET, "パスワード=x", "x" * 10_000], ids=["plain", "equals", "long"])
def test_a_secret_leaves_the_environment_that_others_can_read(locale: str, secret: str) -> None:
    result = run(TAKE, secret[::-1], EMETH_TUI_PASSWORD=secret, OTHER="kept", LC_ALL=locale, PYTHONUTF8="1")

    assert result.stderr == ""
    taken, own, known, child, forked = result.stdout.splitlines()
    assert taken == f"{secret} 1"
    assert own == "False"
    assert known == "False True"
    assert child == "False True"
    assert forked == "False"


def test_a_secret_that_is_only_unset_would_be_seen() -> None:
    """What the test above looks at does show secrets: unsetting is not enough."""
    unset = "taken = {'EMETH_TUI_PASSWORD': os.environ.pop('EMETH_TUI_PASSWORD')}"
    program = re.sub(r"^taken = .*$", unset, TAKE, flags=re.MULTILINE)

    result = run(program, SECRET[::-1], EMETH_TUI_PASSWORD=SECRET, OTHER="kept")

    assert result.stdout.splitlines() == [f"{SECRET} 1", "True", "False True", "False True", "True"]


HARDEN = """
import ctypes, os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
from emeth_tui.hardening import harden
harden()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
open("made", "w").close()
os.makedirs("one/two")
print(open("/proc/self/limits").read(), flush=True)
os.kill(os.getpid(), signal.SIGABRT)
"""


def test_a_hardened_process_cannot_be_dumped_and_makes_private_files(tmp_path: Path) -> None:
    result = run(HARDEN, cwd=tmp_path)

    assert result.returncode == -signal.SIGABRT
    lines = result.stdout.splitlines()
    assert lines[0] == "0"
    assert next(line.split() for line in lines if line.startswith("Max core"))[4:6] == ["0", "0"]
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"made": 0o600, "one": 0o700, "one/two": 0o700}  # and no core


def test_a_child_gets_what_its_libraries_need_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {
        "PATH": "/bin",
        "HOME": "/home/x",
        "LC_ALL": "C",
        "TMPDIR": "/tmp/x",  # noqa: S108
        "https_proxy": "http://proxy",
        "CUDA_VISIBLE_DEVICES": "1",
        "LD_LIBRARY_PATH": "/cuda",
        "HF_HOME": "/models",
        "OMP_NUM_THREADS": "2",
        "PYTORCH_CUDA_ALLOC_CONF": "x",
        "PYTHONPATH": "/code",
        "XDG_CACHE_HOME": "/cache",
    }
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    for name in (
        "EMETH_TUI_PASSWORD",
        "EMETH_TUI_NETWORK",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_AUTH_SOCK",
        "API_KEY",
    ):
        monkeypatch.setenv(name, SECRET)

    assert child_environment() == needed
    hardening.pass_on_nothing_else()
    assert dict(os.environ) == needed


def test_a_child_that_opens_strangers_files_gets_no_tokens_and_no_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HUGGINGFACE_HUB_TOKEN", "https_proxy", "ALL_PROXY", "API_KEY"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("HF_HOME", "/models")
    monkeypatch.setenv("PATH", "/bin")

    assert offline_environment() == {"PATH": "/bin", "HF_HOME": "/models", "HF_HUB_OFFLINE": "1"}
