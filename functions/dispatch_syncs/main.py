"""Scheduled: one sync task for every mailbox that is due."""

from shared.endpoints import Request, Response, TaskApi, TaskCall
from shared.services import sync

api = TaskApi("dispatch_syncs")


@api.handler
def dispatch(call: TaskCall) -> None:
    sync.dispatch(call.world)


def dispatch_syncs(request: Request) -> Response:
    return api(request)
