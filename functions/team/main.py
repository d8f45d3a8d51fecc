"""/team: settings of the whole team."""

from shared.domain.versions import IfMatch
from shared.services.accounts import team as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("team")


@api.get("/")
def show(call: Call) -> service.TeamView:
    return service.show(call.world, call.caller)


@api.patch("/")
def change(call: Call, body: service.TeamChange, if_match: IfMatch) -> service.TeamView:
    return service.change(call.world, call.caller, body, if_match)


def team(request: Request) -> Response:
    return api(request)
