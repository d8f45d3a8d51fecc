"""Task: deliver one email, once."""

from shared.services.sending import delivery
from shared.web.endpoints import PrivateApi, Request, Response, TaskCall

api = PrivateApi("deliver_email")


@api.handler
def run(call: TaskCall, body: delivery.DeliverTask) -> None:
    delivery.run(call.world, body.team_id, body.email_id)


def deliver_email(request: Request) -> Response:
    return api(request)
