"""No process that speaks with hosts opens a pickle."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import ROOT

OPEN_EACH = """
import os, pickle, sys
from emeth_tui.hosts.no_pickles import PickleRefused, refuse_pickles
class Marked:
    def __reduce__(self):
        return open, (sys.argv[1], "w")
pickles = [pickle.dumps(Marked(), protocol) for protocol in range(6)]
if len(sys.argv) == 2:
    refuse_pickles()
for content in pickles:
    for load in (pickle.loads, lambda data: pickle._Unpickler(__import__("io").BytesIO(data)).load()):
        try:
            load(content)
        except PickleRefused:
            print("refused")
"""


@pytest.mark.parametrize("refuse", [True, False])
def test_no_protocol_and_no_unpickler_gets_by(tmp_path: Path, refuse: bool) -> None:
    mark = tmp_path / "executed"
    words = [sys.executable, "-c", OPEN_EACH, str(mark), *([] if refuse else ["let it"])]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.count("refused") == (12 if refuse else 0)
    assert mark.exists() is not refuse


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("hosts/tls/process.py", "main"),
        ("hosts/link/process.py", "main"),
        ("cli/hosts/joining.py", "join"),
        ("hosts/keeper/server.py", "run_keeper"),
    ],
)
def test_it_is_the_first_statement_of_each_process(path: str, name: str) -> None:
    tree = ast.parse((ROOT / "emeth_tui" / path).read_text("utf-8"))
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    statements = [node for node in function.body[1:] if not isinstance(node, ast.ImportFrom)]
    assert ast.unparse(statements[0]) == "refuse_pickles()"
    engine = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and "tls" in str(node.module)
    ]
    assert all(node.lineno > statements[0].lineno for node in engine if node in ast.walk(function))
