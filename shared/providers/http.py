"""The one way out to a provider: a pinned host, bounded answers, nothing sent twice by accident."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared import metering
from shared.domain.errors import AnswerTooLarge, ProviderUnavailable
from shared.providers.waits import retry_after

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 10
READ_SECONDS = 30
LARGEST_ANSWER = 48 << 20
"""Bytes, unpacked: what a function of 512 MiB can parse without dying."""
_ATTEMPTS = 3
_PATIENCE = 5.0
"""Seconds: a longer Retry-After is the caller's to keep."""
_CHUNK = 1 << 20


class Answer(Struct, frozen=True):
    """Whatever came back; any status. `retry_after` is in seconds, None when there was none;
    `challenge` is WWW-Authenticate, "" when there was none."""

    status: int
    content_type: str
    retry_after: float | None
    body: bytes
    challenge: str = ""

    def json(self) -> dict[str, Any]:
        """The JSON object of the body; {} of anything else, for proxies answer HTML."""
        try:
            value = decoded(self.body, Any)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Http:
    """Requests below one base URL. Thread-safe: each thread has its own session and connections.

    Redirects are not followed, proxy and netrc settings of the machine are not read: a token goes
    to the configured host and nowhere else. No error text holds a URL, a header or a body.
    """

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._local = threading.local()
        self.sleep: Callable[[float], None] = time.sleep
        """Replaced by tests, which do not wait."""

    def request(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """One answer. Raises ProviderUnavailable when none came; it says whether the request left.

        `repeatable` says that asking again changes nothing at the provider: then a lost answer, a 5xx
        and a short Retry-After are tried again, at most three times in all. Anything else is sent
        exactly once.
        """
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent["Content-Type"] = content_type
        send = partial(self._once, method, path, sent, params, form or body)
        return self._patiently(send) if repeatable else send()

    def _patiently(self, send: Callable[[], Answer]) -> Answer:
        for attempt in range(1, _ATTEMPTS):
            try:
                answer = send()
            except AnswerTooLarge:
                raise
            except ProviderUnavailable:
                self.sleep(attempt)
                continue
            pause = _pause(answer, attempt)
            if pause is None:
                return answer
            self.sleep(pause)
        return send()

    def _once(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        params: Mapping[str, Any] | None,
        data: Mapping[str, str] | bytes | None,
    ) -> Answer:
        import requests

        from shared.providers import connections

        metering.current().provider_requests += 1
        try:
            with self._session().request(
                method,
                self._base + path,
                params=params,
                data=data,
                headers=headers,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                return _read(response)
        except requests.RequestException as error:
            # Not chained: the cause's text and attributes hold the URL, the headers and the body.
            kind, reached = type(error).__name__, connections.reached(error)
            detail = f"The provider did not answer ({kind})."
            raise ProviderUnavailable(detail, reached=reached) from None

    @contextmanager
    def stream(
        self, path: str, *, token: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """A read whose body is not kept: what came before it, and its pieces, unpacked. Of anything but a
        200 the body is in the answer and there are no pieces. Raises ProviderUnavailable, also from the
        pieces."""
        import requests

        metering.current().provider_requests += 1
        sent = {**(headers or {}), "Authorization": f"Bearer {token}"}
        try:
            with self._session().get(
                self._base + path,
                headers=sent,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code == 200:
                    yield _answer(response, b""), response.iter_content(_CHUNK)
                else:
                    yield _read(response), iter(())
        except requests.RequestException as error:
            detail = f"The provider did not answer ({type(error).__name__})."
            raise ProviderUnavailable(detail) from None

    def _session(self) -> "requests.Session":
        from shared.providers import connections

        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = connections.session()
            # Gmail compresses only for a User-Agent that names gzip.
            session.headers.update({"User-Agent": "Mailbridge (gzip)", "Accept-Encoding": "gzip"})
        return session


@contextmanager
def nothing_asked() -> Iterator[None]:
    """For what comes before a request: whatever does not answer here, the request never left."""
    try:
        yield
    except ProviderUnavailable as error:
        error.reached = False
        raise


def decoded(body: bytes, kind: Any) -> Any:
    """JSON as `kind`; ValueError when it is none.

    Providers cut previews in the middle of an emoji: half a surrogate pair counts as U+FFFD, or one
    such mail would make its whole page unreadable for ever.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        mended = _ESCAPE.sub(_mended, body).decode("utf-8", "replace")
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    try:
        return msgspec.json.decode(mended, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no JSON ({type(error).__name__})") from None


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def _mended(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["half"] else escape[0]


def _read(response: "requests.Response") -> Answer:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(_CHUNK):
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise AnswerTooLarge("The provider's answer is larger than we read at once.")
        chunks.append(chunk)
    return _answer(response, b"".join(chunks))


def _answer(response: "requests.Response", body: bytes) -> Answer:
    return Answer(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        retry_after=retry_after(response.headers.get("Retry-After")),
        body=body,
        challenge=response.headers.get("WWW-Authenticate", ""),
    )


def _pause(answer: Answer, attempt: int) -> float | None:
    """Seconds to wait before asking again; None when asking again is not for us to decide."""
    if answer.status != 429 and answer.status < 500:
        return None
    if answer.retry_after is not None:
        return answer.retry_after if answer.retry_after <= _PATIENCE else None
    return attempt if answer.status >= 500 else None
