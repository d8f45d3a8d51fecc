"""/openapi: the contract, for programs and as a page to read."""

from shared.web import reference
from shared.web.endpoints import Api, Content, PublicCall, Request, Response

api = Api("openapi", ready=lambda _world: None)


@api.get("/", public=True)
def show(call: PublicCall) -> Content:
    """This description.

    [/openapi/reference](/openapi/reference) shows it to people.
    """
    return reference.contract(call.settings)


@api.get("/reference", public=True, listed=False)
def read(call: PublicCall) -> Content:
    return reference.page()


@api.get("/{name}", public=True, listed=False)
def script(call: PublicCall, name: str) -> Content:
    return reference.script(name)


def openapi(request: Request) -> Response:
    return api(request)
