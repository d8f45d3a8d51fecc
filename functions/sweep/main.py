"""Scheduled: what crashes left behind is taken up again or cleared away."""

from shared.endpoints import Request, Response, TaskApi, TaskCall
from shared.services import sweep as service

api = TaskApi("sweep")


@api.handler
def run(call: TaskCall) -> None:
    service.run(call.world)


def sweep(request: Request) -> Response:
    return api(request)
