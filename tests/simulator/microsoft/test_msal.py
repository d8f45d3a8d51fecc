"""The real msal against the simulated login: what it asks for, and what it makes of the answers."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import msal  # type: ignore[import-untyped]  # it ships none
import pytest
import requests

from infra.simulator import Fault, Simulator
from tests.simulator.microsoft.people import (
    ANA,
    CALLBACK,
    SCOPES,
    Local,
    Person,
    Program,
    msal_client,
)


@pytest.fixture
def app(person: Person) -> Iterator[msal.ConfidentialClientApplication]:
    with Local(person.simulator) as session:
        yield msal_client(person.simulator, http_client=session)


def sign_in(
    app: msal.ConfidentialClientApplication, simulator: Simulator, *, decision: str = "allow"
) -> dict[str, Any]:
    flow = app.initiate_auth_code_flow(
        list(SCOPES), redirect_uri=CALLBACK, prompt="select_account", response_mode="form_post"
    )
    url = flow["auth_uri"].replace("https://login.microsoftonline.com", simulator.url)
    form = {"account": ANA, "decision": decision}
    page = requests.post(url, data=form, timeout=10, allow_redirects=False)
    result: dict[str, Any] = app.acquire_token_by_auth_code_flow(flow, posted(page))
    return result


def posted(page: requests.Response) -> dict[str, str]:
    """What a browser would post to the redirect URI."""
    assert f'<form method="post" action="{CALLBACK}">' in page.text
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in hidden}


def test_the_code_flow_ends_with_tokens_claims_and_an_account(
    app: msal.ConfidentialClientApplication, simulator: Simulator
) -> None:
    result = sign_in(app, simulator)

    claims, directory = result["id_token_claims"], simulator.microsoft.directory
    account = directory.account(ANA)
    assert (claims["tid"], claims["oid"]) == (directory.tid(account), directory.oid(account))
    assert (claims["preferred_username"], claims["name"]) == (ANA, "Ana Flores")
    assert set(SCOPES) <= set(result["scope"].split())
    known = app.get_accounts()[0]
    assert known["home_account_id"] == f"{claims['oid']}.{claims['tid']}"


def test_a_silent_refresh_rotates_the_refresh_token_and_the_old_one_still_works(
    app: msal.ConfidentialClientApplication, simulator: Simulator
) -> None:
    first = sign_in(app, simulator)
    account = app.get_accounts()[0]
    second = app.acquire_token_silent_with_error(list(SCOPES), account, force_refresh=True)
    old = app.acquire_token_by_refresh_token(first["refresh_token"], list(SCOPES))

    assert second
    assert second["access_token"] != first["access_token"]
    assert old["refresh_token"] != first["refresh_token"]


def test_saying_no_is_an_error_with_microsofts_code(
    app: msal.ConfidentialClientApplication, simulator: Simulator
) -> None:
    result = sign_in(app, simulator, decision="deny")

    assert result["error"] == "access_denied"
    assert result["error_description"].startswith("AADSTS65004: ")


def test_a_challenge_is_met_by_a_token_asked_for_with_its_claims(
    app: msal.ConfidentialClientApplication, simulator: Simulator
) -> None:
    before = sign_in(app, simulator)["access_token"]
    account = app.get_accounts()[0]
    claims = simulator.microsoft.challenge(ANA)
    plain = app.acquire_token_silent(list(SCOPES), account, force_refresh=True)
    after = app.acquire_token_silent(list(SCOPES), account, claims_challenge=claims)

    assert plain
    assert after
    statuses = []
    for token in (before, plain["access_token"], after["access_token"]):
        with Program(simulator, token) as program:
            statuses.append(program.get("/me").status_code)
    assert statuses == [401, 401, 200]


def test_a_revoked_grant_is_told_by_error_and_number(
    app: msal.ConfidentialClientApplication, simulator: Simulator
) -> None:
    sign_in(app, simulator)
    simulator.revoke_grant(ANA)
    result = app.acquire_token_silent_with_error(
        list(SCOPES), app.get_accounts()[0], force_refresh=True
    )

    assert result
    assert (result["error"], result["error_codes"]) == ("invalid_grant", [50173])


def test_msal_answers_from_its_own_memory_after_a_400(
    app: msal.ConfidentialClientApplication, simulator: Simulator
) -> None:
    """Why whoever uses it must not keep one for long."""
    refresh = sign_in(app, simulator)["refresh_token"]
    simulator.faults.add(Fault(method="login.token", status=400, reason="50173"))
    results = [app.acquire_token_by_refresh_token(refresh, list(SCOPES)) for _ in range(2)]

    assert [result["error"] for result in results] == ["invalid_grant"] * 2
    assert simulator.meters.read().calls["login.token"] == 2  # the code's, and one


def test_a_tenant_as_authority_by_id_or_name(person: Person) -> None:
    directory = person.simulator.microsoft.directory
    tid = directory.tid(directory.account(ANA))
    for tenant in (tid, "contoso.example", "organizations"):
        authority = f"https://login.microsoftonline.com/{tenant}"
        with Local(person.simulator) as session:
            app = msal_client(person.simulator, http_client=session, authority=authority)
            assert "access_token" in sign_in(app, person.simulator)


def test_an_authority_nobody_knows_is_refused(person: Person) -> None:
    authority = "https://login.microsoftonline.com/fabrikam.example"
    with Local(person.simulator) as session, pytest.raises(ValueError, match="fabrikam"):
        msal_client(
            person.simulator, http_client=session, authority=authority
        ).initiate_auth_code_flow(list(SCOPES), redirect_uri=CALLBACK, response_mode="form_post")


def test_a_wrong_secret_is_the_clients_own_trouble(person: Person) -> None:
    with Local(person.simulator) as session:
        app = msal_client(person.simulator, http_client=session, client_credential="wrong")
        result = sign_in(app, person.simulator)

    assert (result["error"], result["error_codes"]) == ("invalid_client", [7000215])
