"""A request with an Idempotency-Key is made once, however often it is sent.

After https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ and
https://docs.stripe.com/api/idempotent_requests: a key belongs to one user and is good for 48 hours;
what was refused was not made, and may be sent again under its key.

What a worker that died had made is found again by its id, which services derive from the key.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from werkzeug.wrappers import Response

from shared import records
from shared.domain import ids, requests
from shared.domain.caller import Caller
from shared.domain.errors import AlreadyExists, Busy, InvalidRequest, PreconditionFailed
from shared.domain.requests import KeyedRequest
from shared.ports.world import World

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")


def checked(key: str) -> str:
    """Raises InvalidRequest."""
    if not _KEY.fullmatch(key):
        raise InvalidRequest.field("/idempotency_key", "must be 1 to 255 characters of ASCII")
    return key


def fingerprint(method: str, path: str, body: Any) -> str:
    """Of what the request asks for: however its JSON is written."""
    return ids.derived("fingerprint", method, path, msgspec.json.encode(body).decode())


def once(
    world: World,
    caller: Caller,
    key: str,
    fingerprint: str,
    *,
    make: Callable[[], Response],
    again: Callable[[KeyedRequest], Response],
) -> Response:
    """What `make` answers, which has a Location; or `again`, when it was made before.

    Raises Busy while it is being made, Unprocessable for a key of another request.
    """
    kept = records.requests(world.documents, caller.team_id)
    fresh = requests.begun(caller, key, fingerprint, world.clock.now())
    if before := _begun(world, kept, fresh):
        return again(before)
    try:
        response = make()
    except BaseException:
        with suppress(Exception):  # the error that is under way says more
            kept.delete(fresh.id)
        raise
    kept.update(fresh.id, status=response.status_code, location=response.headers["Location"])
    return response


def _begun(
    world: World, kept: records.Collection[KeyedRequest], fresh: KeyedRequest
) -> KeyedRequest | None:
    """What was made before; None when it is to be made now, and by nobody else."""
    try:
        kept.create(fresh.id, fresh)
    except AlreadyExists:
        held = kept.find(fresh.id)
        if held and requests.made(held.record, fresh.fingerprint, world.clock.now()):
            return held.record
        try:
            if held is None:  # refused meanwhile
                kept.create(fresh.id, fresh)
            else:
                kept.replace(fresh.id, held, fresh)
        except (AlreadyExists, PreconditionFailed):
            raise Busy("This very request is being answered just now.", until=fresh.until) from None
    return None
