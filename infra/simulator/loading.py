"""Mails from files: .eml and .txt, mbox files, and folders of these."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_FROM_LINE = re.compile(rb"From \S+.*\d{4}\s*$|From MAILER-DAEMON\b.*$")
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_HEADER = re.compile(
    rb"^(from|to|cc|subject|date|received|message-id|return-path|delivered-to|mime-version|content-type"
    rb"|reply-to|sender)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_MAIL_SUFFIXES = {".eml", ".txt", ".mbox", ".mbx", ""}


class Found(Struct, frozen=True):
    """One mail of a file, or why there is none."""

    name: str
    """The path below what was loaded; for an mbox with "#" and the mail's place in it, from 1."""
    raw: bytes = b""
    problem: str = ""


def mails(path: Path) -> Iterator[Found]:
    """Every mail of a file, or of a folder and those below it, in the order of their names.

    In a folder .eml, .txt, .mbox and .mbx files count, and files without a suffix that begin like a
    mail; hidden files and others are passed over. A file named itself always counts. Raises
    FileNotFoundError.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    if path.is_file():
        yield from _file(path, path.name)
        return
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        hidden = any(part.startswith(".") for part in name.parts)
        if (
            file.is_file()
            and not hidden
            and file.suffix.lower() in _MAIL_SUFFIXES
            and _counts(file)
        ):
            yield from _file(file, name.as_posix())


def _counts(file: Path) -> bool:
    """Without a suffix it must look like mail; an empty file is named rather than passed over."""
    if file.suffix:
        return True
    start = _start(file)
    return not start or bool(_FROM_LINE.match(start.split(b"\n", 1)[0]) or _HEADER.search(start))


def _start(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(4096)
    except OSError:
        return b""


def _file(file: Path, name: str) -> Iterator[Found]:
    try:
        first = _start(file).split(b"\n", 1)[0]
        if not _FROM_LINE.match(first):
            yield _found(name, file.read_bytes())
        elif file.suffix.lower() == ".eml":  # one mail, exported with its mbox line
            yield _found(name, file.read_bytes().partition(b"\n")[2])
        else:
            for number, raw in enumerate(_mbox(file), 1):
                yield _found(f"{name}#{number}", raw)
    except OSError as error:
        yield Found(name, problem=f"cannot be read: {error.strerror}")


def _found(name: str, raw: bytes) -> Found:
    if not raw.strip():
        return Found(name, problem="empty: there is no mail in it")
    if not _HEADER.search(raw):
        return Found(name, problem="no mail: none of the headers a mail has")
    return Found(name, raw)


def _mbox(file: Path) -> Iterator[bytes]:
    """mboxrd: a From_ line after an empty one begins a mail, ">From " inside was "From "."""
    lines: list[bytes] = []
    after_blank = True
    with file.open("rb") as stream:
        next(stream)
        for line in stream:
            if after_blank and line.startswith(b"From ") and _FROM_LINE.match(line):
                yield _QUOTED_FROM.sub(rb"\1", b"".join(lines))
                lines = []
            else:
                lines.append(line)
            after_blank = not line.strip()
    yield _QUOTED_FROM.sub(rb"\1", b"".join(lines))
