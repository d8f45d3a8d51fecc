"""Task: bring one mailbox up to date."""

from shared.endpoints import Request, Response, TaskApi, TaskCall
from shared.services import sync

api = TaskApi("sync_mailbox")


@api.handler
def run(call: TaskCall, body: sync.SyncTask) -> None:
    sync.run(call.world, body.mailbox_id)


def sync_mailbox(request: Request) -> Response:
    return api(request)
