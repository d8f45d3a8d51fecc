"""Task: deliver one email, once."""

from shared.endpoints import Request, Response, TaskApi, TaskCall
from shared.services import deliver

api = TaskApi("deliver_email")


@api.handler
def run(call: TaskCall, body: deliver.DeliverTask) -> None:
    deliver.run(call.world, body.team_id, body.email_id)


def deliver_email(request: Request) -> Response:
    return api(request)
