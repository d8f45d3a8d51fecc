"""GET /oauth_callback: where the provider sends the user back."""

from typing import Annotated

from shared.services.accounts import connecting
from shared.web.endpoints import Api, PublicCall, Redirect, Request, Response

api = Api("oauth_callback")


@api.get("/", public=True, head=False)
def finish(
    call: PublicCall, query: Annotated[dict[str, str], connecting.ProvidersAnswer]
) -> connecting.Ended | Redirect:
    """Where the provider sends the browser when a consent ends.

    It goes on to `return_to` with `connection=…`, or with `error=…` and `error_description=…`; without
    a `return_to` it answers that itself.
    """
    ended = connecting.finish(call.world, query)
    return Redirect(ended.url()) if ended.return_to else ended


def oauth_callback(request: Request) -> Response:
    return api(request)
