"""Task: send one destination what it has not been told yet."""

from shared.services.events import relay
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("relay_events")


@api.handler
def run(call: TaskCall, body: relay.RelayTask) -> None:
    relay.run(call.world, body)


def relay_events(request: Request) -> Response:
    return api(request)
