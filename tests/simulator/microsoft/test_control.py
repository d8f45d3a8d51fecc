"""What is switched, moved and kept: the control paths, restarts, both vendors side by side."""

from pathlib import Path
from typing import Any

import pytest
import requests

from infra.simulator import Simulator
from tests.simulator import people as google
from tests.simulator.microsoft.people import ANA, SCOPES, Person, Program, outgoing
from tests.simulator.people import mail


def control(
    simulator: Simulator, method: str, path: str, body: dict[str, Any] | None = None
) -> requests.Response:
    url = f"{simulator.url}/_simulator/{path}"
    return requests.request(method, url, json=body, timeout=10)


def test_everything_can_be_told_over_http(simulator: Simulator) -> None:
    def tell(method: str, path: str, /, **body: Any) -> Any:
        answer = control(simulator, method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    tell("POST", "accounts", address=ANA, provider="microsoft", tenant="contoso")
    person = Person(simulator)
    token = person.sign_in()["access_token"]
    raw = "RnJvbTogYUBiLmV4YW1wbGUNCg0KSGkNCg=="
    key = tell("POST", "deliver", to=ANA, raw=raw)["id"]
    folder = tell("POST", "microsoft/folders", account=ANA, path="Customers")["id"]
    tell("POST", "messages/move", account=ANA, id=key, folder="Customers")
    person_now = tell("PATCH", f"microsoft/people/{ANA}", has_mail=False)
    tenant_now = tell("PATCH", "microsoft/tenants/contoso", needs_admin=True)
    tell("PATCH", "limits/microsoft", concurrent_requests=None)

    with Program(simulator, token) as ana:
        assert ana.read("/me")["mail"] is None
        assert ana.read(f"/me/messages/{key}")["parentFolderId"] == folder
        tell("POST", "microsoft/challenge", account=ANA)
        assert ana.get("/me").status_code == 401
    assert tell("GET", f"microsoft/people/{ANA}")["claims"]
    assert tell("GET", "microsoft/tenants/contoso") == tenant_now == {"needs_admin": True}
    assert person_now["has_mail"] is False
    assert simulator.microsoft.limits.concurrent_requests is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "microsoft/people/nobody@x.example", {"has_mail": False}, 404),
        ("PATCH", "microsoft/people/gina@example.com", {"has_mail": False}, 404),
        ("PATCH", f"microsoft/people/{ANA}", {"hasMail": False}, 400),
        ("PATCH", f"microsoft/people/{ANA}", {"has_mail": "no"}, 400),
        ("POST", "microsoft/challenge", {"account": "nobody@x.example"}, 404),
        ("PATCH", "limits/microsoft", {"removed_reason": "lost"}, 400),
        ("POST", "messages/move", {"account": ANA, "id": "x", "folder": "TRASH"}, 404),
    ],
)
def test_what_cannot_be_switched_is_refused(
    simulator: Simulator, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    simulator.add_account(ANA, provider="microsoft")
    simulator.add_account("gina@example.com")

    assert control(simulator, method, path, body).status_code == status


def test_everything_is_kept_across_a_restart(tmp_path: Path) -> None:
    with Simulator.start(data=tmp_path) as first:
        first.add_account(ANA, provider="microsoft", tenant="contoso")
        answer = Person(first).sign_in()
        with Program(first, answer["access_token"]) as ana:
            first.microsoft.limits.sent_items_delay_seconds = 3600
            ana.send(outgoing("x@y.example"))
            key = first.deliver(mail(), to=ANA)
            folder = first.microsoft.add_folder(ANA, "Customers")
            _, link = ana.round("/me/mailFolders/inbox/messages/delta")
            me = ana.read("/me")
        first.microsoft.directory.change(ANA, user_principal_name="ana@elsewhere.example")
        first_url = first.url

    with Simulator.start(data=tmp_path) as second:
        other = second.deliver(mail(), to=ANA)
        with Program(second, answer["access_token"]) as ana:
            entries, _ = ana.round(link.replace(first_url, second.url))
            messages = {message["id"] for message in ana.all("/me/messages")}
            assert ana.read("/me") == me | {"userPrincipalName": "ana@elsewhere.example"}
            assert ana.read(f"/me/mailFolders/{folder}")["displayName"] == "Customers"
            second.clock.advance(3600 - 60 * 30)
            assert ana.all("/me/mailFolders/sentitems/messages") == []
        assert Person(second).refresh(answer["refresh_token"]).ok
        second.clock.advance(1800)
        assert "SENT" in {label for m in second.messages(ANA) for label in m.labels}
    assert [entry["id"] for entry in entries] == [other]
    assert messages == {key, other}


def test_a_tenant_by_any_of_its_names_is_one_tenant(simulator: Simulator) -> None:
    directory = simulator.microsoft.directory
    by_domain = simulator.add_account(ANA, provider="microsoft")
    by_name = simulator.add_account(
        "zoe@elsewhere.example", provider="microsoft", tenant="Contoso.example"
    )
    tid = directory.tid(by_domain)
    by_id = simulator.add_account("yan@else.example", provider="microsoft", tenant=tid.upper())

    assert directory.tid(by_name) == directory.tid(by_id) == tid
    assert len({directory.oid(account) for account in (by_domain, by_name, by_id)}) == 3


def test_moving_and_relabelling_work_for_both_vendors(simulator: Simulator) -> None:
    for address, provider in [(ANA, "microsoft"), ("gina@example.com", "google")]:
        simulator.add_account(address, provider=provider)
        key = simulator.deliver(mail(), to=address)
        simulator.move(address, key, "TRASH")
        assert set(simulator.message(address, key).labels) == {"UNREAD", "TRASH"}
        simulator.relabel(address, key, add=["INBOX"], remove=["TRASH", "UNREAD"])
        assert simulator.message(address, key).labels == ("INBOX",)


def test_the_two_vendors_do_not_know_each_others_tokens(simulator: Simulator) -> None:
    simulator.add_account(ANA, provider="microsoft")
    token = Person(simulator).sign_in(ANA, scopes=SCOPES)["access_token"]
    with google.Program(simulator, token) as gmail:
        assert gmail.get("/profile").status_code == 401
    with google.program(simulator, "gina@example.com") as gina:
        headers = dict(gina.session.headers)
    answer = requests.get(simulator.url + "/v1.0/me", headers=headers, timeout=10)
    assert answer.status_code == 401
