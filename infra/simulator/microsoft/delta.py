"""messages/delta: what lies in a folder, and from then on what became different.

The token in a link says everything of a round: what was asked for, how far it was told, and the
position in the account's log of changes from which the next round goes on. So nothing is stored for
it, and a link may be followed twice.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.mail import Change, Mailbox, Message
from infra.simulator.microsoft import errors, ids, odata
from infra.simulator.microsoft.calls import BASIC_MAIL, Calls, link, preference
from infra.simulator.microsoft.folders import Folders
from infra.simulator.microsoft.limits import Limits
from infra.simulator.microsoft.messages import Messages
from infra.simulator.microsoft.places import place
from infra.simulator.microsoft.shape import selected, shape_of

_DEFAULT_PAGE = 10
_FILTER = re.compile(r"\s*receivedDateTime\s+(ge|gt)\s+\S+\s*", re.IGNORECASE)
_UNSUPPORTED = ("$search", "$expand", "$skip", "$count", "changeType")
Mark = tuple[int, str]
"""Where a page ended: (at, id) of a message, or (number, id) of a change."""
Entry = tuple[Mark, dict[str, Any]]


class State(Struct, frozen=True, kw_only=True):
    """Where a round stands."""

    folder: str
    select: str = ""
    filter: str = ""
    since: int | None = None
    """The position this round tells the changes since; None in the first, which tells everything."""
    until: int
    """The position at which it began: the next round's `since`."""
    mark: Mark | None = None
    given: int = 0
    empty: int = 0
    """How many empty pages were handed out."""


class Delta:
    def __init__(self, calls: Calls, messages: Messages, folders: Folders, limits: Limits) -> None:
        self._calls = calls
        self._messages = messages
        self._folders = folders
        self._limits = limits

    def routes(self) -> list[Route]:
        path = "/me/mailFolders/{folder}/messages/delta"
        spellings = (path, f"{path}()")
        name = "graph.messages.delta"
        return [self._calls.route("GET", p, name, self._delta, BASIC_MAIL) for p in spellings]

    def _delta(self, request: Request, box: Mailbox) -> Response:
        with self._messages.office.store:
            state = self._state(request, box)
            if state.empty < self._limits.delta_empty_pages:
                return _page(request, [], replace(state, empty=state.empty + 1), more=True)
            most = _page_size(request)
            found = list(islice(self._entries(request, box, state), most + 1))
            more = len(found) > most
            page = [entry for _, entry in found[:most]]
            if found:
                mark = found[:most][-1][0]
                state = replace(state, mark=mark, given=state.given + len(page))
            if not more:
                page += self._replayed(request, box, state)
            return _page(request, page, state, more=more)

    # -- The round --------------------------------------------------------------------------------

    def _state(self, request: Request, box: Mailbox) -> State:
        """Of the token in the link, else of a round that begins. Raises Refused."""
        folder, now = self._folders.find(box, request.args["folder"]), box.position.last
        if token := request.param("$skiptoken"):
            return _checked(request, box, _decoded(token, folder))
        if token := request.param("$deltatoken"):
            ended = _decoded(token, folder)
            begun = replace(ended, since=ended.until, until=now, mark=None, given=0, empty=0)
            return _checked(request, box, begun)
        if found := [name for name in _UNSUPPORTED if request.param(name)]:
            raise errors.invalid("ErrorInvalidUrlQuery", f"{found[0]} is not supported with delta.")
        text = request.param("$filter")
        if text and not _FILTER.fullmatch(text):
            raise errors.invalid("ErrorInvalidUrlQueryFilter", f"A delta cannot filter by {text}.")
        return State(folder=folder, select=request.param("$select"), filter=text, until=now)

    def _entries(self, request: Request, box: Mailbox, state: State) -> Iterator[Entry]:
        """What comes after the mark."""
        show = self._shower(request, state)
        if state.since is not None:
            return self._changed(request, box, state, show)
        entries = (((m.at, m.id), show(m)) for m in self._inside(box, state, state.mark))
        cap = self._limits.filtered_delta_messages if state.filter else None
        return islice(entries, None if cap is None else max(0, cap - state.given))

    def _inside(self, box: Mailbox, state: State, before: Mark | None) -> Iterator[Message]:
        """Newest first; so what arrives while a round is told belongs to the next."""
        keep = self._keeper(state)
        for message in box.newest_first(before):
            if place(message.labels) == state.folder and keep(message):
                yield message

    def _changed(
        self, request: Request, box: Mailbox, state: State, show: Callable[[Message], Any]
    ) -> Iterator[Entry]:
        """Every message once, at its first change, as it is now."""
        keep, told = self._keeper(state), state.mark[0] if state.mark else 0
        for change in _first_changes(box, state):
            message = box.messages.get(change.message)
            if change.number <= told:
                continue
            mark = (change.number, change.message)
            if message and place(message.labels) == state.folder:
                if keep(message):
                    yield mark, show(message)
            elif _folder_before(change) == state.folder:
                yield mark, self._removed(request, change, state.folder, moved=bool(message))

    def _replayed(self, request: Request, box: Mailbox, state: State) -> list[dict[str, Any]]:
        show = self._shower(request, state)
        again = islice(self._inside(box, state, None), self._limits.delta_replays)
        return [show(message) for message in again]

    # -- One entry --------------------------------------------------------------------------------

    def _shower(self, request: Request, state: State) -> Callable[[Message], dict[str, Any]]:
        shape = replace(shape_of(request), select=selected(state.select))
        return lambda message: self._messages.shown(message, shape)

    def _keeper(self, state: State) -> Callable[[Message], bool]:
        if not state.filter:
            return lambda _: True
        given = odata.Filter(state.filter)
        return lambda message: given.matches(self._messages.library.view(message))

    def _removed(
        self, request: Request, change: Change, folder: str, *, moved: bool
    ) -> dict[str, Any]:
        stays = shape_of(request).immutable
        key = change.message if stays else ids.in_folder(change.message, folder)
        reason = self._limits.removed_reason if moved else "deleted"
        return {"id": key, "@removed": {"reason": reason}}


