"""The control API of what only Microsoft has.

GET · PATCH /_simulator/microsoft/people/{address}    some fields of a Person
GET · PATCH /_simulator/microsoft/tenants/{tenant}    some fields of a Tenant, by its id or name
POST /_simulator/microsoft/folders {account, path}    → {id}
POST /_simulator/microsoft/challenge {account}        → {claims}
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from infra.simulator.control_routes import OfAccount, act, patched, read
from infra.simulator.exchange import CONTROL
from infra.simulator.http import Refused, Request, Response, Route, json_response
from infra.simulator.microsoft.directory import Directory

_ROOT = "microsoft/"


class FolderIn(Struct, forbid_unknown_fields=True):
    account: str
    path: str


class MicrosoftControl:
    def __init__(
        self,
        directory: Directory,
        *,
        add_folder: Callable[[str, str], str],
        challenge: Callable[[str], str],
    ) -> None:
        self._directory = directory
        self._add_folder = add_folder
        self._challenge = challenge

    def routes(self) -> list[Route]:
        people, tenants = _ROOT + "people/{address}", _ROOT + "tenants/{tenant}"
        return [
            read(people, lambda request: self._directory.known(request.args["address"])),
            Route("PATCH", CONTROL + people, "control", self._change_person),
            read(tenants, lambda request: self._directory.tenant(request.args["tenant"])),
            Route("PATCH", CONTROL + tenants, "control", self._change_tenant),
            act("POST", _ROOT + "folders", FolderIn, self._folder),
            act("POST", _ROOT + "challenge", OfAccount, self._challenged),
        ]

    def _change_person(self, request: Request) -> Response:
        address = request.args["address"]
        try:
            changed = patched(request, self._directory.known(address))
        except KeyError:
            raise Refused(json_response({"error": f"there is no {address!r}"}, 404)) from None
        return json_response(self._directory.change(address, **msgspec.structs.asdict(changed)))

    def _change_tenant(self, request: Request) -> Response:
        tenant = request.args["tenant"]
        changed = patched(request, self._directory.tenant(tenant))
        return json_response(
            self._directory.change_tenant(tenant, **msgspec.structs.asdict(changed))
        )

    def _folder(self, body: FolderIn) -> object:
        return {"id": self._add_folder(body.account, body.path)}

    def _challenged(self, body: OfAccount) -> object:
        return {"claims": self._challenge(body.account)}
