"""Scheduled: what crashes left behind is taken up again or cleared away."""

from shared.services import sweep as service
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("sweep")


@api.handler
def run(call: TaskCall) -> None:
    service.run(call.world)


def sweep(request: Request) -> Response:
    return api(request)
