"""Graph's ids: immutable ones are the mailbox's own, the others change when a message moves."""

import base64
import hashlib

from infra.simulator.mail import Mailbox, Message
from infra.simulator.microsoft.places import place

IMMUTABLE = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A"
"""Every message id of a Microsoft mailbox begins like this."""
_MUTABLE = "AAMkAGI2THVSAAA_"
_CONVERSATION = "AAQkAGI2THVSAAA_"
_FOLDER = "AQMkAGI2THVSAAA_"


def message_id(message: Message, *, immutable: bool) -> str:
    return message.id if immutable else in_folder(message.id, place(message.labels))


def in_folder(key: str, path: str) -> str:
    """The id that the message of this immutable id has while it lies there."""
    return f"{_MUTABLE}{key[-16:]}{_digest(f'{key} {path}')}="


def find(box: Mailbox, given: str) -> Message | None:
    """By either kind of id."""
    if found := box.messages.get(given):
        return found
    number = given.removeprefix(_MUTABLE)[:16]
    found = box.messages.get(IMMUTABLE + number)
    return found if found and message_id(found, immutable=False) == given else None


def conversation(message: Message) -> str:
    return f"{_CONVERSATION}{message.thread[-16:]}="


def conversation_index(message: Message) -> str:
    """22 bytes: a reserved one, five of time, sixteen of the conversation (MS-OXOMSG 2.2.1.3)."""
    digest = hashlib.sha256(message.thread.encode()).digest()
    return base64.b64encode(b"\x01" + digest[:21]).decode()


def folder(account: str, path: str) -> str:
    """The same always, whichever kind is asked for (Graph, "immutable identifiers": containers)."""
    return f"{_FOLDER}{_digest(f'{account} {path}')}AAA="


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:18]).decode()
