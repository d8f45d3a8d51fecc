"""The consent page and the token endpoints, as a browser and a client's server meet them."""

from typing import Any

import jwt
import pytest
import requests

from infra.simulator import CLIENT_ID, Client, Simulator
from infra.simulator.google import scopes
from tests.simulator.people import (
    ANA,
    BEN,
    CALLBACK,
    MAIL,
    SCOPES,
    Person,
    Pkce,
    Program,
    callback,
    mail,
    ticked,
)


@pytest.fixture
def person(simulator: Simulator) -> Person:
    simulator.add_account(ANA, name="Ana Flores")
    simulator.add_account(BEN)
    return Person(simulator)


# -- The page -------------------------------------------------------------------------------------


def test_the_page_offers_every_account_and_a_tick_box_for_each_scope_beyond_signing_in(
    person: Person,
) -> None:
    page = person.open(person.question(login_hint=BEN)).text

    assert f'value="{ANA}" required>' in page
    assert f'value="{BEN}" required checked>' in page
    assert ticked(page) == [("scope", MAIL + "readonly"), ("scope", MAIL + "compose")]


def test_allowing_redirects_with_a_code_the_state_and_what_was_ticked(person: Person) -> None:
    answer = person.answer(person.question(), untick=[MAIL + "compose"])

    assert answer["state"] == "the state"
    assert MAIL + "readonly" in answer["scope"].split()
    assert MAIL + "compose" not in answer["scope"].split()


def test_the_redirect_is_written_as_google_writes_it(person: Person) -> None:
    location = person.decided(person.question()).headers["Location"]

    names, values = zip(
        *(pair.split("=") for pair in location.partition("?")[2].split("&")), strict=True
    )
    assert names == ("state", "iss", "code", "scope", "authuser", "hd", "prompt")
    assert values[0:2] == ("the%20state", "https://accounts.google.com")
    assert values[2].startswith("4/0A")
    assert values[3].startswith("email%20")
    assert "%20https://www.googleapis.com/auth/gmail.readonly" in values[3]
    assert values[4:] == ("0", "example.com", "consent%20select_account")


def test_denying_redirects_with_access_denied(person: Person) -> None:
    answer = person.answer(person.question(), decision="deny")

    assert answer == {"state": "the state", "error": "access_denied"}


def test_a_query_of_the_redirect_uri_is_kept(person: Person) -> None:
    assert person.answer(person.question(redirect_uri=CALLBACK + "?a=1"))["a"] == "1"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": None}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://127.0.0.1@evil.example/"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri_mismatch"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid everything"}, "invalid_scope"),
        ({"scope": " "}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"prompt": "none consent"}, "invalid_request"),
    ],
)
def test_a_request_that_cannot_be_trusted_ends_on_an_error_page(
    person: Person, changed: dict[str, Any], error: str
) -> None:
    page = person.open(person.question(**changed))

    assert page.status_code == 400
    assert f"<b>{error}</b>" in page.text
    assert "Location" not in page.headers


def test_a_registered_client_redirects_only_where_it_was_registered_for(person: Person) -> None:
    registered = Client("crm", "secret", ("https://crm.example/callback",))
    person.simulator.google.tokens.register(registered)

    good = person.question(client_id="crm", redirect_uri="https://crm.example/callback")
    bad = person.question(client_id="crm", redirect_uri="https://crm.example/callback/x")

    assert person.open(good).status_code == 200
    assert person.open(bad).status_code == 400


def test_hostile_parameters_and_names_are_escaped(simulator: Simulator) -> None:
    hostile = '"><script>alert(1)</script>'
    simulator.add_account(ANA, name=hostile)
    simulator.add_account("a&b@example.com")
    person = Person(simulator)

    pages = [
        person.open(person.question(login_hint=hostile, state=hostile)).text,
        person.open(person.question(client_id=hostile)).text,
        person.open(person.question(scope=hostile)).text,
    ]

    assert not [page for page in pages if "<script>" in page]
    assert 'value="a&amp;b@example.com"' in pages[0]


def test_a_forged_form_cannot_choose_an_account_that_is_not_there_or_a_scope_not_asked_for(
    person: Person,
) -> None:
    url = person.simulator.url + "/o/oauth2/v2/auth"
    question = person.question()

    nobody = requests.post(
        url, params=question, data={"account": "x@y.example", "decision": "allow"}, timeout=10
    )
    form = {"account": ANA, "decision": "allow", "scope": [scopes.FULL, MAIL + "readonly"]}
    more = requests.post(url, params=question, data=form, timeout=10, allow_redirects=False)

    assert nobody.status_code == 400
    assert scopes.FULL not in callback(more)["scope"]


