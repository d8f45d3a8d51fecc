"""How a request wants to see messages: $select, $expand and its preferences."""

import re
from collections.abc import Iterator

from infra.simulator.http import Request
from infra.simulator.microsoft import errors
from infra.simulator.microsoft.calls import immutable, preference
from infra.simulator.microsoft.resource import PROPERTIES, Shape

_SPELT = {name.lower(): name for name in PROPERTIES}
_EXPANSION = re.compile(
    r"\s*([\w./]+)(?:\(\$(filter|select)=(.*)\))?\s*", re.DOTALL | re.IGNORECASE
)
_PROPERTY_ID = re.compile(r"\s*id eq '((?:[^']|'')*)'\s*(?:or|\Z)", re.IGNORECASE)


def shape_of(request: Request) -> Shape:
    """Raises Refused (400)."""
    properties: list[str] = []
    attachments: list[str] | None = None
    event = False
    for name, option, argument in _expansions(request.param("$expand")):
        if (name, option) == ("singlevalueextendedproperties", "filter"):
            properties += _property_ids(argument)
        elif name == "attachments" and option in {"", "select"}:
            attachments = _of_attachments(argument)
        elif name == "microsoft.graph.eventmessage/event" and option in {"", "select"}:
            event = True
        else:
            raise _refused(f"{name}({option})")
    body = preference(request, "outlook.body-content-type").lower()
    return Shape(
        select=selected(request.param("$select")),
        properties=properties,
        attachments=attachments,
        event=event,
        body="text" if body == "text" else "html",
        immutable=immutable(request),
    )


_ATTACHMENT = {"id", "lastModifiedDateTime", "name", "contentType", "size", "isInline"}
_FILE = "microsoft.graph.fileAttachment/"


def _of_attachments(text: str) -> list[str]:
    """Raises Refused (400) for what only some kinds of attachments have, unless it is called in full."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    for name in names:
        if name not in _ATTACHMENT and not name.startswith(_FILE):
            what = f"Could not find a property named '{name}' on type 'microsoft.graph.attachment'."
            raise errors.invalid("RequestBroker--ParseUri", what)
    return names


def selected(text: str) -> list[str]:
    """Of `$select`, in Graph's spelling. Raises Refused (400) for a property no message has."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name.lower() not in _SPELT:
            message = f"Could not find a property named '{name}' on type 'microsoft.graph.message'."
            raise errors.invalid("RequestBroker--ParseUri", message)
    return [_SPELT[name.lower()] for name in names]


def _expansions(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, option and the option's argument of each. Raises Refused (400)."""
    for part in _parts(text):
        match = _EXPANSION.fullmatch(part)
        if not match:
            raise _refused(part)
        yield match[1].lower(), (match[2] or "").lower(), match[3] or ""


def _parts(text: str) -> list[str]:
    """Cut at the commas that stand in no brackets and no quotes."""
    parts, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if character == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def _property_ids(filter_: str) -> list[str]:
    """Of "id eq '…' or id eq '…'". Raises Refused (400)."""
    found: list[str] = _PROPERTY_ID.findall(filter_)
    if not found:
        raise _refused(filter_)
    return [name.replace("''", "'") for name in found]


def _refused(what: str) -> Exception:
    return errors.invalid("ErrorInvalidUrlQuery", f"$expand of {what} is not supported.")
