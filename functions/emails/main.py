"""/emails: write, change, send, cancel, follow."""

from shared.domain.versions import IfMatch
from shared.services.sending import emails as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("emails", body_limit=4 * 1024 * 1024)


@api.post("/", status=202, location="/{id}")
def create(call: Call, body: service.NewEmail) -> service.EmailView:
    return service.create(call.world, call.caller, body, call.idempotency_key)


@api.get("/")
def list_(call: Call, query: service.EmailQuery) -> service.EmailList:
    return service.list_(call.world, call.caller, query)


@api.get("/{email_id}")
def show(call: Call, email_id: str) -> service.EmailView:
    return service.show(call.world, call.caller, email_id)


@api.patch("/{email_id}")
def change(
    call: Call, email_id: str, body: service.EmailChange, if_match: IfMatch
) -> service.EmailView:
    return service.change(call.world, call.caller, email_id, body, if_match)


@api.delete("/{email_id}")
def delete(call: Call, email_id: str, if_match: IfMatch) -> None:
    service.delete(call.world, call.caller, email_id, if_match)


@api.post("/{email_id}/send", status=202)
def send(call: Call, email_id: str, if_match: IfMatch) -> service.EmailView:
    return service.send(call.world, call.caller, email_id, if_match)


@api.post("/{email_id}/cancel")
def cancel(call: Call, email_id: str, if_match: IfMatch) -> service.EmailView:
    return service.cancel(call.world, call.caller, email_id, if_match)


def emails(request: Request) -> Response:
    return api(request)
