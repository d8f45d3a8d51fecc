"""Calls private functions as Cloud Tasks and Cloud Scheduler do: with an OIDC token of their own."""

import http.client
from collections.abc import Callable, Mapping
from datetime import timedelta

from msgspec import Struct

from infra.issuer import Issuer
from infra.processes.ports import HOST

EMAIL = "invoker@mailbridge.localhost"
TOKEN_LIFETIME = timedelta(minutes=5)


class Upstream(Struct, frozen=True):
    """A function's process: where it listens now, and for how long it may work, in seconds."""

    port: Callable[[], int]
    timeout: int


class Invoker:
    def __init__(self, issuer: Issuer, functions: Mapping[str, Upstream], url: str) -> None:
        """`url` is where all functions are reached; a function's own URL is its audience."""
        self.issuer = issuer
        self.url = url
        self._functions = functions

    def settings(self, name: str) -> dict[str, str]:
        """What the function needs to know its caller by."""
        return {
            "INVOKER_ISSUER": self.issuer.url,
            "INVOKER_JWKS_URL": f"{self.url}/dev/invoker-jwks.json",
            "INVOKER_AUDIENCE": self.audience(name),
            "INVOKER_EMAIL": EMAIL,
        }

    def audience(self, name: str) -> str:
        return f"{self.url}/{name}"

    def address(self, name: str) -> str:
        """Where the function itself listens now, behind the gateway. KeyError when there is none."""
        return f"http://{HOST}:{self._functions[name].port()}/"

    def token(self, name: str) -> str:
        """The OIDC token that lets a caller in to this function, and to no other."""
        claims = {"email": EMAIL, "email_verified": True, "sub": EMAIL}
        return self.issuer.token(self.audience(name), TOKEN_LIFETIME, claims)

    def call(self, name: str, body: bytes = b"", headers: Mapping[str, str] = {}) -> int:
        """The status it answers with. Raises OSError when it cannot be reached."""
        upstream = self._functions[name]
        connection = http.client.HTTPConnection(HOST, upstream.port(), timeout=upstream.timeout)
        try:
            signed = {"Authorization": f"Bearer {self.token(name)}"} | dict(headers)
            connection.request("POST", "/", body, signed)
            with connection.getresponse() as answer:
                answer.read()
                return answer.status
        except http.client.HTTPException as error:
            raise ConnectionError(f"{name} broke off: {error!r}") from error
        finally:
            connection.close()
