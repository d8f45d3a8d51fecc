"""Who is asking: the facts of a verified token."""

from msgspec import Struct


class Caller(Struct, frozen=True):
    user_id: str
    team_id: str
    admin: bool = False
    """May see and manage what belongs to other users of the team."""
