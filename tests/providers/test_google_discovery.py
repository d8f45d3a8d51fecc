"""Every call we make of Gmail is one that Google's own description of the API knows."""

import re
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from shared.domain.errors import MailbridgeError
from shared.ports.providers import Search
from shared.providers.google.mail import Gmail
from shared.providers.google.scopes import SCOPES
from shared.providers.http import Http
from tests.contracts.providers import outgoing
from tests.providers.server import Asked, Reply, json_reply, serving


class OneToken:
    granted = SCOPES

    def token(self) -> str:
        return "t"

    def replace(self, rejected: str, *, claims: str = "") -> str:  # noqa: ARG002
        return rejected


@cache
def described() -> dict[str, Any]:
    spec = find_spec("googleapiclient")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "discovery_cache" / "documents" / "gmail.v1.json"
    document: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return document


def methods(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from node.get("methods", {}).values()
    for child in node.get("resources", {}).values():
        yield from methods(child)


def the_method(asked: Asked) -> dict[str, Any]:
    path = urlsplit(asked.target).path
    for method in methods(described()):
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", "/" + method["path"])
        if method["httpMethod"] == asked.method and re.fullmatch(pattern, path):
            return method
    raise AssertionError(f"Gmail knows no {asked.method} {path}")


def answer(asked: Asked) -> Reply:
    """Just enough for every branch of ours to be walked."""
    if "/history" in asked.target and "pageToken" not in asked.target:
        return json_reply(nextPageToken="p", history=[])
    if "/drafts" in asked.target and asked.method == "GET":
        return json_reply(drafts=[{"id": "d1"}])
    return json_reply(id="d1", historyId="7", messages=[{"id": "m1"}], data="")


def unpacked(asked: Asked) -> Iterator[Asked]:
    """A batch as the calls within it."""
    if not asked.target.startswith("/batch"):
        yield asked
        return
    assert asked.target == f"/{described()['batchPath']}/gmail/v1"
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    for part in message_from_bytes(head + asked.body).get_payload():
        assert part.get_content_type() == "application/http"  # type: ignore[union-attr]
        method, target, version = str(part.get_payload()).split("\r\n")[0].split(" ")  # type: ignore[union-attr]
        assert version == "HTTP/1.1"
        yield Asked(method, target, {}, b"")


@pytest.fixture(scope="module")
def calls() -> list[Asked]:
    """Everything a mailbox ever asks for."""
    with serving(answer) as server:
        gmail = Gmail(Http(server.url), OneToken(), 20)
        gmail.cursor()
        position = gmail.changes("5").cursor
        gmail.changes(position)
        gmail.search(Search(("jane@example.org",)), "page")
        for ask in (gmail.envelopes, gmail.mails):
            with suppress(MailbridgeError):
                ask(["m1"])
        gmail._mail(
            {"id": "m1", "payload": {"mimeType": "text/plain", "body": {"attachmentId": "a"}}}
        )
        gmail.prepare(outgoing(thread_id="t1"))
        with suppress(MailbridgeError):
            gmail.prepared("mark")
        gmail.dispatch("d1", outgoing())
        gmail.outcome("d1", "mark", "")
        gmail.outcome("", "mark", "m1")
        gmail.discard("d1")
        return [call for asked in server.asked for call in unpacked(asked)]


def test_each_call_is_one_that_gmail_has(calls: list[Asked]) -> None:
    made = {the_method(call)["id"].removeprefix("gmail.users.") for call in calls}
    assert made == {
        "getProfile",
        "history.list",
        "messages.list",
        "messages.get",
        "messages.attachments.get",
        "drafts.create",
        "drafts.list",
        "drafts.get",
        "drafts.send",
        "drafts.delete",
    }


def test_each_parameter_is_known_and_within_its_bounds(calls: list[Asked]) -> None:
    for call in calls:
        known = the_method(call)["parameters"]
        for name, values in parse_qs(urlsplit(call.target).query).items():
            parameter = known[name]
            assert len(values) == 1 or parameter.get("repeated")
            for value in values:
                assert value in parameter.get("enum", [value])
                if name == "maxResults":
                    assert 0 < int(value) <= 500
        required = {n for n, p in known.items() if p.get("required") and p["location"] == "query"}
        assert required <= set(parse_qs(urlsplit(call.target).query))


def test_each_body_has_only_fields_of_its_schema(calls: list[Asked]) -> None:
    schemas = described()["schemas"]

    def check(value: dict[str, Any], schema: dict[str, Any]) -> None:
        for name, field in value.items():
            inner = schema["properties"][name]
            if "$ref" in inner:
                check(field, schemas[inner["$ref"]])

    bodies = [call for call in calls if call.body]
    assert bodies
    for call in bodies:
        check(msgspec.json.decode(call.body), schemas[the_method(call)["request"]["$ref"]])


def test_each_call_is_covered_by_a_scope_we_ask_for(calls: list[Asked]) -> None:
    for call in calls:
        assert set(SCOPES) & set(the_method(call)["scopes"])
