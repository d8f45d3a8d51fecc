"""GET /events: what happened in the team, page by page."""

from shared.services.events import log as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("events")


@api.get("/")
def read(call: Call, query: service.EventQuery) -> service.EventPage:
    return service.read(call.world, call.caller, query)


def events(request: Request) -> Response:
    return api(request)