def test_without_a_prompt_a_known_account_goes_straight_back(person: Person) -> None:
    first = person.question(prompt=None, login_hint=ANA)
    person.answer(first)

    again = person.open(first)

    assert again.status_code == 302
    assert callback(again)["code"]


def test_prompt_none_never_shows_a_page(person: Person) -> None:
    stranger = person.open(person.question(prompt="none"))
    asked = person.open(person.question(prompt="none", login_hint=ANA))

    assert callback(stranger)["error"] == "login_required"
    assert callback(asked)["error"] == "interaction_required"


# -- Codes ----------------------------------------------------------------------------------------


def test_a_code_becomes_tokens_and_an_id_token_that_verifies(person: Person) -> None:
    answer = person.sign_in()

    keys = jwt.PyJWKClient(person.simulator.url + "/oauth2/v3/certs")
    claims = jwt.decode(
        answer["id_token"],
        keys.get_signing_key_from_jwt(answer["id_token"]),
        algorithms=["RS256"],
        audience=CLIENT_ID,
        issuer="https://accounts.google.com",
        # The simulator's clock is the tests' own.
        options={"verify_exp": False, "verify_iat": False},
    )
    assert answer["expires_in"] == 3599
    assert answer["token_type"] == "Bearer"
    assert "https://www.googleapis.com/auth/userinfo.email" in answer["scope"].split()
    assert (claims["email"], claims["email_verified"]) == (ANA, True)
    assert (claims["name"], claims["nonce"]) == ("Ana Flores", "the nonce")
    assert len(claims["sub"]) == 21


def test_userinfo_tells_what_the_scopes_allow(person: Person) -> None:
    token = person.sign_in(scopes=["openid", "email", MAIL + "readonly"])["access_token"]

    for path in ("/v1/userinfo", "/oauth2/v3/userinfo"):
        headers = {"Authorization": f"Bearer {token}"}
        told = requests.get(person.simulator.url + path, headers=headers, timeout=10).json()
        assert set(told) == {"sub", "email", "email_verified"}


def test_a_code_works_once(person: Person) -> None:
    code = person.answer(person.question())["code"]

    assert person.exchange(code).status_code == 200
    replayed = person.exchange(code)

    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")


def test_a_code_expires_after_ten_minutes(person: Person) -> None:
    code = person.answer(person.question())["code"]
    person.simulator.clock.advance(601)

    assert person.exchange(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"code_verifier": Pkce.new().verifier}, 400, "invalid_grant"),
        ({"code": "4/0nonsense"}, 400, "invalid_grant"),
        ({"redirect_uri": CALLBACK + "/other"}, 400, "redirect_uri_mismatch"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": "é"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"code": ""}, 400, "invalid_request"),
    ],
)
def test_a_wrong_exchange_is_refused_in_googles_words_and_the_code_stays_good(
    person: Person, form: dict[str, str], status: int, error: str
) -> None:
    code = person.answer(person.question())["code"]

    refused = person.exchange(**{"code": code} | form)

    assert (refused.status_code, refused.json()["error"]) == (status, error)
    assert person.exchange(code).status_code == 200


def test_a_missing_verifier_is_refused(person: Person) -> None:
    code = person.answer(person.question())["code"]

    refused = person.token(grant_type="authorization_code", code=code)

    assert refused.json() == {
        "error": "invalid_grant",
        "error_description": "Missing code verifier.",
    }


def test_another_clients_code_is_refused(person: Person) -> None:
    person.simulator.google.tokens.register(Client("other", "secret"))
    code = person.answer(person.question())["code"]

    refused = person.exchange(code, client_id="other", client_secret="secret")

    assert refused.json()["error"] == "invalid_grant"


def test_a_client_may_authenticate_with_basic(person: Person) -> None:
    refresh = person.sign_in()["refresh_token"]

    answer = requests.post(
        person.simulator.url + "/token",
        data={"grant_type": "refresh_token", "refresh_token": refresh},
        auth=(CLIENT_ID, "GOCSPX-simulator"),
        timeout=10,
    )

    assert answer.status_code == 200


# -- Refresh tokens -------------------------------------------------------------------------------


