"""Graph's reading calls: the profile, lists of messages, one message, its MIME, its attachments."""

from collections.abc import Iterator
from typing import Any

from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.mail import Account, Mailbox, Message
from infra.simulator.microsoft import attachments, errors, ids, kql, odata
from infra.simulator.microsoft.calls import (
    BASIC_MAIL,
    PROFILE,
    READ_MAIL,
    Calls,
    again,
    preference,
    top,
    whole_number,
)
from infra.simulator.microsoft.directory import Directory
from infra.simulator.microsoft.folders import Folders
from infra.simulator.microsoft.limits import Limits
from infra.simulator.microsoft.resource import Library, Shape
from infra.simulator.microsoft.shape import shape_of
from infra.simulator.quota import exceeds


class Messages:
    def __init__(
        self,
        calls: Calls,
        library: Library,
        folders: Folders,
        directory: Directory,
        limits: Limits,
    ) -> None:
        self.library = library
        self.office = library.office
        self._calls = calls
        self._folders = folders
        self._directory = directory
        self._limits = limits

    def routes(self) -> list[Route]:
        route = self._calls.route
        one = "/me/messages/{id}"
        inside = "/me/mailFolders/{folder}/messages"
        parts = "graph.messages.attachments"
        return [
            route("GET", "/me", "graph.me", self._me, PROFILE),
            route("GET", "/me/messages", "graph.messages.list", self._list, BASIC_MAIL),
            route("GET", inside, "graph.messages.list", self._list, BASIC_MAIL),
            route("GET", one, "graph.messages.get", self._get, BASIC_MAIL),
            route("GET", f"{inside}/{{id}}", "graph.messages.get", self._get, BASIC_MAIL),
            route("GET", f"{one}/$value", "graph.messages.value", self._value, READ_MAIL),
            route("GET", f"{one}/attachments", parts, self._attachments, READ_MAIL),
            route("GET", f"{one}/attachments/{{part}}", parts, self._attachment, READ_MAIL),
            route("GET", f"{one}/attachments/{{part}}/$value", parts, self._file, READ_MAIL),
        ]

    # -- The mailbox ------------------------------------------------------------------------------

    def _me(self, request: Request, box: Mailbox) -> Response:
        profile = self._profile(box.account)
        wanted = [name.strip() for name in request.param("$select").split(",") if name.strip()]
        shown = {name: profile.get(name) for name in wanted} if wanted else profile
        return json_response(
            {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users"} | shown
        )

    def _profile(self, account: Account) -> dict[str, Any]:
        person = self._directory.person(account.address)
        return {
            "businessPhones": [],
            "displayName": account.name,
            "givenName": account.name.split()[0],
            "jobTitle": None,
            "mail": account.address if person.has_mail else None,
            "mobilePhone": None,
            "officeLocation": None,
            "preferredLanguage": None,
            "surname": account.name.split()[-1],
            "userPrincipalName": self._directory.user_principal_name(account),
            "id": self._directory.oid(account),
        }

    # -- Lists ------------------------------------------------------------------------------------

    def _list(self, request: Request, box: Mailbox) -> Response:
        shape, most = shape_of(request), top(request)
        searching = bool(request.param("$search"))
        skip = self._skip(request, "$skiptoken" if searching else "$skip")
        with self.office.store:
            found = self._found(request, box)
            shown = [self.shown(message, shape) for message in found[skip : skip + most]]
        answer: dict[str, Any] = {"value": shown}
        if request.param("$count") == "true":
            answer["@odata.count"] = len(found)
        if len(found) > skip + most:
            name = "$skiptoken" if searching else "$skip"
            answer["@odata.nextLink"] = again(request, {name: skip + most})
        return json_response(answer)

    def _skip(self, request: Request, name: str) -> int:
        """Lists are paged by number, so what arrives meanwhile shifts the pages: as Graph's do."""
        return whole_number(request, name, 0)

    def _found(self, request: Request, box: Mailbox) -> list[Message]:
        messages = self._searched(request, self._placed(request, box))
        given = odata.Filter(request.param("$filter")) if request.param("$filter") else None
        if given:
            messages = (m for m in messages if given.matches(self.library.view(m)))
        if not (wanted := request.param("$orderby")):
            return list(messages)
        order = odata.Order(wanted, given)
        return sorted(
            messages, key=lambda m: order.key(self.library.view(m)), reverse=order.descending
        )

    def _placed(self, request: Request, box: Mailbox) -> Iterator[Message]:
        if "folder" not in request.args:
            return box.newest_first()
        path = self._folders.find(box, request.args["folder"])
        return (m for m in box.newest_first() if self.library.view(m).folder == path)

    def _searched(self, request: Request, messages: Iterator[Message]) -> Iterator[Message]:
        if not (query := request.param("$search")):
            yield from messages
            return
        for name in ("$filter", "$orderby"):
            if request.param(name):
                text = f"The query parameter '{name}' is not supported with '$search'."
                raise errors.invalid("SearchWithFilter", text)
        matches = kql.compile_search(query)
        found = (m for m in messages if matches(self.library.view(m)))
        for number, message in enumerate(found, 1):
            if exceeds(number, self._limits.search_results):
                return
            yield message

    # -- One message ------------------------------------------------------------------------------

    def _get(self, request: Request, box: Mailbox) -> Response:
        shape = shape_of(request)
        response = json_response(self.shown(self.find(request, box), shape))
        if preference(request, "outlook.body-content-type"):
            applied = f'outlook.body-content-type="{shape.body}"'
            response.headers["Preference-Applied"] = applied
        return response

    def _value(self, request: Request, box: Mailbox) -> Response:
        message = self.find(request, box)
        with self.office.store:
            return Response(200, self.office.raw(message), "text/plain")

    def _attachments(self, request: Request, box: Mailbox) -> Response:
        return json_response({"value": self._attached(request, box)})

    def _attachment(self, request: Request, box: Mailbox) -> Response:
        for attachment in self._attached(request, box):
            if attachment["id"] == request.args["part"]:
                return json_response(attachment)
        raise errors.refuse(404)

    def _file(self, request: Request, box: Mailbox) -> Response:
        """A file as it is; of an attached mail its source."""
        message = self.find(request, box)
        for number, one in enumerate(self.library.reading(message).attachments):
            if attachments.attachment_id(message, number) == request.args["part"]:
                return Response(200, one.content, one.content_type)
        raise errors.refuse(404)

    def _attached(self, request: Request, box: Mailbox) -> list[dict[str, Any]]:
        message = self.find(request, box)
        select = [name.strip() for name in request.param("$select").split(",") if name.strip()]
        return attachments.shown(message, self.library.reading(message), select)

    def find(self, request: Request, box: Mailbox) -> Message:
        """Raises Refused: 404, also when it lies in another folder than the path says."""
        message = ids.find(box, request.args["id"])
        if message is None:
            raise errors.refuse(404)
        if "folder" in request.args:
            path = self._folders.find(box, request.args["folder"])
            if self.library.view(message).folder != path:
                raise errors.refuse(404)
        return message

    def shown(self, message: Message, shape: Shape) -> dict[str, Any]:
        """Raises Refused (404) when it was deleted meanwhile."""
        try:
            return self.library.shown(message, shape)
        except KeyError:
            raise errors.refuse(404) from None
