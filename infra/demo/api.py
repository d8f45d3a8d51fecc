"""The public API, as a user's program calls it."""

from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
import requests

from infra.demo import browser
from infra.demo.failure import Failed
from infra.local.pages import Token
from shared.services.accounts.connecting import ConsentUrl, Ended
from shared.services.accounts.mailboxes import MailboxView
from shared.services.sending.emails import EmailView
from shared.services.timelines.contacts import ActivityView, ContactView, Timeline
from shared.services.timelines.messages import MessageView
from shared.web.problems import Problem

T = TypeVar("T")
_SECONDS = 60


class Refused(Failed):
    """The API answered with a problem document."""

    def __init__(self, call: str, problem: Problem) -> None:
        details = "; ".join(error.detail for error in problem.errors)
        self.said = details or problem.detail
        self.status = problem.status
        super().__init__(f"{call} was answered {problem.status} {problem.title}: {self.said}")


class User:
    """A signed-in user of a stack at `url`. Every method raises Failed."""

    def __init__(self, url: str, user: str, team: str) -> None:
        self.name = user
        self._url = url
        self._session = requests.Session()
        token = self._call("POST", "/dev/token", Token, {"user": user, "team": team})
        self._session.headers["Authorization"] = f"Bearer {token.token}"

    def connect(self, provider: str, account: str) -> MailboxView:
        """The whole way: ask, consent as `account`, confirm."""
        asked = self._call("POST", "/oauth_start", ConsentUrl, {"provider": provider})
        ended = msgspec.json.decode(browser.consent(asked.authorization_url, account), type=Ended)
        return self._call(
            "POST",
            "/mailboxes",
            MailboxView,
            {"connection": ended.connection, "visibility": "everything"},
        )

    def mailbox(self, mailbox_id: str) -> MailboxView:
        return self._call("GET", f"/mailboxes/{mailbox_id}", MailboxView)

    def sync(self, mailbox_id: str) -> None:
        self._call("POST", f"/mailboxes/{mailbox_id}/sync", MailboxView)

    def add_contact(self, address: str) -> ContactView:
        """Raises Refused."""
        return self._call("POST", "/contacts", ContactView, {"addresses": [address]})

    def timeline(self, contact_id: str) -> Iterator[ActivityView]:
        """Newest first, page by page."""
        token = ""
        while True:
            query = urlencode({"page_size": 200} | ({"page_token": token} if token else {}))
            page = self._call("GET", f"/contacts/{contact_id}/timeline?{query}", Timeline)
            yield from page.activities
            if not (token := page.next_page_token):
                return

    def message(self, message_id: str) -> MessageView:
        return self._call("GET", f"/messages/{message_id}", MessageView)

    def send(self, email: dict[str, Any], *, key: str) -> EmailView:
        return self._call("POST", "/emails", EmailView, email, {"Idempotency-Key": key})

    def email(self, email_id: str) -> EmailView:
        return self._call("GET", f"/emails/{email_id}", EmailView)

    def close(self) -> None:
        self._session.close()

    def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> T:
        try:
            answer = self._session.request(
                method, self._url + path, json=body, headers=headers, timeout=_SECONDS
            )
        except requests.RequestException as error:
            raise Failed(f"{method} {path} got no answer ({type(error).__name__}).") from error
        if not answer.ok:
            raise _refused(f"{method} {path}", answer)
        return msgspec.json.decode(answer.content, type=kind)


def _refused(call: str, answer: requests.Response) -> Failed:
    try:
        return Refused(call, msgspec.json.decode(answer.content, type=Problem))
    except msgspec.MsgspecError:
        return Failed(f"{call} was answered {answer.status_code}: {answer.text[:200]!r}")
