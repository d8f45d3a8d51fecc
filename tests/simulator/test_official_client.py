"""Google's own client library works with the simulator unchanged, and we serve no path of our own making."""

from collections.abc import Iterator
from typing import Any

import google_auth_httplib2  # type: ignore[import-untyped]
import httplib2  # type: ignore[import-untyped]
import msgspec
import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build  # type: ignore[import-untyped]
from googleapiclient.discovery_cache import get_static_doc  # type: ignore[import-untyped]
from googleapiclient.errors import HttpError  # type: ignore[import-untyped]
from googleapiclient.http import BatchHttpRequest  # type: ignore[import-untyped]

from infra.simulator import CLIENT_ID, CLIENT_SECRET, Simulator
from infra.simulator.google import calls, scopes
from tests.simulator.people import ANA, BEN, Person, decoded, encoded, mail


@pytest.fixture
def credentials(simulator: Simulator) -> Credentials:
    simulator.add_account(ANA)
    simulator.add_account(BEN)
    answer = Person(simulator).sign_in()
    return Credentials(  # type: ignore[no-untyped-call]
        answer["access_token"],
        refresh_token=answer["refresh_token"],
        token_uri=simulator.url + "/token",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    )


@pytest.fixture
def gmail(simulator: Simulator, credentials: Credentials) -> Iterator[Any]:
    http = google_auth_httplib2.AuthorizedHttp(credentials, http=httplib2.Http())
    options = {"api_endpoint": simulator.url}
    with build("gmail", "v1", http=http, static_discovery=True, client_options=options) as service:
        yield service.users()


def test_reading(gmail: Any, simulator: Simulator) -> None:
    ids = [simulator.deliver(mail(str(number)), to=ANA) for number in range(3)]
    messages = gmail.messages()

    listing = messages.list(userId="me", maxResults=2, q="from:carl@client.example")
    first = listing.execute()
    second = messages.list_next(listing, first).execute()
    full = messages.get(userId="me", id=ids[0], fields="id,payload").execute()

    assert {one["id"] for one in first["messages"] + second["messages"]} == set(ids)
    assert full["payload"]["mimeType"] == "text/plain"
    assert gmail.getProfile(userId="me").execute()["emailAddress"] == ANA
    assert gmail.labels().list(userId="me").execute()["labels"]


def test_history(gmail: Any, simulator: Simulator) -> None:
    start = gmail.getProfile(userId="me").execute()["historyId"]
    key = simulator.deliver(mail(), to=ANA)

    page = (
        gmail.history()
        .list(userId="me", startHistoryId=start, historyTypes="messageAdded")
        .execute()
    )

    assert page["history"][0]["messagesAdded"][0]["message"]["id"] == key


def test_sending_and_drafts(gmail: Any, simulator: Simulator) -> None:
    message = {"raw": encoded(mail(sender=ANA, to=BEN))}

    sent = gmail.messages().send(userId="me", body=message).execute()
    draft = gmail.drafts().create(userId="me", body={"message": message}).execute()
    dropped = gmail.drafts().create(userId="me", body={"message": message}).execute()
    assert len(gmail.drafts().list(userId="me").execute()["drafts"]) == 2
    assert gmail.drafts().delete(userId="me", id=dropped["id"]).execute() == ""
    gmail.drafts().send(userId="me", body={"id": draft["id"]}).execute()

    assert sent["labelIds"] == ["SENT"]
    assert len(simulator.messages(BEN)) == 2
    with pytest.raises(HttpError) as gone:
        gmail.drafts().get(userId="me", id=draft["id"]).execute()
    assert gone.value.status_code == 404


def test_attachments(gmail: Any, simulator: Simulator) -> None:
    raw = mail("%PDF", Content_Type="application/pdf; name=a.pdf")
    key = simulator.deliver(raw, to=ANA)
    part = gmail.messages().get(userId="me", id=key).execute()["payload"]

    found = (
        gmail.messages()
        .attachments()
        .get(userId="me", messageId=key, id=part["body"]["attachmentId"])
        .execute()
    )

    assert decoded(found["data"]).strip() == b"%PDF"


def test_batches(gmail: Any, simulator: Simulator, credentials: Credentials) -> None:
    ids = [simulator.deliver(mail(str(number)), to=ANA) for number in range(5)]
    answers: dict[str, Any] = {}

    def keep(name: str, answer: Any, error: HttpError | None) -> None:
        answers[name] = error.status_code if error else answer["id"]

    batch = BatchHttpRequest(callback=keep, batch_uri=simulator.url + "/batch/gmail/v1")
    for key in [*ids, "0123456789abcdef"]:
        batch.add(gmail.messages().get(userId="me", id=key), request_id=key)
    http = google_auth_httplib2.AuthorizedHttp(credentials, http=httplib2.Http())
    batch.execute(http=http)
    http.close()

    assert answers == {key: key for key in ids} | {"0123456789abcdef": 404}


def test_an_expired_token_is_refreshed_on_the_way(gmail: Any, simulator: Simulator) -> None:
    simulator.expire_access_tokens(ANA)

    assert gmail.getProfile(userId="me").execute()["emailAddress"] == ANA
    assert simulator.meters.read().calls["oauth.token"] == 2


# -- The discovery document -----------------------------------------------------------------------


def methods(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods(inner)


@pytest.fixture(scope="module")
def official() -> dict[str, dict[str, Any]]:
    document = get_static_doc("gmail", "v1")
    assert document
    return {method["id"]: method for method in methods(msgspec.json.decode(document))}


def test_every_gmail_path_is_one_of_googles(
    simulator: Simulator, official: dict[str, dict[str, Any]]
) -> None:
    served = [route for route in simulator.google.routes() if route.path.startswith(calls.ROOT)]

    for route in served:
        method = official["gmail.users." + route.name.removeprefix("gmail.")]
        assert (route.method, route.path) == (method["httpMethod"], "/" + method["path"])
    assert len(served) == 13


def test_every_call_takes_the_scopes_google_names_for_it(
    official: dict[str, dict[str, Any]],
) -> None:
    for name, accepted in calls.SCOPES.items():
        named = set(official["gmail.users." + name.removeprefix("gmail.")]["scopes"])
        assert accepted == named & set(scopes.KNOWN), name
