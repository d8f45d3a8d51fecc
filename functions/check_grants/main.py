"""Scheduled: a validation task for each mailbox that was not asked about for a day."""

from shared.services.accounts import validation
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("check_grants")


@api.handler
def run(call: TaskCall) -> None:
    validation.dispatch(call.world)


def check_grants(request: Request) -> Response:
    return api(request)
