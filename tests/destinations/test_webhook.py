"""Webhooks by Standard Webhooks: what is signed, and what answers mean."""

import base64
import hashlib
import hmac

import pytest

from shared.config import Settings
from shared.destinations.outward import Outward
from shared.destinations.webhook import Webhook, receiver, signature
from shared.domain.errors import InvalidRequest
from shared.ports.destinations import Outgoing, Target, Verdict
from tests.providers.server import Reply, replying, serving

EVENT = Outgoing("evt1", "email.sent", "/emails/1", b'{"id":"evt1"}')
DOCUMENTED = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": 1614265330,
    "body": b'{"test": 2432232314}',
    "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The example of the specification's own libraries."""


def test_the_signature_is_the_one_that_every_library_expects() -> None:
    made = signature(
        str(DOCUMENTED["secret"]),
        str(DOCUMENTED["id"]),
        int(str(DOCUMENTED["timestamp"])),
        b'{"test": 2432232314}',
    )
    assert made == DOCUMENTED["signature"]


def test_every_live_secret_signs_what_is_sent() -> None:
    hook = Webhook(Outward(loopback=True), now=lambda: 1_700_000_000.9)
    new, old = hook.new_secret(), hook.new_secret()
    assert new != old
    with serving(replying(Reply(200))) as running:
        (outcome,) = hook.send(Target(running.url, (new, old)), [EVENT])
    assert outcome.verdict is Verdict.DELIVERED
    (asked,) = running.asked
    assert asked.body == EVENT.body
    assert asked.headers["content-type"].startswith("application/cloudevents+json")
    assert (asked.headers["webhook-id"], asked.headers["webhook-timestamp"]) == (
        "evt1",
        "1700000000",
    )
    for secret, given in zip((new, old), asked.headers["webhook-signature"].split(), strict=True):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        assert len(key) == 24
        wanted = hmac.new(key, b"evt1.1700000000." + EVENT.body, hashlib.sha256).digest()
        assert given == "v1," + base64.b64encode(wanted).decode()


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((one, Verdict.DELIVERED) for one in (200, 201, 202, 204)),
        *((one, Verdict.REFUSED) for one in (400, 413, 415, 422)),
        *((one, Verdict.DOWN) for one in (301, 302, 401, 403, 404, 405, 408, 429, 500, 502, 503)),
        (410, Verdict.GONE),
    ],
)
def test_what_a_status_means(status: int, verdict: Verdict) -> None:
    body = b"" if status == 204 else b"no\x00\x1b[31m" + b"x" * 900
    with serving(replying(Reply(status, body, {"Retry-After": "120"}))) as running:
        (outcome,) = Webhook(Outward(loopback=True)).send(Target(running.url), [EVENT])
    assert outcome.verdict is verdict
    assert len(outcome.answer) <= 500
    assert outcome.answer.isprintable()
    assert outcome.retry_after == (120 if verdict is Verdict.DOWN else None)


def test_a_connection_that_ends_is_a_receiver_that_is_down() -> None:
    with serving(replying(Reply(drop=True))) as running:
        (outcome,) = Webhook(Outward(loopback=True)).send(Target(running.url), [EVENT])
    assert outcome.verdict is Verdict.DOWN
    (outcome,) = Webhook(Outward(loopback=True)).send(Target(running.url), [EVENT])
    assert outcome.verdict is Verdict.DOWN


@pytest.mark.parametrize(
    ("public_url", "allowed"),
    [("http://127.0.0.1:8080", True), ("https://mail.example.com/{function}", False), ("", False)],
)
def test_loopback_is_allowed_where_mailbridge_itself_is_there(
    public_url: str, allowed: bool
) -> None:
    hook = receiver(Settings(public_url=public_url))
    if allowed:
        hook.check("http://127.0.0.1:9/")
    else:
        with pytest.raises(InvalidRequest):
            hook.check("http://127.0.0.1:9/")
        with pytest.raises(InvalidRequest):
            hook.check("https://127.0.0.1:9/")


def test_a_name_that_nobody_knows_is_refused_when_it_is_given() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError(f"{host}:{port}")

    with pytest.raises(InvalidRequest, match="nobody knows"):
        Webhook(Outward(loopback=False, resolve=unknown)).check("https://nowhere.example")
