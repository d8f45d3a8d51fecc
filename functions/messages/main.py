"""/messages/{id}: one stored mail, its HTML safe to show, and its files."""

from shared.services import files
from shared.services.timelines import messages as service
from shared.web import answers
from shared.web.endpoints import Api, Call, PublicCall, Request, Response, Stream

api = Api("messages")


@api.get("/{message_id}")
def show(call: Call, message_id: str) -> service.MessageView:
    """One mail in full; the mailbox's audit trail has who read it.

    Its HTML shows the pictures that belong to it for ten minutes.
    """
    return service.show(call.world, call.caller, message_id, unread=call.head)


@api.get("/{message_id}/attachments/{number}", head=False)
def download(call: Call, message_id: str, number: str) -> Stream:
    """A file of a mail, from its provider.

    `number` counts from 0, as the mail lists its attachments.
    """
    file = files.read(call.world, call.caller, message_id, number)
    return answers.file(file.attachment.name, file.attachment.mime_type, file.pieces)


@api.get("/{message_id}/images/{number}", public=True, head=False, listed=False)
def picture(call: PublicCall, message_id: str, number: str, query: service.Ticketed) -> Stream:
    file = files.image(call.world, query.ticket, message_id, number)
    kind = file.attachment.mime_type
    return answers.file(file.attachment.name, kind, file.pieces, inline=True)


def messages(request: Request) -> Response:
    return api(request)
