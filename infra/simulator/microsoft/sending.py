"""sendMail: 202 and nothing else; the mail leaves, and a copy lies in Sent Items a little later."""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from email.utils import format_datetime, formataddr

import msgspec
from msgspec import Struct

from infra.simulator import headers
from infra.simulator.http import Request, Response, Route
from infra.simulator.mail import Account, Later, Mailbox
from infra.simulator.microsoft import compose, errors
from infra.simulator.microsoft.calls import SEND_MAIL, Calls
from infra.simulator.microsoft.limits import Limits
from infra.simulator.postoffice import PostOffice
from infra.simulator.quota import exceeds

_MOST_HEADERS = 5


class Body(Struct, rename="camel", forbid_unknown_fields=True):
    message: compose.MessageIn
    save_to_sent_items: bool = True


class Outgoing(Struct, frozen=True):
    """A mail that is fit to leave."""

    raw: bytes
    recipients: list[str]
    saved: bool = True
    properties: Mapping[str, str] = {}


class Sending:
    def __init__(self, calls: Calls, office: PostOffice, limits: Limits) -> None:
        self._calls = calls
        self._office = office
        self._limits = limits

    def routes(self) -> list[Route]:
        return [self._calls.route("POST", "/me/sendMail", "graph.sendMail", self._send, SEND_MAIL)]

    def _send(self, request: Request, box: Mailbox) -> Response:
        if exceeds(len(request.body), self._limits.request_bytes):
            raise errors.refuse(413, message="Maximum request length exceeded.")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/plain":
            outgoing = self._from_mime(request.body, box.account)
        elif kind == "application/json":
            outgoing = self._from_json(request.body, box.account)
        else:
            raise errors.refuse(415, "RequestBodyRead", f"Content-Type '{kind}' is not supported.")
        self._check_number(outgoing.recipients)
        with self._office.store:
            self._leave(outgoing, box.account)
        return Response(202)

    def _leave(self, outgoing: Outgoing, account: Account) -> None:
        own, now = account.address, self._office.clock.now()
        host = "EURP000MB0000.eurp000.prod.outlook.com"
        stamps = [
            ("From", formataddr((account.name, own))),
            ("Date", format_datetime(now)),
            ("Message-ID", f"<{secrets.token_hex(16).upper()}@{host}>"),
        ]
        raw = headers.edited(outgoing.raw, drop=[name for name, _ in stamps], add=stamps)
        if outgoing.saved:
            due = int(now.timestamp() * 1000) + self._limits.sent_items_delay_seconds * 1000
            self._office.add_later(
                Later(
                    account=own,
                    raw=raw,
                    labels=("SENT",),
                    properties=dict(outgoing.properties),
                    due=due,
                )
            )
        self._office.post(raw, sender=own, recipients=outgoing.recipients)
        self._office.mailbox(own)  # what is due at once lies there when the caller hears of it

    # -- What is asked ----------------------------------------------------------------------------

    def _from_json(self, body: bytes, account: Account) -> Outgoing:
        """Raises Refused."""
        try:
            given = msgspec.json.decode(body, type=Body)
        except msgspec.DecodeError as error:
            raise errors.invalid("RequestBodyRead", str(error)) from error
        message = given.message
        _check_headers(message.internet_message_headers)
        self._check_attachments(message.attachments)
        for named in (message.sender_from, message.sender):
            _check_sender([named.address.lower()] if named else [], account)
        invalid = [r.address for r in message.recipients + message.reply_to if not r.valid]
        if invalid:
            raise _unresolved(invalid[0])
        recipients = list(dict.fromkeys(r.address.lower() for r in message.recipients))
        return Outgoing(
            compose.mail(message), recipients, given.save_to_sent_items, message.properties
        )

    def _from_mime(self, body: bytes, account: Account) -> Outgoing:
        """Raises Refused."""
        try:
            raw = base64.b64decode(b"".join(body.split()), validate=True)
        except binascii.Error as error:
            text = "The MIME content is no base64."
            raise errors.invalid("ErrorMimeContentInvalidBase64String", text) from error
        facts, fields = headers.facts(raw), headers.fields(raw)
        _check_sender(facts.people["from"].addresses, account)
        for name in ("to", "cc", "bcc"):
            if headers.unreachable(fields, name):
                raise _unresolved(headers.first(fields, name))
        return Outgoing(raw, facts.recipients)

    def _check_attachments(self, attachments: Sequence[compose.AttachmentIn]) -> None:
        for given in attachments:
            if exceeds(len(given.content_bytes), self._limits.attachment_bytes):
                message = f"The attachment '{given.name}' needs an upload session."
                raise errors.refuse(413, "ErrorAttachmentSizeLimitExceeded", message)

    def _check_number(self, recipients: Sequence[str]) -> None:
        if not recipients:
            message = "At least one recipient is not valid., No recipient was given."
            raise errors.invalid("ErrorInvalidRecipients", message)
        if exceeds(len(recipients), self._limits.recipients_per_message):
            message = "The message has too many recipients."
            raise errors.invalid("ErrorExceededMaxRecipientLimit", message)


def _check_headers(asked: Sequence[compose.HeaderIn]) -> None:
    if len(asked) > _MOST_HEADERS:
        message = f"No more than {_MOST_HEADERS} internet message headers can be set."
        raise errors.invalid("InvalidInternetMessageHeaderCollection", message)
    for given in asked:
        if not (given.name.lower().startswith("x-") and given.name.isprintable()):
            message = (
                f"The internet message header name '{given.name}' should start with 'x-' or 'X-'."
            )
            raise errors.invalid("InvalidInternetMessageHeader", message)


def _check_sender(named: Sequence[str], account: Account) -> None:
    if any(address != account.address for address in named):
        message = (
            "The user account which was used to submit this request does not have the right to send "
            "mail on behalf of the specified sending account."
        )
        raise errors.refuse(403, "ErrorSendAsDenied", message)


def _unresolved(name: str) -> Exception:
    message = (
        f"At least one recipient is not valid., Recipient '{name}' is not resolved. All recipients "
        "must be resolved before a message can be submitted."
    )
    return errors.invalid("ErrorInvalidRecipients", message)
