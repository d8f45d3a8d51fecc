"""Clients that common generators make of our description compile, and tell the whole story, as made."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from infra.functions_map import ROOT
from infra.local.stack import Stack

HERE = Path(__file__).parent
NPM = shutil.which("npm")
INSTALLED = ROOT / "build" / "clients" / "typescript"
PYTHON_CLIENT = """\
post_hooks: []
content_type_overrides:
  "*/*": application/octet-stream
"""
"""Its generator reads no range of media types: an attachment is of any type, and is read as bytes."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack({}, tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
def description(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the stack serves it."""
    path = tmp_path_factory.mktemp("description") / "openapi.json"
    path.write_bytes(requests.get(f"{stack.url}/openapi", timeout=10).content)
    return path


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What it says. A failure shows all of that."""
    done = subprocess.run(  # noqa: S603  # the commands below
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_python_client_tells_the_story(stack: Stack, description: Path, tmp_path: Path) -> None:
    pytest.importorskip("openapi_python_client")
    (tmp_path / "settings.yaml").write_text(PYTHON_CLIENT)
    said = run(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
        *("--path", description, "--output-path", "mailbridge_client", "--fail-on-warning"),
        *("--config", "settings.yaml"),
        cwd=tmp_path,
    )
    assert "WARNING" not in said
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    story = HERE / "python" / "story.py"
    assert run(sys.executable, story, stack.url, cwd=tmp_path, PYTHONPATH=path) == "told\n"


@pytest.fixture(scope="module")
def typescript() -> Path:
    """A folder with the generator and the compiler, installed when the lock file changed."""
    if NPM is None or shutil.which("node") is None:
        pytest.skip("node and npm are not here")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "typescript" / "package-lock.json").read_text()
    stamp = INSTALLED / "installed"
    if not stamp.exists() or stamp.read_text() != lock:
        stamp.unlink(missing_ok=True)
        for file in (HERE / "typescript").glob("package*.json"):
            shutil.copy(file, INSTALLED)
        try:
            run(NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=INSTALLED)
        except AssertionError as error:
            if "network" in str(error) or "ENOTFOUND" in str(error) or "ECONN" in str(error):
                pytest.skip("npm does not reach its packages")
            raise
        stamp.write_text(lock)
    return INSTALLED


@pytest.mark.timeout(300)
def test_a_typescript_client_tells_the_story(
    stack: Stack, description: Path, typescript: Path, tmp_path: Path
) -> None:
    for name in ("story.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / "typescript" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(typescript / "node_modules")
    tools = tmp_path / "node_modules" / ".bin"
    run(tools / "openapi-typescript", description, "--output", "api.d.ts", cwd=tmp_path)
    run(tools / "tsc", "--project", ".", cwd=tmp_path)
    assert run("node", tmp_path / "out" / "story.js", stack.url, cwd=tmp_path) == "told\n"
