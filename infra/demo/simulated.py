"""The simulator behind a demo or a benchmark, through its control API."""

from pathlib import Path
from typing import Any

import msgspec
import requests

from infra.demo.failure import Failed
from infra.simulator import Loaded
from infra.simulator.mail import Account
from infra.simulator.meters import Counts

_LOADING_SECONDS = 600
"""An archive of many gigabytes takes its time."""


class Simulated:
    """Every method raises Failed."""

    def __init__(self, url: str) -> None:
        self.url = url

    def accounts(self) -> list[Account]:
        return msgspec.convert(self._control("GET", "accounts"), list[Account])

    def add_account(self, address: str, provider: str) -> None:
        self._control("POST", "accounts", address=address, provider=provider)

    def load(self, account: str, path: Path, *, turn: int, of: int) -> list[Loaded]:
        """Every `of`-th mail of a file or folder, beginning with number `turn`."""
        asked = {"account": account, "path": str(path), "turn": turn, "of": of}
        return msgspec.convert(self._control("POST", "load", **asked), list[Loaded])

    def mails(self, account: str) -> list[Loaded]:
        """What lies there already, named by its subject."""
        listed = self._control("GET", f"messages?account={account}")
        return [
            Loaded(
                account=account,
                name=mail["subject"],
                message_id=mail["id"],
                sender=mail["sender"],
            )
            for mail in listed
        ]

    def raw(self, account: str, message_id: str) -> bytes:
        """A mail as it lies in an account."""
        return self._send("GET", f"messages/raw?account={account}&id={message_id}").content

    def lift_quota(self) -> None:
        """Of all providers."""
        self._control("POST", "quota/lift")

    def latency(self, milliseconds: int) -> None:
        """Of every HTTP request."""
        self._control("PUT", "latency", ms=milliseconds)

    def counts(self) -> Counts:
        return msgspec.convert(self._control("GET", "counters"), Counts)

    def _control(self, method: str, call: str, /, **body: object) -> Any:
        return self._send(method, call, **body).json()

    def _send(self, method: str, call: str, /, **body: object) -> requests.Response:
        url = f"{self.url}/_simulator/{call}"
        try:
            answer = requests.request(method, url, json=body or None, timeout=_LOADING_SECONDS)
        except requests.RequestException as error:
            kind = type(error).__name__
            raise Failed(f"The simulator did not answer {method} {call} ({kind}).") from error
        if not answer.ok:
            raise Failed(f"The simulator refused {method} {call}: {answer.text[:200]}")
        return answer
