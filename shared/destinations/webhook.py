"""Webhooks as https://www.standardwebhooks.com describes them (specification 1.0.0), so that every
receiver's library can verify them.

Signed is `{id}.{timestamp}.{body}`, by HMAC-SHA256 with each live secret; the id is the event's, the same
however often it is sent.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPException

from shared.config import LOOPBACK, Settings
from shared.destinations.outward import Outward, Reply
from shared.domain import urls
from shared.domain.destinations import ANSWER
from shared.domain.errors import InvalidRequest
from shared.ports.destinations import Outcome, Outgoing, Target, Verdict

PREFIX = "whsec_"
_REFUSED = {400, 413, 415, 422}
_GONE = 410


def receiver(settings: Settings) -> "Webhook":
    """A Mailbridge whose own users reach it on loopback serves one machine, and may call that."""
    loopback = False
    with suppress(ValueError):
        loopback = urls.parse(settings.public_url).hostname in LOOPBACK
    return Webhook(Outward(loopback=loopback))


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class Webhook:
    batch = 1

    def __init__(self, outward: Outward, now: Callable[[], float] = time.time) -> None:
        self._outward = outward
        self._now = now

    def new_secret(self) -> str:
        return PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()

    def check(self, address: str) -> None:
        try:
            self._outward.check(address)
        except OSError:
            raise InvalidRequest.field("/address", "has a name that nobody knows") from None

    def send(self, target: Target, events: Sequence[Outgoing]) -> list[Outcome]:
        return [self._sent(target, event) for event in events]

    def _sent(self, target: Target, event: Outgoing) -> Outcome:
        timestamp = int(self._now())
        signatures = (signature(one, event.id, timestamp, event.body) for one in target.secrets)
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "User-Agent": "Mailbridge",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signatures),
        }
        try:
            return _judged(self._outward.post(target.address, event.body, headers))
        except InvalidRequest as error:
            return Outcome(Verdict.DOWN, error.detail)
        except (OSError, HTTPException, ValueError) as error:
            return Outcome(Verdict.DOWN, f"No answer ({type(error).__name__}).")


def _judged(reply: Reply) -> Outcome:
    if 200 <= reply.status < 300:
        return Outcome(Verdict.DELIVERED)
    text = reply.body.decode("utf-8", "replace")
    readable = "".join(one if one.isprintable() else " " for one in text[:ANSWER])
    answer = f"{reply.status} {readable}".strip()[:ANSWER]
    if reply.status == _GONE:
        return Outcome(Verdict.GONE, answer)
    if reply.status in _REFUSED:
        return Outcome(Verdict.REFUSED, answer)
    return Outcome(Verdict.DOWN, answer, _seconds(reply.headers.get("retry-after", "")))


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None
