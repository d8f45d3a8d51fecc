"""Task: bring one feed of a mailbox up to date."""

from shared.services.syncing import engine
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("sync_mailbox")


@api.handler
def run(call: TaskCall, body: engine.SyncTask) -> None:
    engine.run(call.world, body.mailbox_id, body.feed)


def sync_mailbox(request: Request) -> Response:
    return api(request)
