"""GET /messages/{id}: one stored mail, its HTML safe to show."""

from shared.services.timelines import messages as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("messages")


@api.get("/{message_id}")
def show(call: Call, message_id: str) -> service.MessageView:
    """One mail in full; the mailbox's audit trail has who read it."""
    return service.show(call.world, call.caller, message_id, unread=call.head)


def messages(request: Request) -> Response:
    return api(request)
