"""Bundles are the same bytes everywhere, and each runs with nothing else around it."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from infra import bundle, functions_map, requirements
from infra.functions_map import ROOT
from shared.domain.errors import ConfigurationError
from shared.web import openapi
from shared.web.endpoints import PrivateApi
from tests.isolation import copy_sources, hiding

MAP = functions_map.load()
RUNTIME = bundle.version(MAP.runtime)
HERE = "{}.{}".format(*sys.version_info)

_BOOT = """
import functions_framework, json, os
name, folder, method, path = sys.argv[1:]
app = functions_framework.create_app(name, os.path.join(folder, "main.py"))
answer = app.test_client().open(path, method=method)
from shared import bootstrap
bootstrap.this_instance().backend
ours = [module.__file__ for key, module in sys.modules.items() if key.split(".")[0] == "shared"]
assert all(file.startswith(folder) for file in ours), ours
print(json.dumps([answer.status_code, answer.content_type, answer.get_data(as_text=True)]))
"""
_ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "nowhere",
    "AUTH_ISSUER": "https://login.example.com",
    "AUTH_AUDIENCE": "mailbridge",
    "AUTH_JWKS_URL": "https://login.example.com/keys",
    "INVOKER_AUDIENCE": "https://functions.example.com/this",
    "INVOKER_EMAIL": "invoker@nowhere.iam.gserviceaccount.com",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> bundle.Built:
    return bundle.build(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def unpacked(built: bundle.Built, tmp_path: Path) -> Callable[[str], Path]:
    def unpack(name: str) -> Path:
        path = next(path for path in built.bundles if path.stem == name)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / name)
        return tmp_path / name

    return unpack


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The sources in another folder, under another umask, with other times on them."""
    root = tmp_path / "elsewhere"
    before = os.umask(0o077)
    try:
        copy_sources(root)
        yield root
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", MAP.functions)
def test_each_answers_from_its_bundle_alone(name: str, unpacked: Callable[[str], Path]) -> None:
    method, path, expected = _call(name)
    status, kind, body = _boot(name, unpacked(name), method, path)
    assert (status, kind) == (expected, "application/problem+json"), body
    assert msgspec.json.decode(body)["type"].startswith("urn:mailbridge:")


@pytest.mark.skipif(HERE != RUNTIME, reason=f"its bytecode is for Python {RUNTIME}")
def test_a_start_compiles_nothing(unpacked: Callable[[str], Path]) -> None:
    """Sources that cannot be compiled are not even looked at."""
    folder = unpacked("contacts")
    for source in [folder / "main.py", *(folder / "shared").rglob("*.py")]:
        source.write_text("compiled at the start!")
    assert _boot("contacts", folder, "GET", "/contacts")[0] == 401


def test_the_same_sources_make_the_same_bytes_elsewhere(
    built: bundle.Built, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    again = bundle.build(tmp_path / "out", copy)
    assert [path.name for path in again.bundles] == [path.name for path in built.bundles]
    for one, other in zip(built.bundles, again.bundles, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_only_what_changed_is_made_anew(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert bundle.build(out, copy).changed == tuple(MAP.functions)
    assert bundle.build(out, copy).changed == ()
    main = copy / "functions" / "contacts" / "main.py"
    main.write_text(f"{main.read_text()}\n# changed\n")
    assert bundle.build(out, copy).changed == ("contacts", "openapi")  # which describes it
    with (copy / "shared" / "logs.py").open("a") as file:
        file.write("# changed\n")
    assert bundle.build(out, copy).changed == tuple(MAP.functions)


def test_the_bundle_of_a_function_that_is_gone_goes(tmp_path: Path) -> None:
    (tmp_path / "gone.zip").touch()
    bundle.build(tmp_path)
    assert not (tmp_path / "gone.zip").exists()


def test_nothing_of_this_machine_is_in_it(built: bundle.Built) -> None:
    with zipfile.ZipFile(built.bundles[0]) as archive:
        entries = archive.infolist()
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    tops = {name.partition("/")[0] for name in names}
    assert tops - {"__pycache__"} == {"main.py", "shared", "requirements.txt"}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert str(ROOT).encode() not in built.bundles[0].read_bytes()


def test_without_a_python_of_the_runtime_it_is_sources_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "interpreter", lambda _python: "")
    built = bundle.build(tmp_path)
    assert not built.bytecode
    with zipfile.ZipFile(built.bundles[0]) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".pyc")]


def test_the_python_that_compiles_is_of_the_version_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    asked.write_text("#!/bin/sh\necho 4.2\n")
    asked.chmod(0o755)
    monkeypatch.setenv("PYTHON", str(asked))
    assert bundle.interpreter(HERE) == sys.executable
    assert bundle.interpreter("4.2") == str(asked)
    assert bundle.interpreter("4.3") == ""


@pytest.mark.skipif(not bundle.interpreter(RUNTIME), reason=f"Python {RUNTIME} is not here")
def test_a_source_that_does_not_compile_is_named(copy: Path, tmp_path: Path) -> None:
    (copy / "shared" / "logs.py").write_text("def broken(:\n")
    with pytest.raises(ConfigurationError, match=r"(?s)do not compile.*shared/logs\.py"):
        bundle.build(tmp_path / "out", copy)


def test_a_function_without_its_folder_is_named(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "functions" / "contacts")
    with pytest.raises(ConfigurationError, match=r"functions/contacts/main\.py"):
        bundle.build(tmp_path / "out", copy)


def test_every_package_has_its_exact_version() -> None:
    lines = requirements.pinned(RUNTIME).splitlines()
    form = r"[\w.-]+==[\w.]+( --hash=sha256:[0-9a-f]{64})+"
    assert all(re.fullmatch(form, line) for line in lines), lines
    names = [line.partition("==")[0].lower() for line in lines]
    assert {"functions-framework", "grpcio-status", "cryptography", "cffi"} <= set(names)
    assert not {"pytest", "ruff", "moto", "pyyaml"} & set(names)
    assert names == sorted(names)


def test_a_package_without_a_version_is_named(copy: Path) -> None:
    pins = copy / "constraints.txt"
    pins.write_text(re.sub(r"^cffi==(?:.*\\\n)*.*\n", "", pins.read_text(), flags=re.M))
    with pytest.raises(ConfigurationError, match="no version of cffi"):
        requirements.pinned(RUNTIME, copy)


def _call(name: str) -> tuple[str, str, int]:
    """One that is refused before anything outside is asked: method, path, and the status."""
    api = openapi.endpoint(name)
    if isinstance(api, PrivateApi):
        return "POST", "/", 401
    for route in api.routes:
        if not route.public:
            return route.method, re.sub(r"\{\w+\}", "x", f"/{name}{route.path}"), 401
    return "DELETE", "/", 405


def _boot(name: str, folder: Path, method: str, path: str) -> tuple[int, str, str]:
    """As Google runs it: functions-framework, the bundle's folder, and the deployed packages."""
    command = [sys.executable, "-I", "-c", hiding() + _BOOT, name, str(folder), method, path]
    done = subprocess.run(  # noqa: S603  # the program above
        command, env=_ENVIRONMENT, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=tuple[int, str, str])
