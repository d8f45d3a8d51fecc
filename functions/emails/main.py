"""/emails: write, change, send, cancel, follow."""

from shared.services.sending import emails as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("emails", body_limit=4 * 1024 * 1024)


@api.post("/", status=202, location="/{id}")
def create(call: Call, body: service.NewEmail, headers: service.EmailHeaders) -> service.EmailView:
    return service.create(call.world, call.caller, headers, body)


@api.get("/")
def list_(call: Call, query: service.EmailQuery) -> service.EmailList:
    return service.list_(call.world, call.caller, query)


@api.get("/{email_id}")
def show(call: Call, email_id: str) -> service.EmailView:
    return service.show(call.world, call.caller, email_id)


@api.patch("/{email_id}")
def change(call: Call, email_id: str, body: service.EmailChange) -> service.EmailView:
    return service.change(call.world, call.caller, email_id, body)


@api.delete("/{email_id}")
def delete(call: Call, email_id: str) -> None:
    service.delete(call.world, call.caller, email_id)


@api.post("/{email_id}/send", status=202)
def send(call: Call, email_id: str) -> service.EmailView:
    return service.send(call.world, call.caller, email_id)


@api.post("/{email_id}/cancel")
def cancel(call: Call, email_id: str) -> service.EmailView:
    return service.cancel(call.world, call.caller, email_id)


def emails(request: Request) -> Response:
    return api(request)
