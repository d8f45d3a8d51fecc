"""/threads/{id}: one conversation, and what colleagues see of it."""

from shared.services.timelines import threads as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("threads")


@api.get("/{thread_id}")
def show(call: Call, thread_id: str) -> service.ThreadView:
    return service.show(call.world, call.caller, thread_id)


@api.patch("/{thread_id}")
def change(call: Call, thread_id: str, body: service.ThreadChange) -> service.ThreadView:
    return service.change(call.world, call.caller, thread_id, body)


def threads(request: Request) -> Response:
    return api(request)
