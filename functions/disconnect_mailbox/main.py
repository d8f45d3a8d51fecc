"""Task: finish disconnecting one mailbox."""

from shared.endpoints import Request, Response, TaskApi, TaskCall
from shared.services import disconnecting

api = TaskApi("disconnect_mailbox")


@api.handler
def run(call: TaskCall, body: disconnecting.DisconnectTask) -> None:
    disconnecting.run(call.world, body.team_id, body.mailbox_id)


def disconnect_mailbox(request: Request) -> Response:
    return api(request)
