"""From a message to Graph's JSON, property by property: nothing is worked out that was not asked for."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct

from infra.simulator import headers
from infra.simulator.cache import Cache
from infra.simulator.mail import Message
from infra.simulator.microsoft import attachments, ids
from infra.simulator.microsoft.places import place
from infra.simulator.microsoft.reading import Reading, read
from infra.simulator.microsoft.times import timestamp
from infra.simulator.postoffice import PostOffice

Json = dict[str, Any]
_HEADER_SET = "{00020386-0000-0000-c000-000000000046}"
"""PS_INTERNET_HEADERS: the head of the mail, as extended properties (MS-OXPROPS 1.3.2)."""
_HEADER_TAGS = {"0x1035": "message-id", "0x1039": "references", "0x1042": "in-reply-to"}
"""PidTagInternetMessageId, PidTagInternetReferences, PidTagInReplyToId."""


class Shape(Struct, frozen=True):
    """How a request wants to see messages."""

    select: list[str]
    """Empty means what Graph shows unasked."""
    properties: list[str]
    """Ids of extended properties."""
    attachments: list[str] | None
    """Their properties, all of them when empty; None for no attachments."""
    event: bool
    """With the event of a meeting's mail."""
    body: str
    """"text" or "html"."""
    immutable: bool


class View:
    """A message as a request looks at it; what costs is read when first needed."""

    def __init__(self, message: Message, library: "Library") -> None:
        self.message = message
        self._library = library

    @property
    def reading(self) -> Reading:
        return self._library.reading(self.message)

    @property
    def folder(self) -> str:
        return place(self.message.labels)

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        return headers.fields(self._library.office.raw(self.message))

    def people(self, name: str) -> list[Json]:
        """Everybody in a header, with names as they were written."""
        values = [value for key, value in self.headers if key.lower() == name]
        found = [(n, a) for n, a in headers.named(values) if headers.is_address(a)]
        if not found and name in headers.PEOPLE:
            found = [("", address) for address in self.message.facts.people[name].addresses]
        return [{"emailAddress": {"name": n or a, "address": a}} for n, a in found]

    def extended(self, property_id: str) -> str | None:
        """The value of an extended property, whose id is compared without regard to case."""
        wanted = " ".join(property_id.lower().split())
        for name, value in self.message.properties.items():
            if " ".join(name.lower().split()) == wanted:
                return value
        words = wanted.split(" ", 3)
        if len(words) == 4 and words[1] == _HEADER_SET:
            return headers.first(self.headers, words[3]) or None
        if words[0] == "string" and words[-1] in _HEADER_TAGS:
            return headers.first(self.headers, _HEADER_TAGS[words[-1]]) or None
        return None


class Library:
    """Messages as Graph shows them."""

    def __init__(self, office: PostOffice) -> None:
        self.office = office
        self._cache = Cache[Reading]()

    def reading(self, message: Message) -> Reading:
        """Raises KeyError when the message was deleted meanwhile."""
        return self._cache.get(message.id, lambda: read(self.office.raw(message)))

    def view(self, message: Message) -> View:
        return View(message, self)

    def shown(self, message: Message, shape: Shape) -> Json:
        view = self.view(message)
        shown: Json = {
            "@odata.etag": f'W/"{change_key(message)}"',
            "id": ids.message_id(message, immutable=shape.immutable),
        }
        for name in shape.select or DEFAULT:
            if name in _BODIES:
                content = view.reading.body(shape.body)
                shown[name] = {"contentType": shape.body, "content": content}
            elif name != "id" and (value := PROPERTIES[name](view)) is not _ABSENT:
                shown[name] = value
        if meeting := view.reading.meeting if "body" in shown or shape.event else None:
            shown["@odata.type"] = f"#microsoft.graph.{meeting.type}"
            if shape.event:
                shown["event"] = meeting.event
        if shape.attachments is not None:
            shown["attachments"] = attachments.shown(message, view.reading, shape.attachments)
        found = ((key, view.extended(key)) for key in shape.properties)
        properties = [{"id": key, "value": value} for key, value in found if value is not None]
        return shown | ({"singleValueExtendedProperties": properties} if properties else {})


def change_key(message: Message) -> str:
    return f"CQAAABYA{message.change:016x}"


_ABSENT = object()


def _one(view: View, *names: str) -> object:
    """The first person named in the first of `names` that names one; drafts may have nobody."""
    found = (person for name in names for person in view.people(name))
    return next(found, _ABSENT)


def _sent(view: View) -> str:
    return timestamp(view.message.facts.dated_ms or view.message.at)


def _internet_headers(view: View) -> object:
    """Graph shows none of sent mail (microsoft-graph-docs#18761)."""
    if "SENT" in view.message.labels:
        return _ABSENT
    return [{"name": name, "value": value} for name, value in view.headers]


def _importance(view: View) -> str:
    given = headers.first(view.headers, "importance").lower()
    return given if given in {"low", "high"} else "normal"


def _link(view: View) -> str:
    return f"https://outlook.office365.com/owa/?ItemID={view.message.id}&exvsurl=1"


PROPERTIES: Mapping[str, Callable[[View], object]] = {
    "id": lambda view: view.message.id,
    "createdDateTime": lambda view: timestamp(view.message.at),
    "lastModifiedDateTime": lambda view: timestamp(view.message.at),
    "changeKey": lambda view: change_key(view.message),
    "categories": lambda _: [],
    "receivedDateTime": lambda view: timestamp(view.message.at),
    "sentDateTime": _sent,
    "hasAttachments": lambda view: view.reading.has_attachments,
    "internetMessageId": lambda view: view.message.facts.message_id or None,
    "subject": lambda view: view.message.facts.subject,
    "bodyPreview": lambda view: view.reading.preview,
    "importance": _importance,
    "parentFolderId": lambda view: ids.folder(view.message.account, view.folder),
    "conversationId": lambda view: ids.conversation(view.message),
    "conversationIndex": lambda view: ids.conversation_index(view.message),
    "isDeliveryReceiptRequested": lambda _: False,
    "isReadReceiptRequested": lambda _: False,
    "isRead": lambda view: "UNREAD" not in view.message.labels,
    "isDraft": lambda view: "DRAFT" in view.message.labels,
    "webLink": _link,
    "inferenceClassification": lambda _: "focused",
    "body": lambda view: view.reading.html,
    "sender": lambda view: _one(view, "sender", "from"),
    "from": lambda view: _one(view, "from", "sender"),
    "toRecipients": lambda view: view.people("to"),
    "ccRecipients": lambda view: view.people("cc"),
    "bccRecipients": lambda view: view.people("bcc"),
    "replyTo": lambda view: view.people("reply-to"),
    "flag": lambda _: {"flagStatus": "notFlagged"},
    "internetMessageHeaders": _internet_headers,
    "uniqueBody": lambda view: view.reading.html,
}
DEFAULT = [name for name in PROPERTIES if name not in {"internetMessageHeaders", "uniqueBody"}]
_BODIES = {"body", "uniqueBody"}
"""Made in the form the request prefers."""
