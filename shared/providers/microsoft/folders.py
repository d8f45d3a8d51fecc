"""The folders of a mailbox: whose mail belongs on a timeline, and what the others are for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from shared.domain.errors import Missing, ProviderUnavailable
from shared.providers.microsoft import batch, identity
from shared.providers.microsoft.api import Api, checked, query_of
from shared.providers.microsoft.scopes import MAIL_READ

_IGNORED = {
    "drafts": "draft",
    "outbox": "draft",
    "junkemail": "spam",
    "deleteditems": "trash",
    "conversationhistory": "chat",
    "syncissues": "trash",
}
"""Well-known names, the same in every language, and why their mail, and all below them, is none for
a timeline. A mailbox need not have them all."""
_INBOX = "inbox"
_SENT = "sentitems"
_SELECT = "$select=id,childFolderCount"
_TOP = "/me/mailFolders"
_ME = "/me?$select=mail,userPrincipalName"
_PAGE = f"?$top=250&{_SELECT}"
_SEARCH_FOLDER = "#microsoft.graph.mailSearchFolder"
_SCOPES = (MAIL_READ,)
_MOST = 2_000
"""Folders; as many pages of them would take minutes."""
_MOST_PAGES = 20
"""Of one list, however few each holds."""


class Folders(Struct, frozen=True):
    watched: tuple[str, ...]
    """Ids of those with mail for a timeline, Inbox, Sent Items and whatever their user adds."""
    special: dict[str, str]
    """Ids of the others at the top → why their mail is ignored."""
    inbox: str = ""
    sent: str = ""
    owner: str = ""
    """The address that the mailbox sends from."""

    def name(self, folder: str) -> str:
        """inbox, sent, or "": what its user called another is theirs."""
        return {self.inbox: "inbox", self.sent: "sent"}.get(folder, "")

    def ignored(self, folder: str) -> str:
        """Why mail in this folder is no mail for a timeline, "" when it is. What lies below one of
        the special folders was thrown away with it."""
        return "" if folder in self.watched else self.special.get(folder, "trash")


def read(api: Api) -> Folders:
    """Two requests for most mailboxes: the top with the well-known ids, then what lies below."""
    names = (_INBOX, _SENT, *_IGNORED)
    asked = [_TOP + _PAGE, _ME, *(f"{_TOP}/{name}?$select=id" for name in names)]
    top, me, *known = _ask(api, asked)
    ids = {
        name: str(found["id"])
        for name, found in zip(names, known, strict=True)
        if found and "id" in found
    }
    special = {ids[name]: why for name, why in _IGNORED.items() if name in ids}
    watched = _watched(api, top, special)
    if not watched:  # to believe it would mean to forget every position
        raise ProviderUnavailable("Graph shows no folders at all.")
    return Folders(
        watched,
        special,
        inbox=ids.get(_INBOX, ""),
        sent=ids.get(_SENT, ""),
        owner=identity.address(me or {}),
    )


def _watched(api: Api, top: Mapping[str, Any] | None, special: Collection[str]) -> tuple[str, ...]:
    watched: dict[str, None] = {}
    level = _entries(api, _TOP, top)
    while level and len(watched) < _MOST:
        fresh = {e["id"]: e for e in level if e["id"] not in special and e["id"] not in watched}
        level = list(fresh.values())
        watched |= dict.fromkeys(entry["id"] for entry in level)
        level = _below(api, [entry["id"] for entry in level if entry.get("childFolderCount")])
    return tuple(watched)


def path(folder: str) -> str:
    return f"{_TOP}/{quote(folder, safe='')}"


def _below(api: Api, parents: Sequence[str]) -> list[dict[str, Any]]:
    places = [f"{path(parent)}/childFolders" for parent in parents]
    pages = _ask(api, [place + _PAGE for place in places])
    return [
        entry
        for place, page in zip(places, pages, strict=True)
        for entry in _entries(api, place, page)
    ]


def _ask(api: Api, paths: Sequence[str]) -> list[dict[str, Any] | None]:
    """None for what is not there: a well-known folder that was never made, one deleted meanwhile."""
    found: list[dict[str, Any] | None] = []
    for start in range(0, len(paths), batch.SIZE):
        for answer in api.batch(paths[start : start + batch.SIZE]):
            if answer is None:
                raise ProviderUnavailable("Graph left a folder out of its answer.")
            try:
                found.append(checked(answer, api.missing(_SCOPES)))
            except Missing:
                found.append(None)
    return found


def _entries(api: Api, place: str, page: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Of a list of folders and all its following pages. Search folders only point at mail elsewhere."""
    found: list[dict[str, Any]] = []
    for _ in range(_MOST_PAGES):
        found += (e for e in _listed(page or {}) if e.get("@odata.type") != _SEARCH_FOLDER)
        query = query_of(page.get("@odata.nextLink")) if page else ""
        if not query or len(found) >= _MOST:
            break
        page = api.get(f"{place}?{query}", scopes=_SCOPES)
    return found


def _listed(page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    value = page.get("value")
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            yield entry
