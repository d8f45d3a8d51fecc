"""GET /events: what happened in the team, page by page."""

from shared.services.events import log as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("events")


@api.get("/")
def read(call: Call, query: service.EventQuery) -> service.EventPage:
    """What happened in the team, as far as the caller may see it: each event once, in order.

    Ask again with the `after` of the answer; with `wait`, an answer comes as soon as something happens.
    """
    return service.read(call.world, call.caller, query)


def events(request: Request) -> Response:
    return api(request)
