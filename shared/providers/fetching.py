"""Many messages in few requests, each with a fate of its own; the same for every provider."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from shared.domain.errors import (
    MailbridgeError,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.ports.providers import Fetched
from shared.providers.http import Answer, AnswerTooLarge

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


class Missing(ProviderRejected):
    """What was asked for is not there. Callers who can make sense of that catch it."""


def fetch(
    ids: Sequence[str],
    *,
    size: int,
    ask: Ask,
    read: Read,
    probe: Callable[[], object],
    mailbox_wide: Collection[str],
) -> Fetched:
    """`read` of the answer for each id, asked for `size` at a time.

    What concerns the whole mailbox (a missing scope, a reason of `mailbox_wide`, an outage) raises;
    what concerns one message is told of that message alone. `probe` is a call that only an outage
    makes fail.
    """
    fetched = Fetched(found={})
    silent: list[str] = []
    for start in range(0, len(ids), size):
        chunk = ids[start : start + size]
        for id_, answer in zip(chunk, _answers(ask, chunk), strict=True):
            _sort(fetched, silent, id_, partial(_reading, answer, read), mailbox_wide)
        if fetched.throttled:
            return fetched  # those still silent are to be asked for again too
    if silent:
        _judge(fetched, silent, probe)
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
    return read(answer)


def _sort(
    fetched: Fetched,
    silent: list[str],
    id_: str,
    reading: Callable[[], Any],
    mailbox_wide: Collection[str],
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
        if error.reason in mailbox_wide:
            raise
        fetched.failed[id_] = error.detail
    except MailbridgeError:
        raise
    except Exception as error:  # one message nobody foresaw must not stop the others
        fetched.failed[id_] = f"Its contents could not be read ({type(error).__name__})."


def _longer(one: RateLimited | None, other: RateLimited) -> RateLimited:
    return other if one is None or (other.retry_after or 0) > (one.retry_after or 0) else one


def _judge(fetched: Fetched, silent: list[str], probe: Callable[[], object]) -> None:
    """A message the provider has no answer for is its own trouble while others are answered.

    When none was, `probe` tells an outage (raises) from a poisoned message.
    """
    if not (fetched.found or fetched.vanished or fetched.failed):
        probe()
    for id_ in silent:
        fetched.failed[id_] = "The provider could not read this message."
