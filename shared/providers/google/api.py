"""Calls to a Google API with a mailbox's token: units counted, errors named, 401 answered."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from shared import metering
from shared.domain.errors import Concerns, ProviderUnavailable
from shared.ports.providers import TokenSource
from shared.providers.google import batch
from shared.providers.google.errors import error_of
from shared.providers.google.scopes import same_scope
from shared.providers.http import Answer, Http, nothing_asked

_UNCHARGED = {401, 403, 429}


class Service(Struct, frozen=True):
    """One of Google's APIs."""

    base: str
    """What all its paths begin with."""
    batch: str
    """Where its batches go."""


GMAIL = Service("/gmail/v1/users/me", "/batch/gmail/v1")


class Api:
    """One mailbox's way to a service. Every method raises the errors of `ports.MailProvider`."""

    def __init__(self, service: Service, http: Http, tokens: TokenSource) -> None:
        self._service = service
        self._http = http
        self._tokens = tokens
        self.units = 0

    def missing(self, scopes: Sequence[str]) -> tuple[str, ...]:
        """Those of `scopes` that were not granted."""
        have = set(map(same_scope, self._tokens.granted))
        return tuple(scope for scope in scopes if scope not in have)

    def get(
        self, path: str, *, units: int, scopes: tuple[str, ...], **params: Any
    ) -> dict[str, Any]:
        """A read. Raises Missing for a 404."""
        answer = self._send("GET", self._service.base + path, units=units, params=params)
        return checked(answer, self.missing(scopes))

    def stream(self, path: str, *, units: int, scopes: tuple[str, ...]) -> Iterator[bytes]:
        """The body of a read, in pieces. Raises Missing for a 404."""
        token = self._token()
        for last in (False, True):
            with self._http.stream(self._service.base + path, token=token) as (answer, pieces):
                if answer.status == 401 and not last:
                    token = self._token(refused=token)
                    continue
                if answer.status == 401:
                    raise _refused()
                if answer.status != 200:
                    raise error_of(answer, missing=self.missing(scopes), concerns="item")
                self._spend(units)
                yield from pieces
                return

    def effect(
        self,
        method: str,
        path: str,
        *,
        units: int,
        scopes: tuple[str, ...],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A write, sent exactly once; {} when it succeeded without saying more. Raises Missing."""
        data = msgspec.json.encode(body) if body is not None else None
        answer = self._send(
            method, self._service.base + path, units=units, body=data, repeatable=False
        )
        if 200 <= answer.status < 300:
            return answer.json()
        raise error_of(answer, missing=self.missing(scopes), concerns="item")

    def batch(self, paths: Sequence[str], *, units: int) -> list[Answer | None]:
        """Many GETs in one request, `units` each; None for a call that got no answer.

        A call that met a 401 (a token that ended half way) is made again with another token.
        """
        token = self._token()
        asked = self._batch_with(token, paths, units)
        refused = [index for index, answer in enumerate(asked) if answer and answer.status == 401]
        if refused:
            token = self._token(refused=token)
            again = self._batch_with(token, [paths[index] for index in refused], units)
            if any(answer and answer.status == 401 for answer in again):
                raise _refused()
            for index, answer in zip(refused, again, strict=True):
                asked[index] = answer
        return asked

    def _batch_with(self, token: str, paths: Sequence[str], units: int) -> list[Answer | None]:
        whole = self._send(
            "POST",
            self._service.batch,
            units=0,
            token=token,
            body=batch.body([self._service.base + path for path in paths]),
            content_type=batch.CONTENT_TYPE,
        )
        if whole.status != 200:
            raise error_of(whole)
        answers = batch.answers(whole, len(paths))
        charged = sum(answer is not None and answer.status not in _UNCHARGED for answer in answers)
        self._spend(units * charged)
        return answers

    def _send(
        self,
        method: str,
        path: str,
        *,
        units: int,
        token: str = "",
        repeatable: bool = True,
        **request: Any,
    ) -> Answer:
        """One call, and once more with another token when Google refuses the first."""
        token = token or self._token()
        send = partial(self._http.request, method, path, repeatable=repeatable, **request)
        answer = send(token=token)
        if answer.status == 401:
            answer = send(token=self._token(refused=token))
        if answer.status == 401:
            raise _refused()
        if answer.status not in _UNCHARGED:
            self._spend(units)
        return answer

    def _token(self, *, refused: str = "") -> str:
        """Whatever goes wrong here, nothing was asked of Gmail, or it refused to hear it."""
        with nothing_asked():
            return self._tokens.replace(refused) if refused else self._tokens.token()

    def _spend(self, units: int) -> None:
        self.units += units
        metering.current().quota_units += units


def _refused() -> ProviderUnavailable:
    """Not the grant's end: only the token endpoint says that."""
    detail = "Google refuses a fresh access token."
    return ProviderUnavailable(detail, reason="authError", reached=False)


def checked(
    answer: Answer, missing: Sequence[str] = (), concerns: Concerns = "mailbox"
) -> dict[str, Any]:
    """The JSON object of a good answer. A cut or blank one is no answer, or it would mean "no mail"."""
    if answer.status != 200:
        raise error_of(answer, missing=missing, concerns=concerns)
    fields = answer.json()
    if not fields and answer.body.strip() != b"{}":
        raise ProviderUnavailable("Google's answer was cut short.")
    return fields
