"""The folder calls, and which folder a path of the API means."""

from typing import Any

from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.mail import Mailbox, Message
from infra.simulator.microsoft import errors, ids
from infra.simulator.microsoft.calls import BASIC_MAIL, Calls, again, top, whole_number
from infra.simulator.microsoft.places import ROOT, WELL_KNOWN, lineage, parent, place, title
from infra.simulator.postoffice import PostOffice

Tree = dict[str, list[Message]]
"""Every folder's path and what lies in it."""


class Folders:
    def __init__(self, calls: Calls, office: PostOffice) -> None:
        self._calls = calls
        self._office = office

    def routes(self) -> list[Route]:
        route = self._calls.route
        folders = "/me/mailFolders"
        list_, get = "graph.mailFolders.list", "graph.mailFolders.get"
        return [
            route("GET", folders, list_, self._top, BASIC_MAIL),
            route("GET", f"{folders}/{{folder}}", get, self._get, BASIC_MAIL),
            route("GET", f"{folders}/{{folder}}/childFolders", list_, self._children, BASIC_MAIL),
        ]

    def add(self, account: str, path: str) -> str:
        """Makes "Customers/Harbor" and what lies above it; the id of the innermost."""
        address = self._office.mailbox(account).account.address
        with self._office.store:
            for piece in lineage(path):
                self._office.add_place(address, piece)
        return ids.folder(address, path)

    def remove(self, account: str, path: str) -> None:
        """With all below it. Raises KeyError for one that is not there."""
        with self._office.store:
            box = self._office.mailbox(account)
            for piece in [p for p in box.places if path in lineage(p)] or [path]:
                self._office.remove_place(account, piece)

    def find(self, box: Mailbox, given: str) -> str:
        """The path of a folder by id or well-known name. Raises Refused (404)."""
        if given.lower() in WELL_KNOWN:
            return WELL_KNOWN[given.lower()][0]
        account = box.account.address
        for path in _paths(box):
            if ids.folder(account, path) == given:
                return path
        raise errors.refuse(404)

    # -- Calls ------------------------------------------------------------------------------------

    def _top(self, request: Request, box: Mailbox) -> Response:
        return self._listed(request, box, ROOT)

    def _children(self, request: Request, box: Mailbox) -> Response:
        return self._listed(request, box, self.find(box, request.args["folder"]))

    def _get(self, request: Request, box: Mailbox) -> Response:
        path = self.find(box, request.args["folder"])
        with self._office.store:
            tree = self._tree(box)
        return json_response(_picked(request, _shown(box, tree, path)))

    def _listed(self, request: Request, box: Mailbox, above: str) -> Response:
        skip, most = whole_number(request, "$skip", 0), top(request)
        with self._office.store:
            tree = self._tree(box)
        paths = sorted(_below(tree, above), key=title)
        folders = [_shown(box, tree, path) for path in paths[skip : skip + most]]
        answer: dict[str, Any] = {"value": [_picked(request, folder) for folder in folders]}
        if len(paths) > skip + most:
            answer["@odata.nextLink"] = again(request, {"$skip": skip + most})
        return json_response(answer)

    def _tree(self, box: Mailbox) -> Tree:
        tree: Tree = {path: [] for path in _paths(box)}
        for message in box.messages.values():
            tree[place(message.labels)].append(message)
        return tree


def _paths(box: Mailbox) -> dict[str, None]:
    """Of every folder."""
    known = (path for path, _ in WELL_KNOWN.values())
    return {piece: None for path in (*known, *box.places) for piece in lineage(path)}


def _below(tree: Tree, above: str) -> list[str]:
    return [path for path in tree if path != ROOT and parent(path) == above]


def _shown(box: Mailbox, tree: Tree, path: str) -> dict[str, Any]:
    account, inside = box.account.address, tree[path]
    return {
        "id": ids.folder(account, path),
        "displayName": title(path),
        "parentFolderId": ids.folder(account, parent(path)),
        "childFolderCount": len(_below(tree, path)),
        "unreadItemCount": sum("UNREAD" in message.labels for message in inside),
        "totalItemCount": len(inside),
        "sizeInBytes": sum(message.size for message in inside),
        "isHidden": False,
    }


def _picked(request: Request, folder: dict[str, Any]) -> dict[str, Any]:
    wanted = {name.strip() for name in request.param("$select").split(",") if name.strip()}
    return {name: v for name, v in folder.items() if not wanted or name in wanted | {"id"}}
