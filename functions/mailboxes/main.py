"""/mailboxes: confirm a connection, list, show, change, sync now, audit trail, disconnect."""

from shared.domain.versions import IfMatch
from shared.services.accounts import audit, confirming, disconnecting
from shared.services.accounts import mailboxes as service
from shared.services.paging import PageQuery
from shared.web.endpoints import Api, Call, Request, Response

api = Api("mailboxes")


@api.post(
    "/",
    status=201,
    location="/{id}",
    example={"connection": "{connection}", "visibility": "subject"},
)
def confirm(call: Call, body: confirming.ConfirmConnection) -> service.MailboxView:
    """Confirm a connection: it becomes a mailbox, and its first sync starts."""
    return confirming.confirm(call.world, call.caller, body)


@api.get("/")
def list_(call: Call, query: service.MailboxQuery) -> service.MailboxList:
    """The caller's own mailboxes and shared ones, oldest first."""
    return service.list_(call.world, call.caller, query)


@api.get("/{mailbox_id}")
def show(call: Call, mailbox_id: str) -> service.MailboxView:
    """One mailbox: its state, and how far its sync is."""
    return service.show(call.world, call.caller, mailbox_id)


@api.patch("/{mailbox_id}", example={"name": "Ana Lima", "shared": True})
def change(
    call: Call, mailbox_id: str, body: service.MailboxChange, if_match: IfMatch
) -> service.MailboxView:
    """Name it, share it."""
    return service.change(call.world, call.caller, mailbox_id, body, if_match)


@api.post("/{mailbox_id}/sync", status=202)
def sync_now(call: Call, mailbox_id: str) -> service.MailboxView:
    """Sync it now."""
    return service.sync_now(call.world, call.caller, mailbox_id)


@api.get("/{mailbox_id}/audit")
def trail(call: Call, mailbox_id: str, query: PageQuery) -> audit.AuditList:
    """Who did what with it in the last year, newest first; for its owner and admins."""
    return audit.list_(call.world, call.caller, mailbox_id, query)


@api.delete("/{mailbox_id}")
def disconnect(
    call: Call, mailbox_id: str, query: disconnecting.DisconnectQuery, if_match: IfMatch
) -> None:
    """Disconnect it: the consent is revoked and its tokens are destroyed."""
    disconnecting.disconnect(call.world, call.caller, mailbox_id, query, if_match)


def mailboxes(request: Request) -> Response:
    return api(request)
