"""GET /oauth_callback: where the provider sends the user back."""

from shared.services.accounts import connecting
from shared.web.endpoints import Api, PublicCall, Redirect, Request, Response

api = Api("oauth_callback")


@api.get("/", public=True, head=False)
def finish(call: PublicCall, query: dict[str, str]) -> connecting.Ended | Redirect:
    ended = connecting.finish(call.world, query)
    return Redirect(ended.url()) if ended.return_to else ended


def oauth_callback(request: Request) -> Response:
    return api(request)
