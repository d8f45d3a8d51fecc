"""Task: ask the provider whether one mailbox's grant still holds."""

from shared.endpoints import Request, Response, TaskApi, TaskCall
from shared.services import grants

api = TaskApi("check_mailbox")


@api.handler
def run(call: TaskCall, body: grants.CheckTask) -> None:
    grants.check(call.world, body.mailbox_id)


def check_mailbox(request: Request) -> Response:
    return api(request)
