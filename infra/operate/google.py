"""Google's REST APIs, asked as the person who is signed in here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import requests
from msgspec import Struct

from shared.domain.errors import ConfigurationError

TIMEOUT = 20.0
"""Seconds."""
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SIGN_IN = "gcloud auth application-default login"


class Refused(Exception):
    """Google's answer was an error."""

    def __init__(self, status: int, detail: str, reason: str = "") -> None:
        """`reason` is Google's word for it, such as SERVICE_DISABLED."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason


class SignedOut(ConfigurationError):
    """Nobody is signed in here whom Google knows."""


class Google:
    """Each call raises Refused, or ConfigurationError when one cannot ask at all."""

    def __init__(
        self,
        project: str,
        *,
        session: requests.Session | None = None,
        host: str = "https://{service}.googleapis.com",
    ) -> None:
        """`session` and `host` are other ones only for tests."""
        self.project = project
        self._session = session
        self._host = host

    def get(self, service: str, path: str, **query: Any) -> dict[str, Any]:
        return self._ask("GET", service, path, params=query)

    def post(self, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._ask("POST", service, path, json=body)

    def delete(self, service: str, path: str) -> None:
        self._ask("DELETE", service, path)

    def _ask(self, method: str, service: str, path: str, **more: Any) -> dict[str, Any]:
        url = f"{self._host.format(service=service)}/{path}"
        with _explained():
            answer = self._signed_in().request(method, url, timeout=TIMEOUT, **more)
        if answer.status_code != 200:
            raise _refused(answer)
        found: dict[str, Any] = answer.json()
        return found

    def account(self) -> str:
        """Whom Google knows here. Raises SignedOut."""
        with _explained():
            credentials = getattr(self._signed_in(), "credentials", None)
            if credentials and not credentials.valid:
                credentials.refresh(_transport())
        named = (getattr(credentials, name, "") for name in ("service_account_email", "account"))
        return next((name for name in named if name), "application default credentials")

    def _signed_in(self) -> requests.Session:
        if self._session is None:
            self._session = _session(self.project)
        return self._session


@contextmanager
def _explained() -> Iterator[None]:
    """The errors of Google's and of the HTTP library as ours."""
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        yield
    except (TransportError, requests.RequestException) as error:
        raise ConfigurationError(f"Google cannot be reached from here: {error}") from error
    except GoogleAuthError as error:
        raise SignedOut(f"Google does not know you here ({error}). Next: {SIGN_IN}") from error


def _transport() -> Any:
    from google.auth.transport.requests import Request

    return Request()


def _session(project: str) -> requests.Session:
    """With application default credentials; a person's own count on the project's quota."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    credentials, _ = google.auth.default(scopes=[SCOPE])
    if isinstance(credentials, Credentials) and not credentials.quota_project_id:
        credentials = credentials.with_quota_project(project)
    session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session


class _Detail(Struct):
    reason: str = ""


class _Error(Struct):
    message: str = ""
    details: list[_Detail] = []


class _Body(Struct):
    error: _Error


def _refused(answer: requests.Response) -> Refused:
    try:
        error = msgspec.json.decode(answer.content, type=_Body).error
    except msgspec.MsgspecError:
        return Refused(answer.status_code, f"HTTP status {answer.status_code}")
    reasons = (detail.reason for detail in error.details if detail.reason)
    return Refused(answer.status_code, error.message, next(reasons, ""))
