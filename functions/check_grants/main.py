"""Scheduled: a validation task for each mailbox that was not asked about for a day."""

from shared.endpoints import Request, Response, TaskApi, TaskCall
from shared.services import grants

api = TaskApi("check_grants")


@api.handler
def run(call: TaskCall) -> None:
    grants.dispatch(call.world)


def check_grants(request: Request) -> Response:
    return api(request)
