"""The real msal against the simulated login: what it asks for, and what it makes of the answers."""

from collections.abc import Iterator
from typing import Any

import msal
import pytest
import requests

from infra.simulator import Fault, Simulator
from tests.simulator.microsoft.people import (
    ANA,
    CALLBACK,
    SCOPES,
    Local,
    Person,
    callback,
    msal_client,
)


@pytest.fixture
def app(person: Person) -> Iterator[msal.ConfidentialClientApplication]:
    with Local(person.simulator) as session:
        yield msal_client(person.simulator, http_client=session)


def _sign_in(
    app: msal.ConfidentialClientApplication, simulator: Simulator, *, decision: str = "allow"
) -> dict[str, Any]:
    flow = app.initiate_auth_code_flow(
        list(SCOPES), redirect_uri=CALLBACK, prompt="select_account", login_hint=ANA
    )
    url = flow["auth_uri"].replace("https://login.microsoftonline.com", simulator.url)
    form = {"account": ANA, "decision": decision}
    back = requests.post(url, data=form, timeout=10, allow_redirects=False)
    result: dict[str, Any] = app.acquire_token_by_auth_code_flow(flow, callback(back))
    return result


def test_the_code_flow_ends_with_tokens_and_claims(
    app: msal.ConfidentialClientApplication, simulator: Simulator
) -> None:
    result = _sign_in(app, simulator)

    claims = result["id_token_claims"]
    account = simulator.microsoft.directory.account(ANA)
    assert claims["oid"] == simulator.microsoft.directory.oid(account)
    assert claims["tid"] == simulator.microsoft.directory.tid(account)
    assert claims["preferred_username"] == ANA
    assert set(SCOPES) <= set(result["scope"].split())
    assert result["refresh_token"]
    assert app.get_accounts()[0]["username"] == ANA
