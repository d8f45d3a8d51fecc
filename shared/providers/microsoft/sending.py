"""Our mail as Graph's sendMail takes it.

As JSON, for replies too: only there can a property of our own be given, by which the sent mail is
found again. Graph refuses In-Reply-To and References as headers (it takes X- ones alone), but
Exchange writes both from the message properties that it reads them into, and those it takes. The
MIME form could carry every header, but would be found again only if Exchange promoted one of them.

Exchange writes the plain text beside the HTML itself: Graph takes one body.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from shared.domain.errors import ProviderRejected
from shared.domain.mail import Address, OutgoingMail
from shared.mime import addresses
from shared.mime.build import build
from shared.providers.microsoft.mapping import IN_REPLY_TO, MARK, REFERENCES

LARGEST_REQUEST = 4_000_000
"""Bytes. What is larger is uploaded piece by piece into a draft, which takes Mail.ReadWrite."""


def body(mail: OutgoingMail) -> bytes:
    """Raises ProviderRejected for a mail that cannot be built or is too large."""
    try:
        build(mail)  # no mail may be sent here that could not be sent anywhere else
        request = msgspec.json.encode({"message": _message(mail), "saveToSentItems": True})
    except (ValueError, UnicodeEncodeError) as error:
        raise ProviderRejected(f"The mail cannot be built: {error}.", reason="bad_mail") from error
    if len(request) > LARGEST_REQUEST:
        detail = (
            "The mail is larger than the 4 MB that Microsoft sends at once. Larger ones need the "
            "right to write to the mailbox (Mail.ReadWrite), which this app does not ask for."
        )
        raise ProviderRejected(detail, reason="too_large")
    return request


def _message(mail: OutgoingMail) -> dict[str, Any]:
    kind, content = ("HTML", mail.html) if mail.html else ("Text", mail.text)
    return {
        "subject": mail.subject,
        "body": {"contentType": kind, "content": content},
        "toRecipients": list(map(_recipient, mail.to)),
        "ccRecipients": list(map(_recipient, mail.cc)),
        "bccRecipients": list(map(_recipient, mail.bcc)),
        "singleValueExtendedProperties": [
            {"id": name, "value": value} for name, value in _properties(mail)
        ],
    }


def _recipient(person: Address) -> dict[str, dict[str, str]]:
    address = {"address": addresses.as_written(addresses.require_sendable(person.address))}
    return {"emailAddress": address | ({"name": person.name} if person.name else {})}


def _properties(mail: OutgoingMail) -> Iterator[tuple[str, str]]:
    yield MARK, mail.mark
    if mail.in_reply_to:
        yield IN_REPLY_TO, mail.in_reply_to
    if mail.references:
        yield REFERENCES, " ".join(mail.references)
