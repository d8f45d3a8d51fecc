"""The whole story with the generated client: contact, consent at Google, timeline, draft, email.

Usage: python story.py URL, with the generated package `mailbridge_client` on the path.
"""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from mailbridge_client import AuthenticatedClient
from mailbridge_client.api.contacts import contacts_create, contacts_timeline
from mailbridge_client.api.emails import emails_change, emails_create, emails_send, emails_show
from mailbridge_client.api.mailboxes import mailboxes_confirm, mailboxes_show
from mailbridge_client.api.messages import messages_show
from mailbridge_client.api.oauth_start import oauth_start_start
from mailbridge_client.models import (
    ConfirmConnection,
    ConsentUrl,
    Contact,
    Email,
    EmailChange,
    EmailStatus,
    Ended,
    GrantState,
    Mailbox,
    Message,
    NewContact,
    NewEmail,
    Problem,
    Provider,
    StartConsent,
    SyncPhase,
    Timeline,
    Visibility,
)

from infra.demo import browser

T = TypeVar("T")
PRIYA = "priya@north-loop.example"
url = sys.argv[1]


def got(kind: type[T], answer: object) -> T:
    assert isinstance(answer, kind), answer
    return answer


def until(look: Callable[[], T], done: Callable[[T], bool]) -> T:
    for _ in range(240):
        if done(seen := look()):
            return seen
        time.sleep(0.25)
    raise AssertionError("it does not come to that")


who = {"user": "ana", "team": "python"}
token = httpx.post(f"{url}/dev/token", json=who).json()["token"]
api = AuthenticatedClient(base_url=url, token=token)

new = NewContact(addresses=[PRIYA], name="Priya Raman")
contact = got(Contact, contacts_create.sync(client=api, body=new))
taken = got(Problem, contacts_create.sync(client=api, body=NewContact(addresses=[PRIYA])))
assert (taken.status, taken.contact_id) == (409, contact.id)

start = StartConsent(provider=Provider.GOOGLE)
asked = got(ConsentUrl, oauth_start_start.sync(client=api, body=start))
page = browser.consent(asked.authorization_url, "ana@example.com")
ended = Ended.from_dict(httpx.Response(200, content=page).json())
confirm = ConfirmConnection(connection=got(str, ended.connection), visibility=Visibility.EVERYTHING)
confirmed = got(Mailbox, mailboxes_confirm.sync(client=api, body=confirm))
mailbox = until(
    lambda: got(Mailbox, mailboxes_show.sync(confirmed.id, client=api)),
    lambda seen: seen.sync.phase is SyncPhase.UP_TO_DATE,
)
assert mailbox.state is GrantState.CONNECTED

timeline = got(Timeline, contacts_timeline.sync(contact.id, client=api, page_size=10))
line = timeline.activities[0]
assert "demo" in line.subject.lower()
message = got(Message, messages_show.sync(line.message_id, client=api))
assert message.from_[0].address == PRIYA
assert message.at == line.at

written = NewEmail(mailbox_id=mailbox.id, to=[PRIYA], subject="Draft", draft=True)
draft = got(Email, emails_create.sync(client=api, body=written, idempotency_key="python-1"))
again = emails_create.sync_detailed(client=api, body=written, idempotency_key="python-1")
assert got(Email, again.parsed).id == draft.id
assert again.headers["Idempotency-Replayed"] == "true"

change = EmailChange(subject="Hello from Python")
assert got(Problem, emails_change.sync(draft.id, client=api, body=change)).status == 428
tag = f'"{draft.etag}"'
got(Email, emails_change.sync(draft.id, client=api, body=change, if_match=tag))
got(Email, emails_send.sync(draft.id, client=api))
sent = until(
    lambda: got(Email, emails_show.sync(draft.id, client=api)),
    lambda now: now.status is EmailStatus.SENT,
)
assert sent.subject == "Hello from Python"
print("told")
