"""POST /oauth_start: where to send the user for consent."""

from shared.services.accounts import connecting
from shared.web.endpoints import Api, Call, Request, Response

api = Api("oauth_start")


@api.post("/")
def start(call: Call, body: connecting.StartConsent) -> connecting.ConsentUrl:
    return connecting.start(call.world, call.caller, body)


def oauth_start(request: Request) -> Response:
    return api(request)
