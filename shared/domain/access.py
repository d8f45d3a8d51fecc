"""Who may see, read, use, send from and manage a mailbox and what lies in it. Pure; `shared.services.access`
asks it for every caller, and nothing else does.

Being an admin is the right to manage: no right to read private mail, to take a mailbox over with its
history, or to speak as somebody else.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from enum import Enum, IntEnum
from typing import Literal

from msgspec import Struct, field

from shared.domain import ids
from shared.domain.caller import Caller, Scope
from shared.domain.mailboxes import Mailbox, Visibility


class Right(Enum):
    """What somebody wants of a mailbox as such."""

    SEE = "see"
    """That it exists, and its state."""
    USE = "use"
    """Have it synced now."""
    WRITE = "write"
    """Keep drafts in it, and read what was written from it."""
    SEND = "send"
    MANAGE = "manage"
    """Its settings, its consent, its audit trail, its end."""
    OWN = "own"
    """What only its owner decides: what colleagues see of its mail, and whether they send from it."""


SCOPES = {
    Right.SEE: Scope.READ,
    Right.USE: Scope.READ,
    Right.WRITE: Scope.DRAFT,
    Right.SEND: Scope.SEND,
    Right.MANAGE: Scope.MANAGE,
    Right.OWN: Scope.MANAGE,
}
"""What a token must allow for it."""


def may(caller: Caller, right: Right, mailbox: Mailbox) -> bool:
    """What its user may; what the token allows is asked apart."""
    if mailbox.user_id == caller.user_id:
        return True
    match right:
        case Right.SEE | Right.USE:
            return mailbox.shared or caller.admin
        case Right.WRITE | Right.SEND:
            return mailbox.shared
        case Right.MANAGE:
            return caller.admin
        case Right.OWN:
            return False


# -- what mail shows --------------------------------------------------------------------------------


class Sight(IntEnum):
    """How much of a mail somebody sees; more is more."""

    NOTHING = 0
    METADATA = 1
    """That it was sent, when, by whom, to whom."""
    SUBJECT = 2
    EVERYTHING = 3


Visible = Literal["everything", "subject", "metadata"]
"""A Sight as callers are told of it."""

_SIGHTS = {
    Visibility.NOTHING: Sight.NOTHING,
    Visibility.METADATA: Sight.METADATA,
    Visibility.SUBJECT: Sight.SUBJECT,
    Visibility.EVERYTHING: Sight.EVERYTHING,
}


class ThreadAccess(Enum):
    """What the owner of a mailbox says of one conversation in it."""

    AS_MAILBOX = "as_mailbox"
    """As all else in it."""
    PRIVATE = "private"
    """Colleagues see nothing of it."""
    SHARED = "shared"
    """Colleagues see all of it, though the mailbox hides its mail."""


class ThreadMark(Struct, kw_only=True):
    """Kept only of conversations that differ from their mailbox."""

    id: str
    team_id: str
    mailbox_id: str
    provider_thread_id: str
    access: ThreadAccess
    revision: int = 0
    """How many events told of it."""


class Team(Struct, kw_only=True):
    """Settings of the whole team, made by its admins."""

    id: str
    default_visibility: Visibility | None = None
    """What a newly connected mailbox shows; None asks whoever connects it."""
    widest_visibility: Visibility = Visibility.EVERYTHING
    """No mailbox shows colleagues more than this."""
    own_domains: tuple[str, ...] = ()
    """Whoever has an address there is a colleague, and no contact."""
    revision: int = 0
    """How many events told of it."""

    @property
    def team_id(self) -> str:
        return self.id


def thread_id(mailbox_id: str, provider_thread_id: str) -> str:
    """Our id of a conversation: the provider's belongs to one mailbox."""
    return ids.derived("thread", mailbox_id, provider_thread_id)


def is_within(domain: str, domains: Iterable[str]) -> bool:
    """Whether it is one of them or below one."""
    return any(domain == one or domain.endswith(f".{one}") for one in domains)


def narrower(one: Visibility, other: Visibility) -> Visibility:
    return min(one, other, key=lambda visibility: _SIGHTS[visibility])


def sight(
    caller: Caller, mailbox: Mailbox, thread: ThreadAccess, author_id: str, team: Team
) -> Sight:
    """What the caller sees of a mail that lies in `mailbox`. Its owner and whoever wrote it through us
    see all of it."""
    if caller.user_id in {mailbox.user_id, author_id}:
        return Sight.EVERYTHING
    return colleagues_see(mailbox, thread, team)


def colleagues_see(mailbox: Mailbox, thread: ThreadAccess, team: Team) -> Sight:
    match thread:
        case ThreadAccess.PRIVATE:
            return Sight.NOTHING
        case ThreadAccess.SHARED:
            return _SIGHTS[team.widest_visibility]
        case ThreadAccess.AS_MAILBOX:
            return _SIGHTS[narrower(mailbox.visibility, team.widest_visibility)]


class Best(Struct, frozen=True):
    """The copy of a mail that shows somebody the most."""

    key: str = ""
    """"" when none shows anything."""
    sight: Sight = field(default=Sight.NOTHING)


def best(copies: Iterable[tuple[str, Sight]], sent: AbstractSet[str]) -> Best:
    """Among copies that show as much a sent one, whose writer says more than who received it; else the
    last by name. Which one leads the line does not count: that may be one that is hidden."""
    shown = [Best(key, sight) for key, sight in copies if sight]
    return max(shown, key=lambda one: (one.sight, one.key in sent, one.key), default=Best())