def _first_changes(box: Mailbox, state: State) -> list[Change]:
    first: dict[str, Change] = {}
    for change in box.changes_after(state.since or 0):
        if change.number <= state.until:
            first.setdefault(change.message, change)
    return list(first.values())


def _folder_before(change: Change) -> str | None:
    """Where the message lay before this change; None if it was not there yet."""
    if change.kind == "added":
        return None
    if change.kind == "labels_removed":
        return place(change.labels + change.moved)
    return place(label for label in change.labels if label not in change.moved)


def _checked(request: Request, box: Mailbox, state: State) -> State:
    """Raises Refused: 410 where the log does not reach back, with the URL of a fresh start."""
    oldest = state.until if state.since is None else state.since
    if box.position.floor <= oldest <= box.position.last:
        return state
    refused = errors.refuse(410)
    query = {"$select": state.select, "$filter": state.filter, "$deltatoken": ""}
    kept = {name: text for name, text in query.items() if text or name == "$deltatoken"}
    refused.response.headers["Location"] = link(request, request.path, kept)
    raise refused


def _page(request: Request, entries: list[dict[str, Any]], state: State, *, more: bool) -> Response:
    name, token = ("nextLink", "$skiptoken") if more else ("deltaLink", "$deltatoken")
    url = link(request, request.path, {token: _encoded(state)})
    context = "https://graph.microsoft.com/v1.0/$metadata#Collection(message)"
    return json_response({"@odata.context": context, "value": entries, f"@odata.{name}": url})


def _page_size(request: Request) -> int:
    text = preference(request, "odata.maxpagesize") or request.param("$top")
    size = int(text[:10]) if text.isascii() and text.isdecimal() else 0
    return min(size, 1000) or _DEFAULT_PAGE


def _encoded(state: State) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(state)).decode()


def _decoded(token: str, folder: str) -> State:
    """Raises Refused (400)."""
    try:
        state = msgspec.msgpack.decode(base64.urlsafe_b64decode(token), type=State)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        state = None
    if state is None or state.folder != folder:
        raise errors.invalid("SyncStateInvalid", "The sync state in the link is not valid.")
    return state
