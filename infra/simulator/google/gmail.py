"""Gmail's reading calls: profile, labels, messages, attachments, threads, history."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

from infra.simulator.google import errors, history
from infra.simulator.google.calls import Calls, flag, number, page_parts, page_token
from infra.simulator.google.payload import base64url
from infra.simulator.google.query import Query
from infra.simulator.google.readings import Candidate, Readings
from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.mail import Mailbox, Message
from infra.simulator.postoffice import PostOffice

T = TypeVar("T")

SYSTEM_LABELS = (
    "CHAT",
    "SENT",
    "INBOX",
    "IMPORTANT",
    "TRASH",
    "DRAFT",
    "SPAM",
    "STARRED",
    "UNREAD",
    "CATEGORY_FORUMS",
    "CATEGORY_UPDATES",
    "CATEGORY_PERSONAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_SOCIAL",
)
_HIDDEN = {"SPAM", "TRASH"}
ID = re.compile(r"[0-9a-f]{1,16}")


class Gmail:
    def __init__(self, calls: Calls, office: PostOffice, readings: Readings) -> None:
        self._calls = calls
        self._office = office
        self._readings = readings

    def routes(self) -> list[Route]:
        route = self._calls.route
        return [
            route("GET", "/messages/{id}", "gmail.messages.get", self._get),
            route("GET", "/messages", "gmail.messages.list", self._list),
            route("GET", "/history", "gmail.history.list", self._history),
            route("GET", "/profile", "gmail.getProfile", self._profile),
            route("GET", "/labels", "gmail.labels.list", self._labels),
            route("GET", "/threads/{id}", "gmail.threads.get", self._thread),
            route(
                "GET",
                "/messages/{messageId}/attachments/{id}",
                "gmail.messages.attachments.get",
                self._attachment,
            ),
        ]

    # -- The mailbox ------------------------------------------------------------------------------

    def _profile(self, _: Request, box: Mailbox) -> Response:
        with self._office.store:
            threads = {message.thread for message in box.messages.values()}
            profile = {
                "emailAddress": box.account.address,
                "messagesTotal": len(box.messages),
                "threadsTotal": len(threads),
                "historyId": str(box.position.last),
            }
        return json_response(profile)

    def _labels(self, _: Request, box: Mailbox) -> Response:
        with self._office.store:
            used = {label for message in box.messages.values() for label in message.labels}
        own = sorted(used - set(SYSTEM_LABELS))
        named = [(name, "system") for name in SYSTEM_LABELS] + [(name, "user") for name in own]
        return json_response({"labels": [{"id": n, "name": n, "type": kind} for n, kind in named]})

    # -- Messages ---------------------------------------------------------------------------------

    def _list(self, request: Request, box: Mailbox) -> Response:
        most = number(request, "maxResults", default=100, most=500)
        with self._office.store:
            found, more = take(self.matching(request, box), most)
        answer: dict[str, Any] = (
            {"messages": [brief(message) for message in found]} if found else {}
        )
        if more:
            answer["nextPageToken"] = page_token(found[-1].at, found[-1].id)
        # Bad as an estimate, as the real one; nobody may rely on it.
        return json_response(answer | {"resultSizeEstimate": len(found) + more})

    def matching(self, request: Request, box: Mailbox) -> Iterator[Message]:
        """What the list parameters of a request select, newest first, from its page on."""
        parts = page_parts(request, 2)
        query = Query(request.param("q"), self._office.clock.now())
        labels = set(request.query.get("labelIds", ()))
        everywhere = (
            flag(request, "includeSpamTrash") or query.searches_spam_and_trash or labels & _HIDDEN
        )
        for message in box.newest_first((int(parts[0]), parts[1]) if parts else None):
            shown = everywhere or not _HIDDEN.intersection(message.labels)
            fits = shown and labels <= set(message.labels)
            if fits and query.matches(Candidate(message, self._readings)):
                yield message

    def _get(self, request: Request, box: Mailbox) -> Response:
        return json_response(self.shown(request, find(box, request.args["id"])))

    def shown(self, request: Request, message: Message) -> dict[str, Any]:
        """A message in the format the request asks for."""
        shape = request.param("format", "full").lower()
        if shape not in {"full", "metadata", "minimal", "raw"}:
            raise errors.invalid(f"Invalid value at 'format': {shape!r}")
        try:
            reading = self._readings.of(message)
            shown = _resource(message, reading.snippet)
            if shape == "full":
                shown["payload"] = reading.payload
            elif shape == "metadata":
                headers = _chosen(reading.headers, request.query.get("metadataHeaders"))
                shown["payload"] = {"mimeType": reading.mime_type, "headers": headers}
            elif shape == "raw":
                shown["raw"] = base64url(self._office.raw(message))
        except KeyError:
            raise errors.refuse(404) from None  # deleted while it was read
        return shown

    def _attachment(self, request: Request, box: Mailbox) -> Response:
        with self._office.store:
            reading = self._readings.of(find(box, request.args["messageId"]))
        data = reading.attachments.get(request.args["id"])
        if data is None:
            raise errors.invalid("Invalid attachment token")
        return json_response({"size": len(data), "data": base64url(data)})

    def _thread(self, request: Request, box: Mailbox) -> Response:
        if request.param("format") == "raw":
            raise errors.invalid("Invalid value at 'format': 'raw'")
        with self._office.store:
            messages = box.thread(request.args["id"])
        if not messages:
            raise errors.refuse(404)
        answer = {
            "id": request.args["id"],
            "historyId": str(max(message.change for message in messages)),
            "messages": [self.shown(request, message) for message in messages],
        }
        return json_response(answer)

    # -- History ----------------------------------------------------------------------------------

    def _history(self, request: Request, box: Mailbox) -> Response:
        most = number(request, "maxResults", default=100, most=500)
        types = frozenset(request.query.get("historyTypes", ()))
        if not types <= history.TYPES:
            raise errors.invalid("Invalid value at 'history_types'")
        parts = page_parts(request, 1)
        start = _history_id(request)
        with self._office.store:
            try:
                changes = box.changes_after(max(start, int(parts[0])) if parts else start)
            except LookupError:
                raise errors.refuse(404) from None
            last = box.position.last
        label = request.param("labelId")
        found, more = take((c for c in changes if history.wanted(c, types, label)), most)
        answer: dict[str, Any] = {"history": [history.record(c) for c in found]} if found else {}
        if more:
            answer["nextPageToken"] = page_token(found[-1].number)
        return json_response(answer | {"historyId": str(last)})


def find(box: Mailbox, message_id: str) -> Message:
    """Raises Refused: 400 for what can be no id, 404."""
    if not ID.fullmatch(message_id):
        raise errors.invalid("Invalid id value")
    message = box.messages.get(message_id)
    if message is None:
        raise errors.refuse(404)
    return message


def brief(message: Message) -> dict[str, Any]:
    return {"id": message.id, "threadId": message.thread}


def take(items: Iterator[T], most: int) -> tuple[list[T], bool]:
    """The first of them, and whether there are more."""
    found = list(islice(items, most + 1))
    return found[:most], len(found) > most


def _resource(message: Message, snippet: str) -> dict[str, Any]:
    labels = {"labelIds": message.labels} if message.labels else {}
    return (
        brief(message)
        | labels
        | {
            "snippet": snippet,
            "sizeEstimate": message.size,
            "historyId": str(message.change),
            "internalDate": str(message.at),
        }
    )


def _chosen(headers: list[dict[str, str]], names: list[str] | None) -> list[dict[str, str]]:
    if names is None:
        return headers
    wanted = {name.lower() for name in names}
    return [header for header in headers if header["name"].lower() in wanted]


def _history_id(request: Request) -> int:
    text = request.param("startHistoryId")
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise errors.invalid(f"Invalid value at 'start_history_id': {text!r}")
    return int(text)
