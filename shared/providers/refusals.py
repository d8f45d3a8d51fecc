"""How login servers' refusals are told: one row a code, with the party that has to act.

Each provider's folder has a table of its codes. A code decides before OAuth's coarser `error` does,
for providers say `invalid_grant` of almost everything.
"""

from collections.abc import Mapping
from enum import Enum, auto

from msgspec import Struct

from shared.domain.errors import (
    AdminApprovalNeeded,
    ConfigurationError,
    Forbidden,
    GrantRevoked,
    InvalidRequest,
    MailbridgeError,
    Party,
    ProviderUnavailable,
    RateLimited,
)
from shared.providers.http import Answer


class Kind(Enum):
    ENDED = auto()
    """The grant no longer holds, or is refused for as long as the party does not act."""
    APPROVAL = auto()
    """An administrator has to approve the app."""
    STALE = auto()
    """An older code or token is void: of a consent, starting again helps; a grant has ended."""
    OURS = auto()
    """Our client or our request is wrong."""
    WAIT = auto()
    PASSING = auto()


class Row(Struct, frozen=True):
    kind: Kind
    who_acts: Party
    sentence: str
    """For people; says what to do."""


def user(sentence: str) -> Row:
    return Row(Kind.ENDED, Party.USER, sentence)


def stale(sentence: str) -> Row:
    return Row(Kind.STALE, Party.USER, sentence)


def administrator(sentence: str) -> Row:
    return Row(Kind.ENDED, Party.ADMINISTRATOR, sentence)


def approval(sentence: str) -> Row:
    return Row(Kind.APPROVAL, Party.ADMINISTRATOR, sentence)


def operator(sentence: str) -> Row:
    return Row(Kind.OURS, Party.OPERATOR, sentence)


def wait(sentence: str, who_acts: Party = Party.NOBODY) -> Row:
    return Row(Kind.WAIT, who_acts, sentence)


def passing(sentence: str) -> Row:
    return Row(Kind.PASSING, Party.NOBODY, sentence)


Table = Mapping[str, Row]

_OF_A_GRANT: Mapping[Kind, type[MailbridgeError]] = {
    Kind.ENDED: GrantRevoked,
    Kind.APPROVAL: AdminApprovalNeeded,
    Kind.STALE: GrantRevoked,
    Kind.OURS: ConfigurationError,
    Kind.WAIT: RateLimited,
    Kind.PASSING: ProviderUnavailable,
}


def of_grant(row: Row, reason: str) -> MailbridgeError:
    """Why there is no new access token."""
    return _OF_A_GRANT[row.kind](row.sentence, reason=reason, who_acts=row.who_acts)


def of_consent(row: Row, reason: str) -> MailbridgeError:
    """Why a consent did not come about. `reason` is fit for a URL."""
    match row.kind:
        case Kind.ENDED | Kind.APPROVAL:
            return Forbidden(row.sentence, reason=reason, who_acts=row.who_acts)
        case Kind.STALE:
            return InvalidRequest(
                "The provider no longer takes this code: start again.", reason=reason
            )
        case _:
            return of_grant(row, reason)


def unanswered(answer: Answer, provider: str, reason: str = "") -> MailbridgeError:
    """An answer of a token endpoint that says nothing final, whatever is in it."""
    if answer.status == 429:
        detail = f"{provider} asks to wait."
        return RateLimited(detail, retry_after=answer.retry_after, reason=reason)
    detail = f"{provider}'s token endpoint answered {answer.status}."
    return ProviderUnavailable(detail, reason=reason)
