"""POST /oauth_start: where to send the user for consent."""

from shared.endpoints import Api, Call, Request, Response
from shared.services import connect

api = Api("oauth_start")


@api.post("/")
def start(call: Call, body: connect.StartConsent) -> connect.ConsentUrl:
    return connect.start(call.world, call.caller, body)


def oauth_start(request: Request) -> Response:
    return api(request)
