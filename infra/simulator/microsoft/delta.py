"""messages/delta: what lies in a folder, and from then on what became different.

A token in a link says everything of a round: where it stands, its $select and $filter, and the
position in the account's log of changes from which the next round will go on. So nothing is stored
for it, and a link may be followed twice.
"""

import base64
import binascii
from collections.abc import Iterator
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
from infra.simulator.microsoft.messages import Messages, Shape, shape_of
from infra.simulator.microsoft.places import place
from infra.simulator.microsoft.resource import Library, selected
from infra.simulator.postoffice import PostOffice

_PAGE = 10
_FILTERS = {"receiveddatetime"}


class State(Struct, frozen=True, kw_only=True):
    """Where a round stands."""

    folder: str
    select: str = ""
    filter: str = ""
    since: int | None = None
    """The position this round tells the changes since; None in the first, which tells everything."""
    until: int
    """The position at which it began: the next round's `since`."""
    given: int = 0
    """How many entries of the round were handed out."""
    empty: int = 0
    """How many empty pages."""


class Delta:
    def __init__(
        self,
        calls: Calls,
        office: PostOffice,
        messages: Messages,
        library: Library,
        folders: Folders,
        limits: Limits,
    ) -> None:
        self._calls = calls
        self._office = office
        self._messages = messages
        self._library = library
        self._folders = folders
        self._limits = limits

    def routes(self) -> list[Route]:
        path = "/me/mailFolders/{folder}/messages/delta"
        return [
            self._calls.route("GET", path, "graph.messages.delta", self._delta, BASIC_MAIL),
            self._calls.route("GET", f"{path}()", "graph.messages.delta", self._delta, BASIC_MAIL),
        ]

    def _delta(self, request: Request, box: Mailbox) -> Response:
        with self._office.store:
            folder = self._folders.find(box, request.args["folder"])
            state = self._state(request, box, folder)
            shape = replace(shape_of(request), select=selected(state.select))
            if state.empty < self._limits.delta_empty_pages:
                return self._page(request, [], replace(state, empty=state.empty + 1), more=True)
            entries = self._entries(request, box, state)
            end = state.given + _page_size(request)
            page = [self._shown(entry, shape) for entry in entries[state.given : end]]
            after = replace(state, given=end)
            return self._page(request, page, after, more=len(entries) > end)

    # -- The round --------------------------------------------------------------------------------

    def _state(self, request: Request, box: Mailbox, folder: str) -> State:
        """Of the token in the link, else of a round that begins. Raises Refused."""
        if token := request.param("$skiptoken"):
            return self._checked(request, box, folder, _decoded(token))
        if token := request.param("$deltatoken"):
            if token == "latest":  # noqa: S105 - a word of the protocol
                return State(folder=folder, since=box.position.last, until=box.position.last)
            ended = self._checked(request, box, folder, _decoded(token))
            return replace(ended, since=ended.until, until=box.position.last, given=0, empty=0)
        for name in ("$search", "$expand", "$skip"):
            if request.param(name):
                raise errors.invalid("ErrorInvalidUrlQuery", f"{name} is not supported with delta.")
        return State(
            folder=folder,
            select=request.param("$select"),
            filter=request.param("$filter"),
            until=box.position.last,
        )

    def _checked(self, request: Request, box: Mailbox, folder: str, state: State | None) -> State:
        if state is None or state.folder != folder:
            raise errors.invalid("SyncStateInvalid", "The sync state is not valid.")
        oldest = state.until if state.since is None else state.since
        if oldest < box.position.floor:
            refused = errors.refuse(410)
            refused.response.headers["Location"] = link(request, request.path, {"$deltatoken": ""})
            raise refused
        return state

    def _entries(self, request: Request, box: Mailbox, state: State) -> list[Message | str]:
        """Messages as they are now, and the ids of those that are not in the folder any more."""
        keep = _filter(state.filter)
        if state.since is None:
            inside = self._inside(box, state, keep)
            cap = self._limits.filtered_delta_messages if state.filter else None
            return list(inside)[:cap]
        changed = self._changed(box, state, keep, _immutable_ids(request))
        replayed = list(self._inside(box, state, keep))[: self._limits.delta_replays]
        return [*changed, *replayed]

    def _inside(
        self, box: Mailbox, state: State, keep: odata.Filter | None
    ) -> Iterator[Message]:
        """As they were when the round began, newest first; what came later belongs to the next."""
        for message in box.newest_first():
            inside = place(message.labels) == state.folder
            if inside and (keep is None or keep.matches(self._library.view(message))):
                yield message

    def _changed(
        self, box: Mailbox, state: State, keep: odata.Filter | None, immutable: bool
    ) -> Iterator[Message | str]:
        first: dict[str, Change] = {}
        for change in box.changes_after(state.since or 0):
            if change.number <= state.until:
                first.setdefault(change.message, change)
        for key, change in first.items():
            message = box.messages.get(key)
            if message and place(message.labels) == state.folder:
                if keep is None or keep.matches(self._library.view(message)):
                    yield message
            elif _folder_before(change) == state.folder:
                yield _removed_id(change, immutable)

    # -- The answer -------------------------------------------------------------------------------

    def _shown(self, entry: Message | str, shape: Shape) -> dict[str, Any]:
        if isinstance(entry, Message):
            return self._messages.shown(entry, shape)
        return {"id": entry, "@removed": {"reason": "deleted"}}

    def _page(
        self, request: Request, entries: list[dict[str, Any]], state: State, *, more: bool
    ) -> Response:
        name, token = ("nextLink", "$skiptoken") if more else ("deltaLink", "$deltatoken")
        url = link(request, request.path, {token: _encoded(state)})
        return json_response(
            {
                "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(message)",
                "value": entries,
                f"@odata.{name}": url,
            }
        )
