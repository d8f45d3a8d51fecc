"""/team: settings of the whole team."""

from shared.domain.versions import IfMatch
from shared.services.accounts import team as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("team")


@api.get("/")
def show(call: Call) -> service.TeamView:
    """The team's settings."""
    return service.show(call.world, call.caller)


@api.patch("/", example={"default_visibility": "subject", "own_domains": ["acme.example"]})
def change(call: Call, body: service.TeamChange, if_match: IfMatch) -> service.TeamView:
    """Change the team's settings; for admins.

    A narrower `widest_visibility` holds at once, for every mailbox.
    """
    return service.change(call.world, call.caller, body, if_match)


def team(request: Request) -> Response:
    return api(request)
