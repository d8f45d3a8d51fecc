"""Scheduled: one sync task for every feed that is due."""

from shared.services import schedule
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("dispatch_syncs")


@api.handler
def dispatch(call: TaskCall) -> None:
    schedule.dispatch(call.world)


def dispatch_syncs(request: Request) -> Response:
    return api(request)
