"""Many messages in few requests, each with a fate of its own; the same for every provider."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from shared.domain.errors import (
    AnswerTooLarge,
    MailbridgeError,
    Missing,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mail import too_costly
from shared.ports.providers import Fetched
from shared.providers.http import Answer

_TOO_LARGE = Answer(
    status=413,
    content_type="application/json",
    retry_after=None,
    body=b'{"error": {"message": "The message is larger than we read."}}',
)

Ask = Callable[[Sequence[str]], list[Answer | None]]
"""Asks for some ids in one request; each one's answer in their order, None where none came."""
Read = Callable[[Answer], Any]
"""What an answer means; raises the error that it stands for."""


def missing_scope(scopes: Sequence[str]) -> MissingScope:
    return MissingScope("The user did not allow this when connecting.", scopes=scopes)


def too_large(reason: str) -> ProviderRejected:
    """Whoever says so, a gateway in front of the provider too: it did not get past them."""
    return ProviderRejected("It is larger than the provider takes.", reason=reason or "too_large")


def fetch(
    ids: Sequence[str],
    *,
    size: int,
    ask: Ask,
    read: Read,
    probe: Callable[[], object],
) -> Fetched:
    """`read` of the answer for each id, asked for `size` at a time.

    What concerns the whole mailbox (a missing scope, an outage) raises; what concerns one message is
    told of that message alone. `probe` is a call that fails when the mailbox as a whole does.
    """
    fetched = Fetched(found={})
    silent: list[str] = []
    for start in range(0, len(ids), size):
        chunk = ids[start : start + size]
        for id_, answer in zip(chunk, _answers(ask, chunk), strict=True):
            _sort(fetched, silent, id_, partial(_reading, answer, read))
        if fetched.throttled:
            return fetched  # those still silent are to be asked for again too
    if not (fetched.found or fetched.vanished) and (silent or fetched.failed):
        probe()
    fetched.failed |= dict.fromkeys(silent, "The provider could not read this message.")
    return fetched


def _answers(ask: Ask, ids: Sequence[str]) -> list[Answer | None]:
    try:
        return ask(ids)
    except AnswerTooLarge:
        if len(ids) == 1:
            return [_TOO_LARGE]
        half = len(ids) // 2
        return _answers(ask, ids[:half]) + _answers(ask, ids[half:])


def _reading(answer: Answer | None, read: Read) -> Any:
    if answer is None:
        raise ProviderUnavailable("The provider left this message out of its answer.")
    found = read(answer)
    if why := too_costly(found):
        raise ProviderRejected(why, reason="too_costly")
    return found


def _sort(
    fetched: Fetched,
    silent: list[str],
    id_: str,
    reading: Callable[[], Any],
) -> None:
    try:
        fetched.found[id_] = reading()
    except Missing:
        fetched.vanished += (id_,)
    except RateLimited as error:
        fetched.throttled = _longer(fetched.throttled, error)
    except ProviderUnavailable:
        silent.append(id_)
    except ProviderRejected as error:
        if error.concerns == "mailbox":
            raise
        fetched.failed[id_] = error.detail
    except MailbridgeError:
        raise
    except Exception as error:  # one message nobody foresaw must not stop the others
        fetched.failed[id_] = f"Its contents could not be read ({type(error).__name__})."


def _longer(one: RateLimited | None, other: RateLimited) -> RateLimited:
    return other if one is None or (other.retry_after or 0) > (one.retry_after or 0) else one
