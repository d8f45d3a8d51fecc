"""/mailboxes: confirm a connection, list, show, change, sync now, audit trail, disconnect."""

from shared.domain.versions import IfMatch
from shared.services.accounts import audit, confirming, disconnecting
from shared.services.accounts import mailboxes as service
from shared.services.paging import PageQuery
from shared.web.endpoints import Api, Call, Request, Response

api = Api("mailboxes")


@api.post("/", status=201, location="/{id}")
def confirm(call: Call, body: confirming.ConfirmConnection) -> service.MailboxView:
    return confirming.confirm(call.world, call.caller, body)


@api.get("/")
def list_(call: Call, query: PageQuery) -> service.MailboxList:
    return service.list_(call.world, call.caller, query)


@api.get("/{mailbox_id}")
def show(call: Call, mailbox_id: str) -> service.MailboxView:
    return service.show(call.world, call.caller, mailbox_id)


@api.patch("/{mailbox_id}")
def change(
    call: Call, mailbox_id: str, body: service.MailboxChange, if_match: IfMatch
) -> service.MailboxView:
    return service.change(call.world, call.caller, mailbox_id, body, if_match)


@api.post("/{mailbox_id}/sync", status=202)
def sync_now(call: Call, mailbox_id: str) -> service.MailboxView:
    return service.sync_now(call.world, call.caller, mailbox_id)


@api.get("/{mailbox_id}/audit")
def trail(call: Call, mailbox_id: str, query: PageQuery) -> audit.AuditList:
    return audit.list_(call.world, call.caller, mailbox_id, query)


@api.delete("/{mailbox_id}")
def disconnect(call: Call, mailbox_id: str, query: disconnecting.DisconnectQuery) -> None:
    disconnecting.disconnect(call.world, call.caller, mailbox_id, query)


def mailboxes(request: Request) -> Response:
    return api(request)
