"""What strangers call things, as it may be shown and saved: no text that turns its neighbours around, no
name that leads into a folder. What is stored stays as it came."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from msgspec import structs

from shared.domain.mail import Address, Attachment, Envelope
from shared.mime import charsets

_TURNING = "\u202a-\u202e\u2066-\u2069"
"""Embeddings, overrides and isolates. The marks of right-to-left text (200E, 200F, 061C) turn only
what stands beside them, and belong into names and subjects."""
_UNSEEN = r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f" + (
    r"\u2028\u2029\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\uffff\ud800-\udfff"
)
_TURNS = re.compile(f"[{_TURNING}]+")
_NEVER_IN_FILES = re.compile(f"[{_TURNING}{_UNSEEN}\U000e0000-\U000e0fff]+")
_NEVER_GIVEN = re.compile(f"[{_TURNING}\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]")
_LONGEST_GIVEN = 200
_EXTENDED = re.compile(r"([\w-]{1,40})'[\w-]{0,20}'((?:[^%]|%[0-9A-Fa-f]{2})*+)", re.ASCII)
"""RFC 2231's way to write a value, where nobody decoded it."""
_RESERVED = re.compile(r'[<>:"|?*]+')
_LONGEST = 150
"""Characters, 600 bytes at most: more than the 255 of file systems only for what is all emoji."""
_LONGEST_ENDING = 20


def line(text: str) -> str:
    """A subject, a snippet or somebody's name."""
    return _TURNS.sub("", text)


def one_line(text: str) -> str:
    """The name of an account or a mailbox, as it may stand in a header."""
    return " ".join(_NEVER_GIVEN.sub(" ", text).split())


def given(text: str) -> str:
    """What a user calls something of theirs. Raises ValueError saying what it must be."""
    if len(text) > _LONGEST_GIVEN:
        raise ValueError(f"must have at most {_LONGEST_GIVEN} characters")
    if _NEVER_GIVEN.search(text):
        raise ValueError(
            "must be one line, without characters that are not seen or turn others around"
        )
    return text.strip()


def file(name: str) -> str:
    """Of an attachment: a name in whatever folder it is saved to, never "" and never a hidden one."""
    extended = _EXTENDED.fullmatch(name)
    if extended:
        name = charsets.decode(unquote_to_bytes(extended[2]), extended[1])
    last = re.split(r"[/\\]", _NEVER_IN_FILES.sub("", name))[-1]
    plain = _RESERVED.sub("_", last).strip(" .")
    if len(plain) > _LONGEST:
        stem, dot, ending = plain.rpartition(".")
        ending = dot + ending if stem and len(ending) <= _LONGEST_ENDING else ""
        plain = plain[: _LONGEST - len(ending)].rstrip(" .") + ending
    return plain or "noname"


def shown(envelope: Envelope) -> Envelope:
    lines = {"subject": line(envelope.subject), "snippet": line(envelope.snippet)}
    people = {
        name: _people(getattr(envelope, name))
        for name in envelope.__struct_fields__
        if isinstance(getattr(envelope, name), tuple | Address)
    }
    return structs.replace(envelope, **lines, **people)


def files(attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    return tuple(structs.replace(one, name=file(one.name)) for one in attachments)


def _people(value: Any) -> Any:
    if isinstance(value, Address):
        return structs.replace(value, name=line(value.name))
    return tuple(map(_people, value)) if isinstance(value, tuple) else value
