"""POST /oauth_start: where to send the user for consent."""

from shared.services.accounts import connecting
from shared.web.endpoints import Api, Call, Request, Response

api = Api("oauth_start")


@api.post("/", example={"provider": "google", "login_hint": "ana@example.com"})
def start(call: Call, body: connecting.StartConsent) -> connecting.ConsentUrl:
    """Begin a consent.

    With `mailbox_id` the mailbox is connected again, and no other account will do.
    """
    return connecting.start(call.world, call.caller, body)


def oauth_start(request: Request) -> Response:
    return api(request)
