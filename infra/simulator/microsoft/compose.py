"""From Graph's JSON of a message to the mail that leaves."""

import base64
import uuid
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import formataddr

from msgspec import Struct

from infra.simulator import head
from infra.simulator.microsoft.reading import read


class EmailAddress(Struct):
    address: str = ""
    name: str | None = None


class Recipient(Struct, rename="camel"):
    email_address: EmailAddress = EmailAddress()


class Content(Struct, rename="camel"):
    content: str = ""
    content_type: str = "text"


class HeaderIn(Struct):
    name: str
    value: str


class PropertyIn(Struct):
    id: str
    value: str


class AttachmentIn(Struct, rename="camel"):
    type: str = ""
    name: str = ""
    content_type: str | None = None
    content_bytes: bytes = b""
    is_inline: bool = False
    content_id: str | None = None
