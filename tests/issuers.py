"""Token issuers for tests: a key, and a server that publishes it and can be broken."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from infra.issuer import Issuer
from infra.simulator.http import Request, Response, Server
from shared.config import Settings

AUDIENCE = "mailbridge-tests"
HOUR = timedelta(hours=1)


class KeyServer:
    """Serves `document` with `status`, and counts how often it was asked."""

    def __init__(self, issuer: Issuer) -> None:
        self.document = msgspec.json.encode({"keys": issuer.keys()})
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.server = Server(self._answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def _answer(self, _request: Request) -> Response:
        self.asked += 1
        return Response(self.status, self.document, headers=self.headers)


@contextmanager
def published(issuer: Issuer) -> Iterator[KeyServer]:
    keys = KeyServer(issuer)
    keys.server.start()
    try:
        yield keys
    finally:
        keys.server.stop()


def new_issuer(folder: Path, name: str = "users") -> Issuer:
    return Issuer("https://login.example.com", folder / f"{name}.pem")


def auth_settings(issuer: Issuer, keys: KeyServer, **more: Any) -> Settings:
    return Settings(auth_issuer=issuer.url, auth_audience=AUDIENCE, auth_jwks_url=keys.url, **more)
