"""Many messages in few requests, each with a fate of its own."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from shared.domain.errors import (
    MailbridgeError,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.ports import Fetched
from shared.providers.google.api import Api, checked
from shared.providers.google.errors import MAILBOX_WIDE, Missing
from shared.providers.http import Answer, AnswerTooLarge

BATCH = 50
"""Gmail takes 100 calls in a batch and advises 50."""
_TOO_LARGE = Answer(
    status=413,
    content_type="application/json",
    retry_after=None,
    body=b'{"error": {"message": "The message is larger than we read."}}',
)

Read = Callable[[dict[str, Any]], Any]


def fetch(
    api: Api,
    ids: Sequence[str],
    *,
    path: Callable[[str], str],
    units: int,
    scopes: tuple[str, ...],
    read: Read,
) -> Fetched:
    """`read` of the answer to GET `path(id)`, for each id.

    What concerns the whole mailbox (a missing scope, policy, an outage) raises; what concerns one
    message is told of that message alone.
    """
    fetched = Fetched(found={})
    silent: list[str] = []
    for start in range(0, len(ids), BATCH):
        chunk = ids[start : start + BATCH]
        answers = _answers(api, [path(id_) for id_ in chunk], units)
        for id_, answer in zip(chunk, answers, strict=True):
            _sort(fetched, silent, id_, partial(_reading, answer, scopes, read))
        if fetched.throttled:
            return fetched  # those still silent are to be asked for again too
    if silent:
        _judge(api, fetched, silent)
    return fetched


def _answers(api: Api, paths: list[str], units: int) -> list[Answer | None]:
    try:
        return api.batch(paths, units=units)
    except AnswerTooLarge:
        if len(paths) == 1:
            return [_TOO_LARGE]
        half = len(paths) // 2
        return _answers(api, paths[:half], units) + _answers(api, paths[half:], units)


def _reading(answer: Answer | None, scopes: tuple[str, ...], read: Read) -> Any:
    if answer is None:
        raise ProviderUnavailable("Gmail left this message out of its answer.")
    return read(checked(answer, scopes))


def _sort(fetched: Fetched, silent: list[str], id_: str, reading: Callable[[], Any]) -> None:
    try:
        fetched.found[id_] = reading()
    except Missing:
        fetched.vanished += (id_,)
    except RateLimited as error:
        fetched.throttled = _longer(fetched.throttled, error)
    except ProviderUnavailable:
        silent.append(id_)
    except ProviderRejected as error:
        if error.reason in MAILBOX_WIDE:
            raise
        fetched.failed[id_] = error.detail
    except MailbridgeError:
        raise
    except Exception as error:  # one message nobody foresaw must not stop the others
        fetched.failed[id_] = f"Its contents could not be read ({type(error).__name__})."


def _longer(one: RateLimited | None, other: RateLimited) -> RateLimited:
    return other if one is None or (other.retry_after or 0) > (one.retry_after or 0) else one


def _judge(api: Api, fetched: Fetched, silent: list[str]) -> None:
    """A message Gmail has no answer for is its own trouble while Gmail answers others.

    When it answered none, its profile tells an outage (raises) from a poisoned message.
    """
    if not (fetched.found or fetched.vanished or fetched.failed):
        api.get("/profile", units=1, scopes=())
    for id_ in silent:
        fetched.failed[id_] = "Gmail could not read this message."