def test_a_refresh_token_comes_with_the_first_consent_and_then_only_when_asked_again(
    person: Person,
) -> None:
    def given(**changed: Any) -> bool:
        code = person.answer(person.question(**changed))["code"]
        return "refresh_token" in person.exchange(code).json()

    assert not given(access_type=None, prompt="consent")
    assert not given(prompt="select_account")
    assert given(prompt="consent")


def test_refreshing_gives_a_new_access_token_and_no_new_refresh_token(person: Person) -> None:
    first = person.sign_in()

    again = person.refresh(first["refresh_token"]).json()

    assert again["access_token"] != first["access_token"]
    assert "refresh_token" not in again
    assert again["scope"] == first["scope"]


def test_the_oldest_refresh_token_dies_when_there_are_too_many(person: Person) -> None:
    person.simulator.google.limits.refresh_tokens_per_client = 2
    tokens = [person.sign_in()["refresh_token"] for _ in range(3)]

    assert [person.refresh(token).status_code for token in tokens] == [400, 200, 200]


def test_a_refresh_token_dies_when_unused_for_six_months(person: Person) -> None:
    used, unused = person.sign_in()["refresh_token"], person.sign_in()["refresh_token"]
    person.simulator.clock.advance(100 * 86_400)
    assert person.refresh(used).status_code == 200
    person.simulator.clock.advance(100 * 86_400)

    assert person.refresh(used).status_code == 200
    assert person.refresh(unused).json()["error"] == "invalid_grant"


def test_an_app_in_testing_loses_its_refresh_tokens_after_a_week(person: Person) -> None:
    person.simulator.google.tokens.register(Client("app", "secret", testing=True))
    code = person.answer(person.question(client_id="app"))["code"]
    mine = {"client_id": "app", "client_secret": "secret"}
    refresh = person.exchange(code, **mine).json()["refresh_token"]
    person.simulator.clock.advance(6 * 86_400)
    assert person.refresh(refresh, **mine).status_code == 200
    person.simulator.clock.advance(2 * 86_400)

    assert person.refresh(refresh, **mine).json()["error"] == "invalid_grant"


def test_another_clients_refresh_token_is_refused(person: Person) -> None:
    person.simulator.google.tokens.register(Client("other", "secret"))
    refresh = person.sign_in()["refresh_token"]

    refused = person.refresh(refresh, client_id="other", client_secret="secret")

    assert refused.json()["error"] == "invalid_grant"


# -- The end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoking_any_token_takes_back_everything(person: Person, kind: str) -> None:
    older, newer = person.sign_in(), person.sign_in()
    url = person.simulator.url + "/revoke"

    assert requests.post(url, data={"token": newer[kind]}, timeout=10).status_code == 200
    again = requests.post(url, data={"token": newer[kind]}, timeout=10)

    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")
    assert person.refresh(older["refresh_token"]).json()["error"] == "invalid_grant"
    with Program(person.simulator, older["access_token"]) as program:
        assert program.get("/profile").status_code == 401


def test_a_grant_withdrawn_in_the_account_ends_its_tokens_alone(person: Person) -> None:
    mine, other = person.sign_in(ANA), person.sign_in(BEN)

    person.simulator.revoke_grant(ANA)

    assert person.refresh(mine["refresh_token"]).status_code == 400
    assert person.refresh(other["refresh_token"]).status_code == 200


def test_an_expired_access_token_is_401_until_it_is_refreshed(person: Person) -> None:
    first = person.sign_in()
    person.simulator.clock.advance(3_600)

    with Program(person.simulator, first["access_token"]) as program:
        refused = program.get("/profile")
    fresh = person.refresh(first["refresh_token"]).json()["access_token"]

    error = refused.json()["error"]
    assert (refused.status_code, error["status"]) == (401, "UNAUTHENTICATED")
    assert error["errors"][0]["reason"] == "authError"
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    with Program(person.simulator, fresh) as program:
        assert program.get("/profile").status_code == 200


def test_unticked_scopes_are_403_where_they_are_needed(person: Person) -> None:
    code = person.answer(person.question(), untick=[MAIL + "compose"])["code"]
    answer = person.exchange(code).json()

    with Program(person.simulator, answer["access_token"]) as program:
        assert program.get("/messages").status_code == 200
        refused = program.send(mail(sender=ANA, to=BEN))

    assert set(answer["scope"].split()) == set(scopes.read(" ".join(SCOPES))) - {MAIL + "compose"}
    assert refused.status_code == 403
    assert refused.json()["error"]["errors"][0]["reason"] == "insufficientPermissions"
