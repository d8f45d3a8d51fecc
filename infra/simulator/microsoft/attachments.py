"""Attachments as Graph's JSON shows them."""

import base64
from collections.abc import Sequence
from typing import Any

from infra.simulator.mail import Message
from infra.simulator.microsoft.reading import Attachment, Reading
from infra.simulator.microsoft.times import timestamp


def attachment_id(message: Message, number: int) -> str:
    """`number` is its place in the mail, from 0."""
    return f"{message.id}AAABEgAQ{number:08d}="


def shown(message: Message, reading: Reading, select: Sequence[str]) -> list[dict[str, Any]]:
    """All of a message's; `select` empty means everything, content included."""
    kept = {"@odata.type", "id", *(name.rpartition("/")[2] for name in select)}
    return [
        {name: v for name, v in _resource(message, i, one).items() if not select or name in kept}
        for i, one in enumerate(reading.attachments)
    ]


def _resource(message: Message, number: int, attachment: Attachment) -> dict[str, Any]:
    resource = {
        "@odata.type": f"#microsoft.graph.{attachment.kind}Attachment",
        "id": attachment_id(message, number),
        "lastModifiedDateTime": timestamp(message.at),
        "name": attachment.name or None,
        "contentType": attachment.content_type if attachment.kind == "file" else None,
        "size": len(attachment.content),
        "isInline": attachment.inline,
    }
    if attachment.kind == "item":
        return resource
    content = base64.b64encode(attachment.content).decode()
    return resource | {"contentId": attachment.content_id or None, "contentBytes": content}
