"""Calls to Graph with a mailbox's token: requests counted, errors named, 401 answered."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from shared import metering
from shared.domain.errors import Concerns, ProviderUnavailable
from shared.ports.providers import TokenSource
from shared.providers.http import Answer, Http, nothing_asked
from shared.providers.microsoft import batch
from shared.providers.microsoft.errors import claims_of, error_of
from shared.providers.microsoft.scopes import same_scope

VERSION = "/v1.0"
PREFER = 'IdType="ImmutableId"'
"""On every request: other ids change whenever a mail is moved."""


class Api:
    """One mailbox's way to Graph. Every method raises the errors of `ports.MailProvider`.

    Graph serves four requests at once of one app and mailbox: here one is made at a time, and of a
    batch Graph itself runs no more than four.
    """

    def __init__(self, http: Http, tokens: TokenSource) -> None:
        self._http = http
        self._tokens = tokens
        self.units = 0
        """Requests answered; those of a batch one by one, as Graph's limits count them."""

    def missing(self, scopes: Sequence[str]) -> tuple[str, ...]:
        """Those of `scopes` that were not granted."""
        have = set(map(same_scope, self._tokens.granted))
        return tuple(scope for scope in scopes if scope not in have)

    def get(self, path: str, *, scopes: tuple[str, ...]) -> dict[str, Any]:
        """A read of `path`, which is quoted and may have a query. Raises Missing for a 404."""
        return checked(self._send("GET", path), self.missing(scopes))

    def stream(self, path: str, *, scopes: tuple[str, ...]) -> Iterator[bytes]:
        """The body of a read, in pieces. Raises Missing for a 404."""
        token, headers = self._token(), {"Prefer": PREFER}
        for last in (False, True):
            with self._http.stream(VERSION + path, token=token, headers=headers) as (
                answer,
                pieces,
            ):
                if answer.status == 401 and not last:
                    token = self._token(refused=token, refusal=answer)
                    continue
                if answer.status == 401:
                    raise _refused()
                if answer.status != 200:
                    raise error_of(answer, missing=self.missing(scopes), concerns="item")
                self._spend(1)
                yield from pieces
                return

    def effect(self, path: str, body: bytes, *, scopes: tuple[str, ...]) -> None:
        """A POST, sent exactly once. RateLimited and ProviderRejected say that it took no effect."""
        answer = self._send("POST", path, body=body, repeatable=False)
        if 500 <= answer.status != 507:  # even with a Retry-After: nobody knows what happened
            raise ProviderUnavailable(f"Graph answered {answer.status}.")
        if not 200 <= answer.status < 300:
            raise error_of(answer, missing=self.missing(scopes), concerns="item")

    def batch(self, paths: Sequence[str], *, prefer: str = "") -> list[Answer | None]:
        """At most batch.SIZE GETs in one request; None for one that got no answer.

        A call that met a 401 (a token that ended half way) is made again with another token.
        """
        token = self._token()
        asked = self._batch_with(token, paths, prefer)
        refused = [index for index, answer in enumerate(asked) if answer and answer.status == 401]
        if refused:
            token = self._token(refused=token, refusal=asked[refused[0]])
            again = self._batch_with(token, [paths[index] for index in refused], prefer)
            if any(answer and answer.status == 401 for answer in again):
                raise _refused()
            for index, answer in zip(refused, again, strict=True):
                asked[index] = answer
        return asked

    def _batch_with(self, token: str, paths: Sequence[str], prefer: str) -> list[Answer | None]:
        preferred = f"{PREFER}, {prefer}" if prefer else PREFER
        whole = self._send("POST", batch.PATH, token=token, body=batch.body(paths, preferred))
        if whole.status != 200:
            raise error_of(whole)
        answers = batch.answers(whole, len(paths))
        self._spend(sum(answer is not None for answer in answers) - 1)
        return answers

    def _send(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        body: bytes | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """One call, and once more with another token when Graph refuses the first."""
        token = token or self._token()
        headers = {"Prefer": PREFER}
        send = partial(
            self._http.request,
            method,
            VERSION + path,
            repeatable=repeatable,
            headers=headers,
            body=body,
        )
        answer = send(token=token)
        if answer.status == 401:
            answer = send(token=self._token(refused=token, refusal=answer))
        if answer.status == 401:
            raise _refused()
        self._spend(1)
        return answer

    def _spend(self, units: int) -> None:
        self.units += units
        metering.current().quota_units += units

    def _token(self, *, refused: str = "", refusal: Answer | None = None) -> str:
        """Whatever goes wrong here, nothing was asked of Graph, or it refused to hear it."""
        with nothing_asked():
            if not refused:
                return self._tokens.token()
            return self._tokens.replace(refused, claims=claims_of(refusal) if refusal else "")


def _refused() -> ProviderUnavailable:
    """Not the grant's end: only the token endpoint says that."""
    detail = "Graph refuses a fresh access token."
    return ProviderUnavailable(detail, reason="unauthorized", reached=False)


def checked(
    answer: Answer, missing: Sequence[str] = (), concerns: Concerns = "mailbox"
) -> dict[str, Any]:
    """The JSON object of a good answer. A cut or blank one is no answer, or it would mean "no mail"."""
    if answer.status != 200:
        raise error_of(answer, missing=missing, concerns=concerns)
    if not (fields := answer.json()):
        raise ProviderUnavailable("Graph's answer was cut short.")
    return fields


def query_of(link: Any) -> str:
    """The query of a nextLink or deltaLink, "" when there is none.

    It is all that is kept of a link: host and path of the next request are ours, wherever a link
    leads. Raises ProviderUnavailable for what is no URL: to take it for none would end a list early."""
    try:
        return urlsplit(link).query if isinstance(link, str) else ""
    except ValueError:
        raise ProviderUnavailable("Graph's link to the next page is no URL.") from None
