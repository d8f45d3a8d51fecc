"""Gmail's writing calls: messages.send and drafts."""

import secrets
from email.utils import format_datetime, formataddr
from typing import Any

import msgspec
from msgspec import Struct

from infra.simulator import headers
from infra.simulator.charsets import lenient_base64
from infra.simulator.google import errors
from infra.simulator.google.calls import Calls, number, page_token
from infra.simulator.google.gmail import ID, Gmail, brief, take
from infra.simulator.google.limits import Limits, Quota
from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.mail import Mailbox, Message
from infra.simulator.postoffice import PostOffice
from infra.simulator.quota import exceeds


class Draft(Struct, frozen=True):
    id: str
    account: str
    message: str


class MessageIn(Struct, frozen=True, rename="camel"):
    raw: str = ""
    thread_id: str = ""


class DraftIn(Struct, frozen=True):
    id: str = ""
    message: MessageIn = MessageIn()


class Sending:
    def __init__(
        self, calls: Calls, office: PostOffice, gmail: Gmail, limits: Limits, quota: Quota
    ) -> None:
        self._calls = calls
        self._office = office
        self._gmail = gmail
        self._limits = limits
        self._quota = quota
        self._drafts = office.store.table("google drafts", Draft)

    def routes(self) -> list[Route]:
        route = self._calls.route
        return [
            route("POST", "/messages/send", "gmail.messages.send", self._send),
            route("POST", "/drafts/send", "gmail.drafts.send", self._send_draft),
            route("POST", "/drafts", "gmail.drafts.create", self._create),
            route("GET", "/drafts", "gmail.drafts.list", self._list),
            route("GET", "/drafts/{id}", "gmail.drafts.get", self._get),
            route("DELETE", "/drafts/{id}", "gmail.drafts.delete", self._delete),
        ]

    # -- Sending ----------------------------------------------------------------------------------

    def _send(self, request: Request, box: Mailbox) -> Response:
        given = _body(request, MessageIn)
        raw = self._raw(given)
        with self._office.store:
            thread = _thread(box, given.thread_id, headers.facts(raw))
            return json_response(_labelled(self._sent(box, raw, thread)))

    def _send_draft(self, request: Request, box: Mailbox) -> Response:
        given = _body(request, DraftIn)
        with self._office.store:
            draft, message = self._find(box, given.id)
            raw = self._raw(given.message) if given.message.raw else self._office.raw(message)
            sent = self._sent(box, raw, message.thread)
            del self._drafts[draft.id]
            self._office.delete(message)
        return json_response(_labelled(sent))

    def _sent(self, box: Mailbox, raw: bytes, thread: str) -> Message:
        facts = headers.facts(raw)
        recipients = self._recipients(raw, facts)
        own = box.account.address
        self._quota.send(own)
        raw = self._stamped(box, raw, facts)
        labels = ("SENT", "INBOX", "UNREAD") if own in recipients else ("SENT",)
        at = int(self._office.clock.now().timestamp() * 1000)  # whatever its Date says
        sent = self._office.add(own, raw, labels=labels, at=at, thread=thread)
        self._office.post(raw, sender=own, recipients=[r for r in recipients if r != own])
        return sent

    def _recipients(self, raw: bytes, facts: headers.Facts) -> list[str]:
        """Raises Refused (400)."""
        fields = headers.fields(raw)
        for name in ("To", "Cc", "Bcc"):
            if headers.unreachable(fields, name.lower()):
                raise errors.invalid(f"Invalid {name} header")
        if not facts.recipients:
            raise errors.invalid("Recipient address required")
        if exceeds(len(facts.recipients), self._limits.recipients_per_message):
            raise errors.invalid("Too many recipients")
        return facts.recipients

    def _stamped(self, box: Mailbox, raw: bytes, facts: headers.Facts) -> bytes:
        """Gmail gives every mail a Message-ID of its own and lets nobody write as somebody else."""
        now = format_datetime(self._office.clock.now())
        account = box.account
        added = [("Received", f"by gmailapi.google.com with HTTPREST; {now}")]
        drop = ["Message-ID"]
        if facts.sender != account.address:
            drop.append("From")
            added.append(("From", formataddr((account.name, account.address))))
        added.append(("Message-ID", f"<CA+{secrets.token_urlsafe(30)}@mail.gmail.com>"))
        if not headers.first(headers.fields(raw), "date"):
            drop.append("Date")
            added.append(("Date", now))
        return headers.edited(raw, drop=drop, add=added)

    # -- Drafts -----------------------------------------------------------------------------------

    def _create(self, request: Request, box: Mailbox) -> Response:
        given = _body(request, DraftIn).message
        raw = self._raw(given)
        with self._office.store:
            thread = _thread(box, given.thread_id, headers.facts(raw))
            at = int(self._office.clock.now().timestamp() * 1000)
            own = box.account.address
            message = self._office.add(own, raw, labels=("DRAFT",), at=at, thread=thread)
            draft = Draft(f"r{secrets.randbelow(9 * 10**17) + 10**17}", own, message.id)
            self._drafts[draft.id] = draft
        return json_response({"id": draft.id, "message": _labelled(message)})

    def _list(self, request: Request, box: Mailbox) -> Response:
        most = number(request, "maxResults", default=100, most=500)
        with self._office.store:
            ids = {draft.message: draft.id for draft in self._drafts.values()}
            drafts = (m for m in self._gmail.matching(request, box) if m.id in ids)
            found, more = take(drafts, most)
        listed = [{"id": ids[message.id], "message": brief(message)} for message in found]
        answer: dict[str, Any] = {"drafts": listed} if listed else {}
        if more:
            answer["nextPageToken"] = page_token(found[-1].at, found[-1].id)
        return json_response(answer | {"resultSizeEstimate": len(found) + more})

    def _get(self, request: Request, box: Mailbox) -> Response:
        draft, message = self._find(box, request.args["id"])
        return json_response({"id": draft.id, "message": self._gmail.shown(request, message)})

    def _delete(self, request: Request, box: Mailbox) -> Response:
        with self._office.store:
            draft, message = self._find(box, request.args["id"])
            del self._drafts[draft.id]
            self._office.delete(message)
        return Response(204)

    def _find(self, box: Mailbox, draft_id: str) -> tuple[Draft, Message]:
        """Raises Refused: 404. A draft whose message its owner deleted is gone as well."""
        draft = self._drafts.get(draft_id)
        message = box.messages.get(draft.message) if draft else None
        if draft is None or message is None:
            raise errors.refuse(404)
        return draft, message

    def _raw(self, given: MessageIn) -> bytes:
        raw = lenient_base64(given.raw.encode("utf-8", "replace"))
        if not raw:
            raise errors.invalid(
                "'raw' RFC822 payload message string or uploading message required"
            )
        if exceeds(len(raw), self._limits.message_bytes):
            raise errors.refuse(413, message="Message too large")
        return raw


def _thread(box: Mailbox, asked: str, facts: headers.Facts) -> str:
    """The thread a mail belongs to, "" for a new one.

    Being asked for is not enough: the mail must answer one of the thread's and keep its subject.
    Raises Refused: 400, 404 for a thread that is not in this mailbox.
    """
    if asked and not ID.fullmatch(asked):
        raise errors.invalid("Invalid thread_id value")
    if asked and not box.thread(asked):
        raise errors.refuse(404)
    return box.conversation(facts, prefer=asked)


def _labelled(message: Message) -> dict[str, Any]:
    return brief(message) | {"labelIds": message.labels}


def _body(request: Request, kind: type[MessageIn] | type[DraftIn]) -> Any:
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise errors.invalid(f"Invalid JSON payload received. {error}") from error
