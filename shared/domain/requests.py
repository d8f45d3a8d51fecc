"""What is kept of users' requests: those that carry an Idempotency-Key, and how many there were."""

from datetime import datetime, timedelta

from msgspec import Struct

from shared.domain import ids
from shared.domain.caller import Caller
from shared.domain.errors import Busy, Unprocessable

HELD = timedelta(seconds=90)
"""Longer than any request takes; after that it was cut off, and may be made again."""
KEPT = timedelta(hours=48)
"""How long a key finds what its request made. Stripe says 24 hours, and clients may be slow."""


class KeyedRequest(Struct, kw_only=True):
    """A request that is made once, however often it is sent. What it made is found by its address, and
    shown as it is then: no copy of it lies here."""

    id: str
    team_id: str
    fingerprint: str
    """Of the whole request: the same key with another one is refused."""
    until: datetime
    """Whoever works on it does so until then at the latest."""
    expires_at: datetime
    status: int = 0
    """Of the answer; 0 while there is none."""
    location: str = ""
    """Where what it made is."""


class Spent(Struct, kw_only=True):
    """How many requests of one budget there were in the newest window that anybody told of."""

    window: int = 0
    requests: int = 0


def begun(caller: Caller, key: str, fingerprint: str, now: datetime) -> KeyedRequest:
    return KeyedRequest(
        id=ids.derived("request", caller.team_id, caller.user_id, key),
        team_id=caller.team_id,
        fingerprint=fingerprint,
        until=now + HELD,
        expires_at=now + KEPT,
    )


def made(held: KeyedRequest, fingerprint: str, now: datetime) -> bool:
    """Whether the request was made before; otherwise it is to be made now.

    Raises Unprocessable when the key was used for another one, Busy while somebody is at it.
    """
    if held.expires_at <= now:
        return False
    if held.fingerprint != fingerprint:
        raise Unprocessable(
            "This Idempotency-Key was used for another request: use a new key for each.",
            reason="idempotency_key_used",
        )
    if not held.status and held.until > now:
        raise Busy("This very request is being answered just now.", until=held.until)
    return held.status != 0
