"""Gmail as a mailbox."""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from shared.domain.errors import (
    CursorExpired,
    Missing,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mail import Mail, OutgoingMail
from shared.mime import headers
from shared.mime.build import build
from shared.ports.providers import (
    NEWEST,
    ChangePage,
    Fetched,
    IdPage,
    Near,
    Passed,
    Search,
    SendOutcome,
    TokenSource,
)
from shared.providers.google import content, download, history, mapping, search
from shared.providers.google.api import GMAIL, Api
from shared.providers.google.fetching import BATCH, fetch
from shared.providers.google.scopes import GMAIL_COMPOSE, GMAIL_READONLY, GMAIL_SEND
from shared.providers.http import Http

_READ = (GMAIL_READONLY,)
_COMPOSE = (GMAIL_COMPOSE,)
_SEND = (GMAIL_SEND,)
_PAGE = 500
"""Ids a page, the most Gmail gives."""
_LOOKED_AT = 50
"""How many of the newest drafts are searched for one of ours, or how many sent mails at once."""
_MOST_LOOKED_AT = 4 * _LOOKED_AT
_DIRECT = "direct:"
"""Begins the handle of a mail that is no draft, for without gmail.compose there are none."""
_LARGEST_MAIL = 36_700_160
_SENDING_LIMIT_SECONDS = 900.0
"""A 429 on sending that names no time is a daily limit or a full outbox: not over in a minute."""
_BAD_ARGUMENT = {"invalidArgument", "INVALID_ARGUMENT"}
_METADATA = "&".join(
    ("format=metadata", *(f"metadataHeaders={name}" for name in mapping.METADATA_HEADERS))
)


class Gmail:
    """`ports.MailProvider`. Used by one worker at a time."""

    batch_size = BATCH

    def __init__(self, http: Http, tokens: TokenSource, units_per_get: int) -> None:
        self._api = Api(GMAIL, http, tokens)
        self._units_per_get = units_per_get

    @property
    def units(self) -> int:
        return self._api.units

    def probe(self) -> None:
        if len(self._api.missing((GMAIL_READONLY, GMAIL_COMPOSE))) < 2:
            self._api.get("/profile", units=1, scopes=_READ)

    # -- Reading ----------------------------------------------------------------------------------

    def cursor(self) -> str:
        profile = self._api.get("/profile", units=1, scopes=_READ)
        if not (position := history.number(profile.get("historyId"))):
            raise ProviderUnavailable("Gmail did not say where its history stands.")
        return str(history.Cursor(position))

    def changes(self, cursor: str) -> ChangePage:
        position = history.Cursor.parse(cursor)
        try:
            answer = self._history(position)
        except CursorExpired:
            if not position.page:
                raise
            position = history.Cursor(position.start)  # the page token did not live long enough
            answer = self._history(position)
        ids, following = history.page_ids(answer), history.after(position, answer)
        if history.leads_nowhere(position, following):
            stuck = Passed(part="", reason="no_progress")
            start = str(history.Cursor(following.start))
            return ChangePage(ids, start, more=False, passed=(stuck,))
        return ChangePage(ids, str(following), more=bool(answer.get("nextPageToken")))

    def search(self, search_: Search, page: str = "") -> IdPage:
        """Drafts may be among what is found; their envelopes say so."""
        at = search.Position.parse(page)
        found = self._list(search.query(search_), _PAGE, at.token)
        return search.page(at, found)

    def envelopes(self, ids: Sequence[str]) -> Fetched:
        return self._fetch(ids, _METADATA, mapping.envelope)

    def mails(self, ids: Sequence[str]) -> Fetched:
        return self._fetch(ids, "format=full", self._mail)

    def _history(self, position: history.Cursor) -> dict[str, Any]:
        page = {"pageToken": position.page} if position.page else {}
        try:
            return self._api.get(
                "/history",
                units=2,
                scopes=_READ,
                startHistoryId=position.start,
                historyTypes=["messageAdded", "labelRemoved"],
                maxResults=_PAGE,
                **page,
            )
        except ProviderRejected as error:
            # 404: a position too old. 400: one that never was, or a page token that died.
            if not isinstance(error, Missing) and error.reason not in _BAD_ARGUMENT:
                raise
            detail = "Gmail no longer knows what happened since the last sync."
            raise CursorExpired(detail, reason="history_expired") from error

    def _list(self, query: str, most: int, page: str = "") -> IdPage:
        wanted = {"q": query, "pageToken": page, "maxResults": most}
        params = {name: value for name, value in wanted.items() if value}
        answer = self._api.get("/messages", units=5, scopes=_READ, **params)
        following = answer.get("nextPageToken")
        return IdPage(_ids(answer.get("messages")), following if isinstance(following, str) else "")

    def _fetch(
        self, ids: Sequence[str], shape: str, read: Callable[[dict[str, Any]], Any]
    ) -> Fetched:
        return fetch(
            self._api,
            ids,
            path=lambda id_: f"/messages/{quote(id_, safe='')}?{shape}",
            units=self._units_per_get,
            scopes=_READ,
            read=read,
        )

    def _mail(self, message: dict[str, Any]) -> Mail:
        return mapping.mail(message, lambda part: self._data(message["id"], part))

    def attachment(self, provider_id: str, number: int) -> Iterator[bytes]:
        message = self._api.get(
            _message(provider_id), units=self._units_per_get, scopes=_READ, format="full"
        )
        body = content.attachment(
            message.get("payload"), number, lambda part: self._data(provider_id, part)
        )
        held, attachment = body.get("data"), body.get("attachmentId")
        if isinstance(held, str):
            yield headers.lenient_base64(held)
        elif isinstance(attachment, str):
            path = f"{_message(provider_id)}/attachments/{quote(attachment, safe='')}"
            pieces = self._api.stream(path, units=self._units_per_get, scopes=_READ)
            yield from download.decoded(pieces)
        else:
            raise Missing("This mail has no such attachment.", reason="no_attachment")

    def _data(self, message_id: str, attachment_id: str) -> Any:
        path = f"{_message(message_id)}/attachments/{quote(attachment_id, safe='')}"
        return self._api.get(path, units=self._units_per_get, scopes=_READ).get("data")

    # -- Sending ----------------------------------------------------------------------------------
    # A draft is made and its id kept before anything leaves. A draft can be sent only once, so
    # what its absence means is decided by looking, never by sending again.

    # A mailbox that may send and not compose has no drafts: messages.send sends at once, and what its
    # lost answer meant is known only where the sent mail may be read.

    def prepare(self, mail: OutgoingMail) -> str:
        raw = self._raw(mail)
        if self._api.missing(_COMPOSE) and not self._api.missing(_SEND):
            return _DIRECT + mail.mark
        return self._in_thread(self._create_draft, raw, mail.thread_id)

    def _raw(self, mail: OutgoingMail) -> str:
        try:
            raw = build(mail)
        except ValueError as error:
            raise ProviderRejected(
                f"The mail cannot be built: {error}.", reason="bad_mail"
            ) from error
        if len(raw) > _LARGEST_MAIL:
            raise ProviderRejected("The mail is larger than Gmail's 35 MB.", reason="too_large")
        return base64.urlsafe_b64encode(raw).decode()

    def _in_thread(self, make: Callable[[dict[str, str]], str], raw: str, thread: str) -> str:
        if not thread:
            return make({"raw": raw})
        try:
            return make({"raw": raw, "threadId": thread})
        except Missing:  # the thread was deleted; the headers still make it a reply elsewhere
            return make({"raw": raw})

    def _create_draft(self, message: dict[str, str]) -> str:
        body = {"message": message}
        draft = self._api.effect("POST", "/drafts", units=10, scopes=_COMPOSE, body=body)
        if not isinstance(draft.get("id"), str):
            raise ProviderUnavailable("Gmail did not say which draft it made.")
        return str(draft["id"])

    def prepared(self, mark: str) -> str:
        try:
            listed = self._api.get("/drafts", units=5, scopes=_COMPOSE, maxResults=_LOOKED_AT)
        except Missing:  # a server that cannot list drafts
            return ""
        drafts = fetch(
            self._api,
            _ids(listed.get("drafts")),
            path=lambda id_: f"{_draft(id_)}?format=metadata",
            units=5,
            scopes=_COMPOSE,
            read=mapping.mark_of_draft,
        )
        found = next((id_ for id_, value in drafts.found.items() if value == mark), "")
        if not found and (drafts.throttled or drafts.failed):
            raise drafts.throttled or ProviderUnavailable("Gmail did not show all drafts.")
        return found

    def dispatch(self, handle: str, mail: OutgoingMail) -> str:
        try:
            if handle.startswith(_DIRECT):
                return self._in_thread(self._send, self._raw(mail), mail.thread_id)
            return self._send_draft(handle)
        except RateLimited as error:
            wait = error.retry_after or _SENDING_LIMIT_SECONDS
            raise RateLimited(error.detail, retry_after=wait, reason=error.reason) from error

    def _send(self, message: dict[str, str]) -> str:
        return _id_of(
            self._api.effect("POST", "/messages/send", units=100, scopes=_SEND, body=message)
        )

    def _send_draft(self, handle: str) -> str:
        body = {"id": handle}
        try:
            sent = self._api.effect("POST", "/drafts/send", units=100, scopes=_COMPOSE, body=body)
        except Missing:
            detail = "The draft is gone: sent, or deleted by its owner."
            raise ProviderUnavailable(detail, reason="draft_gone") from None
        return _id_of(sent)

    def outcome(
        self, handle: str, mark: str, provider_sent_id: str, near: Near = NEWEST
    ) -> SendOutcome:
        try:
            if provider_sent_id:
                return SendOutcome("sent", self._sent(provider_sent_id))
            if handle and not handle.startswith(_DIRECT) and self._has_draft(handle):
                return SendOutcome("not_sent")
            found = self._find_sent(mark, near)
        except MissingScope:  # may send and not read: what Gmail said must do
            return SendOutcome("sent" if provider_sent_id else "unclear")
        return SendOutcome("sent", self._sent(found)) if found else SendOutcome("unclear")

    def discard(self, handle: str) -> None:
        if handle.startswith(_DIRECT):
            return
        try:
            self._api.effect("DELETE", _draft(handle), units=10, scopes=_COMPOSE)
        except Missing:
            return

    def _has_draft(self, handle: str) -> bool:
        try:
            self._api.get(_draft(handle), units=5, scopes=_COMPOSE, format="minimal")
        except Missing:
            return False
        return True

    def _sent(self, message_id: str) -> Mail | None:
        """None when its owner deleted it meanwhile."""
        try:
            message = self._api.get(
                _message(message_id), units=self._units_per_get, scopes=_READ, format="full"
            )
        except Missing:
            return None
        return self._mail(message)

    def _find_sent(self, mark: str, near: Near) -> str:
        """By its mark, which no search finds: so the headers of those are read that a search finds for
        its recipients and its time, the newest first."""
        question, token = search.among_sent(near), ""
        for _ in range(_MOST_LOOKED_AT // _LOOKED_AT):
            listed = self._list(question, _LOOKED_AT, token)
            read = self.envelopes(listed.ids)
            found = next((id_ for id_, sent in read.found.items() if sent.mark == mark), "")
            if not found and read.throttled:
                raise read.throttled
            token = listed.next
            if found or not token or near == NEWEST:
                break
        return found


def _message(message_id: str) -> str:
    return f"/messages/{quote(message_id, safe='')}"


def _draft(draft_id: str) -> str:
    return f"/drafts/{quote(draft_id, safe='')}"


def _ids(listed: Any) -> tuple[str, ...]:
    entries = listed if isinstance(listed, list) else ()
    return tuple(entry["id"] for entry in entries if isinstance(entry, dict) and "id" in entry)


def _id_of(sent: dict[str, Any]) -> str:
    return sent["id"] if isinstance(sent.get("id"), str) else ""
