"""A Microsoft 365 mailbox over Graph."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from shared import logs
from shared.domain.errors import (
    CursorExpired,
    MailboxUnavailable,
    MailbridgeError,
    Missing,
    MissingScope,
    Party,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mail import Envelope, OutgoingMail
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
from shared.providers import fetching
from shared.providers.http import Answer, Http
from shared.providers.microsoft import batch, delta, folders, mapping, search, sending
from shared.providers.microsoft.api import Api, checked
from shared.providers.microsoft.scopes import MAIL_READ, MAIL_SEND

_READ = (MAIL_READ,)
_SEND = (MAIL_SEND,)
_CHANGES = "odata.maxpagesize=200"
_HEAD_START = 5
"""Rounds of requests that taking a position may cost; they fit well into a sync's lease."""
_SENDING_LIMIT_SECONDS = 900.0
"""A 429 on sending that names no time is a daily limit or a full outbox: not over in a minute."""


class Outlook:
    """`ports.MailProvider`. Used by one worker at a time."""

    batch_size = batch.SIZE

    def __init__(self, http: Http, tokens: TokenSource) -> None:
        self._api = Api(http, tokens)
        self._known_folders: folders.Folders | None = None

    @property
    def units(self) -> int:
        return self._api.units

    def probe(self) -> None:
        if not self._api.missing(_READ):
            self._api.get("/me/mailFolders/inbox?$select=id", scopes=_READ)

    # -- Following changes ------------------------------------------------------------------------

    def cursor(self) -> str:
        """Behind all that is there, if that can be passed by quickly. Graph has no other way to its
        end than through all of its pages: of a large mailbox the later ones show as changes."""
        page = self.changes(str(delta.Walk({})))
        for _ in range(_HEAD_START):
            if not page.more:
                break
            page = self.changes(page.cursor)
        return page.cursor

    def changes(self, cursor: str) -> ChangePage:
        """One page of up to twenty folders at once."""
        walk = delta.Walk.parse(cursor)
        if walk.round_is_over:
            self._known_folders = folders.read(self._api)
            walk.begin_round(self._known_folders.watched)
        walk.calls += 1
        ids: dict[str, None] = {}
        envelopes: dict[str, Envelope] = {}
        for folder, page in self._pages(walk, walk.todo[: batch.SIZE]):
            walk.turn(folder, page)
            ids |= dict.fromkeys(page.ids)
            envelopes |= page.envelopes
        passed = tuple(self._passed(folder, why) for folder, why in walk.refused.items())
        return ChangePage(tuple(ids), str(walk), bool(walk.todo), envelopes, passed)

    def _passed(self, folder: str, refusal: delta.Refusal) -> Passed:
        name = self._folders.name(folder)
        return Passed(part=folder, name=name, reason=refusal.reason, refusals=refusal.count)

    def _pages(self, walk: delta.Walk, asked: Sequence[str]) -> list[tuple[str, delta.Page]]:
        paths = [f"{folders.path(f)}/messages/delta?{walk.places[f]}" for f in asked]
        answers = self._api.batch(paths, prefer=_CHANGES) if paths else []
        pages: list[tuple[str, delta.Page]] = []
        failed: dict[str, MailbridgeError] = {}
        for folder, answer in zip(asked, answers, strict=True):
            try:
                pages.append((folder, self._page(answer)))
            except Missing:
                walk.forget(folder)
            except (CursorExpired, ProviderUnavailable, ProviderRejected) as error:
                failed[folder] = error
        _pass_by(walk, failed, everywhere=len(failed) >= min(batch.SIZE, len(walk.places)))
        return pages

    def _page(self, answer: Answer | None) -> delta.Page:
        if answer is None:
            raise ProviderUnavailable("Graph left a folder out of its answer.")
        fields = checked(answer, self._api.missing(_READ), "folder")
        return delta.page(fields, self._folders)

    # -- Reading ----------------------------------------------------------------------------------

    def search(self, search_: Search, page: str = "") -> IdPage:
        position = search.Position.parse(page)
        path = f"/me/messages?{search.query(search_, position)}"
        answer = self._api.get(path, scopes=_READ)
        return search.page(search_, position, answer, self._ordinary(answer))

    def envelopes(self, ids: Sequence[str]) -> Fetched:
        return self._fetch(ids, mapping.ENVELOPE_QUERY, mapping.envelope)

    def mails(self, ids: Sequence[str]) -> Fetched:
        return self._fetch(ids, mapping.MAIL_QUERY, mapping.mail)

    def attachment(self, provider_id: str, number: int) -> Iterator[bytes]:
        path = f"{_message(provider_id)}/attachments"
        answer = self._api.get(f"{path}?$select=id", scopes=_READ)
        ids = [one["id"] for one in answer.get("value", []) if isinstance(one.get("id"), str)]
        if not 0 <= number < len(ids):
            raise Missing("This mail has no such attachment.", reason="no_attachment")
        yield from self._api.stream(f"{path}/{quote(ids[number], safe='')}/$value", scopes=_READ)

    @property
    def _folders(self) -> folders.Folders:
        if self._known_folders is None:
            self._known_folders = folders.read(self._api)
        return self._known_folders

    def _ordinary(self, answer: dict[str, Any]) -> tuple[str, ...]:
        """Without what lies in drafts, junk or deleted items: /me/messages is all of the mailbox."""
        listed = answer.get("value")
        if not isinstance(listed, list):
            raise ProviderUnavailable("Graph's list was cut short.")
        return tuple(
            str(entry["id"])
            for entry in listed
            if isinstance(entry, dict)
            and entry.get("id")
            and not mapping.ignored(entry, self._folders)
        )

    def _fetch(
        self,
        ids: Sequence[str],
        query: str,
        read: Callable[[dict[str, Any], folders.Folders], Any],
    ) -> Fetched:
        return fetching.fetch(
            ids,
            size=batch.SIZE,
            ask=lambda some: self._api.batch([f"{_message(id_)}?{query}" for id_ in some]),
            read=lambda answer: read(
                checked(answer, self._api.missing(_READ), "item"), self._folders
            ),
            probe=self.probe,
        )

    # -- Sending ----------------------------------------------------------------------------------
    # Without the right to write there are no drafts: nothing is prepared at Graph, and sendMail
    # answers without an id. The mark is what remains. A mail that is not found by it may still be on
    # its way, so what is not seen to be sent stays unclear, and is never sent again.

    def prepare(self, mail: OutgoingMail) -> str:
        """Makes nothing, but refuses here what could not be sent."""
        sending.body(mail)
        return mail.mark

    def prepared(self, mark: str) -> str:  # noqa: ARG002 - nothing ever is
        return ""

    def dispatch(self, handle: str, mail: OutgoingMail) -> str:  # noqa: ARG002 - the mail is all
        try:
            self._api.effect("/me/sendMail", sending.body(mail), scopes=_SEND)
        except RateLimited as error:
            wait = error.retry_after or _SENDING_LIMIT_SECONDS
            raise RateLimited(error.detail, retry_after=wait, reason=error.reason) from error
        return ""

    def outcome(
        self,
        handle: str,  # noqa: ARG002 - nothing was prepared
        mark: str,
        provider_sent_id: str,  # noqa: ARG002 - "" always
        near: Near = NEWEST,  # noqa: ARG002 - Graph finds a mail by its mark
    ) -> SendOutcome:
        try:
            found = self._find_sent(mark)
        except MissingScope:  # may send and not read
            return SendOutcome("unclear")
        if not found:
            return SendOutcome("unclear")
        read = self.mails([found])
        if read.throttled:
            raise read.throttled
        return SendOutcome("sent", read.found.get(found))

    def discard(self, handle: str) -> None:
        """There is nothing to remove."""

    def _find_sent(self, mark: str) -> str:
        wanted = mark.replace("'", "''")
        condition = (
            f"singleValueExtendedProperties/Any(ep: ep/id eq '{mapping.MARK}' "
            f"and ep/value eq '{wanted}')"
        )
        path = f"/me/mailFolders/sentitems/messages?$select=id&$filter={quote(condition, safe='')}"
        listed = self._api.get(path, scopes=_READ).get("value")
        entries = [entry for entry in listed if isinstance(entry, dict)] if listed else []
        return next((str(entry["id"]) for entry in entries if entry.get("id")), "")


def _pass_by(walk: delta.Walk, failed: Mapping[str, MailbridgeError], *, everywhere: bool) -> None:
    """A folder that Graph cannot show does not stop the others: a later round asks for it again. What
    all of them answer is the mailbox's trouble, but for questions that Graph no longer takes."""
    for folder, error in failed.items():
        malformed = isinstance(error, ProviderRejected) and error.who_acts is Party.NOBODY
        if isinstance(error, MailboxUnavailable) or (everywhere and not malformed):
            raise _of_the_mailbox(error)
        if isinstance(error, CursorExpired):
            walk.expire(folder)
        else:
            walk.refuse(folder, error.reason or "unavailable")
        logs.warning("folder passed by", folder=folder, why=error.detail)


def _of_the_mailbox(error: MailbridgeError) -> MailbridgeError:
    if isinstance(error, ProviderRejected):
        error.concerns = "mailbox"
    return error


def _message(message_id: str) -> str:
    return f"/me/messages/{quote(message_id, safe='')}"
