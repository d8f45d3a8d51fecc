"""/emails: write, change, send, cancel, follow."""

from shared.domain.versions import IfMatch
from shared.services.sending import emails as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("emails", body_limit=4 * 1024 * 1024)


@api.post(
    "/",
    status=202,
    location="/{id}",
    example={
        "mailbox_id": "{mailbox_id}",
        "to": ["priya@north-loop.example"],
        "subject": "Hello",
        "html": "<p>See you on Friday.</p>",
    },
)
def create(call: Call, body: service.NewEmail) -> service.EmailView:
    """Send an email, or keep it as a draft.

    It is stored before anything is sent, and under one Idempotency-Key it is sent once. What cannot be
    decided, sent or not, ends as `unknown` and is never sent again by itself.
    """
    return service.create(call.world, call.caller, body, call.idempotency_key)


@api.get("/")
def list_(call: Call, query: service.EmailQuery) -> service.EmailList:
    """The caller's own emails, newest first; or those of a mailbox."""
    return service.list_(call.world, call.caller, query)


@api.get("/{email_id}")
def show(call: Call, email_id: str) -> service.EmailView:
    """One email, and what became of it."""
    return service.show(call.world, call.caller, email_id)


@api.patch("/{email_id}", example={"subject": "Friday", "to": ["priya@north-loop.example"]})
def change(
    call: Call, email_id: str, body: service.EmailChange, if_match: IfMatch
) -> service.EmailView:
    """Change a draft."""
    return service.change(call.world, call.caller, email_id, body, if_match)


@api.delete("/{email_id}")
def delete(call: Call, email_id: str, if_match: IfMatch) -> None:
    """Delete a draft, or what was cancelled."""
    service.delete(call.world, call.caller, email_id, if_match)


@api.post("/{email_id}/send", status=202)
def send(call: Call, email_id: str, if_match: IfMatch) -> service.EmailView:
    """Send a draft, or again what certainly failed."""
    return service.send(call.world, call.caller, email_id, if_match)


@api.post("/{email_id}/cancel")
def cancel(call: Call, email_id: str, if_match: IfMatch) -> service.EmailView:
    """Cancel it before it leaves."""
    return service.cancel(call.world, call.caller, email_id, if_match)


def emails(request: Request) -> Response:
    return api(request)
