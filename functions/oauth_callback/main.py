"""GET /oauth_callback: where the provider sends the user back."""

from shared.endpoints import Api, PublicCall, Redirect, Request, Response
from shared.services import connect

api = Api("oauth_callback")


@api.get("/", public=True)
def finish(call: PublicCall, query: dict[str, str]) -> connect.Ended | Redirect:
    ended = connect.finish(call.world, query)
    return Redirect(ended.url()) if ended.return_to else ended


def oauth_callback(request: Request) -> Response:
    return api(request)
