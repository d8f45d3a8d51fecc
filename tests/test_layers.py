"""The layers of pyproject.toml hold, and their contracts see every module."""

import subprocess
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]


def test_imports_run_one_way() -> None:
    checked = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as l; l()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_every_functions_main_is_among_what_is_looked_at() -> None:
    graph = grimp.build_graph("shared", "functions", cache_dir=None)
    mains = {path.parent.name for path in ROOT.glob("functions/*/main.py")}
    assert mains
    assert {f"functions.{name}.main" for name in mains} <= graph.modules
    assert all(graph.find_modules_directly_imported_by(f"functions.{name}.main") for name in mains)
