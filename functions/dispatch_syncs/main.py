"""Scheduled: one sync task for every mailbox that is due."""

from shared.services.syncing import engine
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("dispatch_syncs")


@api.handler
def dispatch(call: TaskCall) -> None:
    engine.dispatch(call.world)


def dispatch_syncs(request: Request) -> Response:
    return api(request)
