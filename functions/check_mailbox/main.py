"""Task: ask the provider whether one mailbox's grant still holds."""

from shared.services.accounts import validation
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("check_mailbox")


@api.handler
def run(call: TaskCall, body: validation.CheckTask) -> None:
    validation.check(call.world, body.mailbox_id)


def check_mailbox(request: Request) -> Response:
    return api(request)
