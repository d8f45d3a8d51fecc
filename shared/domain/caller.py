"""Who is asking: the facts of a verified token."""

from enum import Enum

from msgspec import Struct


class Scope(Enum):
    """What a token may be good for. Never more than its user's own rights."""

    READ = "read"
    DRAFT = "draft"
    SEND = "send"
    MANAGE = "manage"


ALL = frozenset(Scope)


class Caller(Struct, frozen=True):
    user_id: str
    team_id: str
    admin: bool = False
    """May manage what belongs to other users of the team."""
    scopes: frozenset[Scope] = ALL
    """Of the claim `scope`; all where there is no such claim."""
    client_id: str = ""
    """The program that the token was given to, as its issuer says; "" when it does not."""
