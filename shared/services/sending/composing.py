"""Checking what an author wrote: every wrong field of an email is named, none is dropped."""

from collections.abc import Mapping

from msgspec import Struct

from shared.domain.caller import Caller
from shared.domain.emails import Email
from shared.domain.errors import FieldError, InvalidRequest
from shared.domain.mail import Address, reply_subject
from shared.mime.addresses import require_sendable
from shared.ports.world import World
from shared.services import access

MAX_BODY = 700_000
"""UTF-8 bytes of HTML and text together: the record must fit one document."""


class Recipient(Struct, forbid_unknown_fields=True):
    address: str
    name: str = ""


Recipients = tuple[str | Recipient, ...]
"""Plain addresses, or objects that add a name to show."""


def fill(world: World, caller: Caller, email: Email, given: Mapping[str, object]) -> None:
    """Takes over the fields that the caller gives. Raises InvalidRequest naming every one that is wrong."""
    errors: list[FieldError] = []
    for field in ("to", "cc", "bcc"):
        if field in given:
            setattr(email, field, _recipients(field, given[field], errors))
    for field in ("subject", "html", "text", "in_reply_to"):
        if field in given:
            setattr(email, field, given[field])
    count = len(email.to) + len(email.cc) + len(email.bcc)
    if count > world.settings.max_recipients:
        errors.append(
            FieldError("/to", f"at most {world.settings.max_recipients} recipients in all")
        )
    if any(character in email.subject for character in "\r\n\0"):
        errors.append(FieldError("/subject", "must be one line"))
    for body in ("html", "text"):
        if "\0" in getattr(email, body):
            errors.append(FieldError(f"/{body}", "must not hold NUL characters"))
    if len(email.html.encode()) + len(email.text.encode()) > MAX_BODY:
        errors.append(FieldError("/html", f"HTML and text may have {MAX_BODY} bytes together"))
    if "in_reply_to" in given:
        answered = access.answerable(world, caller, email.in_reply_to)
        if email.in_reply_to and answered is None:
            errors.append(FieldError("/in_reply_to", "there is no such message"))
        same = answered is not None and answered.mailbox_id == email.mailbox_id
        email.answers = answered.in_thread if answered and same else ""
    if errors:
        raise InvalidRequest("This email cannot be sent as it is.", errors=errors)


def complete(world: World, caller: Caller, email: Email) -> None:
    """What an answer that is about to leave takes from the mail it answers, where its author gave
    nothing: subject and recipients. Raises InvalidRequest for an email that says nothing at all."""
    if not (email.subject.strip() or email.text.strip() or email.html.strip()):
        raise InvalidRequest.field("/text", "an email needs a subject or a text")
    if message := access.answerable(world, caller, email.in_reply_to):
        answered = message.envelope
        email.subject = email.subject or reply_subject(answered.subject)
        if not email.to + email.cc + email.bcc:
            email.to = answered.answered_to()
    if not email.to + email.cc + email.bcc:
        raise InvalidRequest.field("/to", "an email needs at least one recipient")


def _recipients(field: str, given: object, errors: list[FieldError]) -> tuple[Address, ...]:
    good: list[Address] = []
    assert isinstance(given, tuple)  # noqa: S101  # by the request's type
    for place, one in enumerate(given):
        recipient = Recipient(one) if isinstance(one, str) else one
        try:
            if any(character in recipient.name for character in "\r\n\0"):
                raise ValueError("the name must be one line")
            good.append(Address(require_sendable(recipient.address), recipient.name))
        except ValueError as error:
            errors.append(FieldError(f"/{field}/{place}", str(error)))
    return tuple(good)
