"""A zip for each function, to be deployed as it is: `python -m infra.bundle` (`make bundle`).

main.py, shared/ and a requirements.txt with every version pinned, and their bytecode. The same sources
make the same bytes, wherever and whenever: entries are sorted, dated and permitted alike, and stored, as
another zlib would pack other bytes. So a function that did not change is not deployed again.
"""

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from infra import functions_map, requirements
from infra.functions_map import ROOT, Trigger
from shared.domain.errors import ConfigurationError

FOLDER = ROOT / "build" / "bundles"
DESCRIPTION = "openapi"
"""The function that describes all that users call."""

Files = dict[str, bytes]
"""By their paths in a bundle."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can say."""
_MODE = (stat.S_IFREG | 0o644) << 16
_UNIX = 3


class Built(Struct, frozen=True):
    folder: Path
    bundles: tuple[Path, ...]
    changed: tuple[str, ...]
    """The functions whose bundles were not there yet in these very bytes."""
    bytecode: bool
    """False when no Python of the runtime's version is here: cold starts then compile."""


def build(folder: Path = FOLDER, root: Path = ROOT) -> Built:
    """A bundle for each function of the map below `root`; those of functions that are gone are removed.

    Raises ConfigurationError when something cannot be bundled as it is.
    """
    functions = functions_map.load(root / "terraform" / "functions.yaml")
    python = version(functions.runtime)
    sources = _sources(root, functions.functions)
    compiled = _compiled(interpreter(python), sources)
    installed = {"requirements.txt": requirements.pinned(python, root).encode()}
    described = functions.triggered_by(Trigger.HTTP)
    bundles = {
        name: zipped(_belonging(name, sources | compiled, described) | installed)
        for name in functions.functions
    }
    return Built(
        folder=folder,
        bundles=tuple(folder / f"{name}.zip" for name in bundles),
        changed=tuple(_write(folder, bundles)),
        bytecode=bool(compiled),
    )


def zipped(files: Files) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _LONG_AGO)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            archive.writestr(entry, content)
    return buffer.getvalue()


# -- what goes in ---------------------------------------------------------------------------------


def _sources(root: Path, names: Iterable[str]) -> Files:
    """Of these functions, by their paths below `root`."""
    mains = [root / "functions" / name / "main.py" for name in names]
    if missing := [str(main.relative_to(root)) for main in mains if not main.exists()]:
        raise ConfigurationError(
            f"{', '.join(missing)}: not there, though terraform/functions.yaml has an entry for it."
        )
    static = [file for main in mains for file in main.parent.glob("static/*") if file.is_file()]
    files = [*mains, *static, *(root / "shared").rglob("*.py")]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def _belonging(name: str, files: Files, described: Iterable[str]) -> Files:
    """The function's own, which move to the top, and what all share. What describes the API carries all
    that users call, each where it lies."""
    own = f"functions/{name}/"
    kept = tuple(f"functions/{one}/" for one in described) if name == DESCRIPTION else ()
    moved = {
        path.removeprefix(own): content
        for path, content in files.items()
        if path.startswith(own) and not (kept and "/static/" in path)
    }
    return moved | {
        path: content for path, content in files.items() if path.startswith(("shared/", *kept))
    }


# -- bytecode -------------------------------------------------------------------------------------


def version(runtime: str) -> str:
    """ "3.11" of "python311"."""
    digits = runtime.removeprefix("python")
    return f"{digits[0]}.{digits[1:]}"


def interpreter(python: str) -> str:
    """Where a Python of that minor version is, "" if nowhere: this one, PYTHON, or on the PATH."""
    candidates = (sys.executable, os.environ.get("PYTHON", ""), f"python{python}")
    found = (shutil.which(candidate) for candidate in candidates if candidate)
    return next((path for path in found if path and _says(path) == python), "")


def _says(path: str) -> str:
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip()


def _compiled(python: str, sources: Mapping[str, bytes]) -> Files:
    """Each source's bytecode, good whatever the time on its source and wherever it is unpacked.

    Without site packages and with a fixed seed: what is in memory must not show in the bytes.
    """
    if not python:
        return {}
    with TemporaryDirectory() as made:
        for path, content in sources.items():
            (file := Path(made, path)).parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        mode = ("--invalidation-mode", "unchecked-hash")
        _run([python, "-S", "-P", "-m", "compileall", "-q", *mode, "-s", made, made])
        caches = Path(made).rglob("*.pyc")
        return {file.relative_to(made).as_posix(): file.read_bytes() for file in caches}


def _run(command: list[str]) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    done = subprocess.run(  # noqa: S603  # a Python that was found above
        command,
        env=environment | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigurationError(
            f"The sources do not compile: {(done.stdout or done.stderr).strip()}"
        )


# -- what comes out -------------------------------------------------------------------------------


def _write(folder: Path, bundles: Mapping[str, bytes]) -> Iterator[str]:
    """The names of those that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.zip"):
        if old.stem not in bundles:
            old.unlink()
    for name, content in bundles.items():
        path = folder / f"{name}.zip"
        if not path.exists() or path.read_bytes() != content:
            half = path.with_suffix(".half")
            half.write_bytes(content)
            half.replace(path)
            yield name


def report(built: Built) -> Iterator[str]:
    """What a person should know of it."""
    size = sum(path.stat().st_size for path in built.bundles) / 1e6
    yield f"{len(built.bundles)} bundles in {os.path.relpath(built.folder)}, {size:.1f} MB together."
    yield f"Changed since the last time: {', '.join(built.changed) or 'none'}."
    if not built.bytecode:
        yield "They have no bytecode, as no Python of the runtime's version is here: cold starts take longer,"
        yield "and all functions change. To mend: make bundle PYTHON=/path/to/that/python"


def main() -> int:
    try:
        built = build()
    except ConfigurationError as error:
        print(f"mailbridge: {error.detail}", file=sys.stderr)
        return 2
    print(*report(built), "Next: make plan ENVIRONMENT=staging", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
