"""Task: finish disconnecting one mailbox."""

from shared.services.accounts import disconnecting
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("disconnect_mailbox")


@api.handler
def run(call: TaskCall, body: disconnecting.DisconnectTask) -> None:
    disconnecting.run(call.world, body.team_id, body.mailbox_id)


def disconnect_mailbox(request: Request) -> Response:
    return api(request)
