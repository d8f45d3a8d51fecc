"""/threads/{id}: one conversation, and what colleagues see of it."""

from shared.domain.versions import IfMatch
from shared.services.timelines import threads as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("threads")


@api.get("/{thread_id}")
def show(call: Call, thread_id: str) -> service.ThreadView:
    """A conversation's stored mails, as far as the caller may see them."""
    return service.show(call.world, call.caller, thread_id)


@api.patch("/{thread_id}", example={"access": "private"})
def change(
    call: Call, thread_id: str, body: service.ThreadChange, if_match: IfMatch
) -> service.ThreadView:
    """Hide a conversation from colleagues, or show it to them.

    For the owner of its mailbox. It holds at once, for mail that is stored already too.
    """
    return service.change(call.world, call.caller, thread_id, body, if_match)


def threads(request: Request) -> Response:
    return api(request)
