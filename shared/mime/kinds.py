"""What kind of mail it is, by the headers that say so: written by a person, or by a machine."""

import re
from collections.abc import Mapping, Sequence

from shared.domain.mail import Kind

Fields = Mapping[str, Sequence[str]]
"""Values by lower-case header name, in the order of the mail."""

HEADERS = (
    "Auto-Submitted",
    "Content-Type",
    "List-Id",
    "List-Post",
    "List-Unsubscribe",
    "Precedence",
    "Return-Path",
    "X-Auto-Response-Suppress",
    "X-Autoreply",
    "X-Autorespond",
    "X-Failed-Recipients",
)
"""What `kind` reads, with From and Subject."""

_DAEMONS = re.compile(
    r"\b(?:mailer-daemon|postmaster|mail delivery (?:sub)?system)\b", re.IGNORECASE
)
_BOUNCED = re.compile(
    r"""undeliver(?:able|ed)|(?:delivery|mail)\ (?:status\ notification|has\ failed|failed|failure)
    |failure\ notice|returned\ (?:mail|to\ sender)|delivery\ (?:incomplete|has\ been\ delayed)
    |mail\ delivery\ (?:failed|system)|unzustellbar|non\ remis|no\ se\ pudo\ entregar|mancata\ consegna""",
    re.IGNORECASE | re.VERBOSE,
)
_AWAY = re.compile(
    r"""(?:auto(?:matic|mated)?[\s:-]{0,3}(?:reply|response)|autoreply|out\ of\ (?:the\ )?office
    |automatische\ antwort|abwesenheits|réponse\ automatique|respuesta\ automática|risposta\ automatica
    |automatisch\ antwoord|resposta\ automática|自動応答|自动回复|автоответ)[^:：]{0,20}[:：]""",
    re.IGNORECASE | re.VERBOSE,
)
_CALENDAR = re.compile(r"text/calendar\b.*\bmethod\s*=", re.IGNORECASE | re.DOTALL)
_LONGEST = 1000
"""Characters of a value that are looked at."""


def kind(fields: Fields, *, sender: str = "", subject: str = "") -> Kind:
    """`sender` as From stands there. What a mail says of itself counts before what it looks like.

    Bounces: RFC 3464 reports, and the plain ones of qmail, Exim and others, which have an empty
    Return-Path or come from a daemon and say so in the subject. Automatic replies: RFC 3834 and what
    was used before it. Bulk: RFC 2919 List-Id, Precedence.
    """
    report = _first(fields, "content-type").lower()
    if report.startswith("multipart/report") and "delivery-status" in report:
        return Kind.BOUNCE
    from_daemon = bool(_DAEMONS.search(sender[:_LONGEST])) or _first(fields, "return-path") == "<>"
    if "x-failed-recipients" in fields or (from_daemon and _BOUNCED.search(subject[:_LONGEST])):
        return Kind.BOUNCE
    if _CALENDAR.match(report):
        return Kind.INVITATION
    submitted, precedence = (
        _first(fields, "auto-submitted").lower(),
        _first(fields, "precedence").lower(),
    )
    replied = submitted.startswith("auto-replied") or precedence == "auto_reply"
    if replied or _REPLIERS & fields.keys() or _AWAY.match(subject[:_LONGEST].strip()):
        return Kind.AUTO_REPLY
    generated = submitted.startswith("auto-")
    if generated or precedence in _BULK or _LISTS & fields.keys():
        return Kind.BULK
    return Kind.PERSON


_REPLIERS = {"x-autoreply", "x-autorespond"}
_LISTS = {"list-id", "list-post", "list-unsubscribe"}
_BULK = {"bulk", "list", "junk"}


def _first(fields: Fields, name: str) -> str:
    values = fields.get(name)
    return values[0].strip()[:_LONGEST] if values else ""
