"""The login pages and the token endpoint, as a browser and a client's server meet them."""

import base64
from typing import Any

import jwt
import msgspec
import pytest
import requests

from infra.simulator import MICROSOFT_CLIENT_ID, Fault, Simulator
from infra.simulator.microsoft.directory import CONSUMERS
from infra.simulator.microsoft.tokens import App
from tests.simulator.microsoft.people import (
    ANA,
    BEN,
    CALLBACK,
    SCOPES,
    Person,
    Program,
    callback,
)
from tests.simulator.people import Pkce

# -- The page -------------------------------------------------------------------------------------


def test_the_page_offers_every_account_and_names_every_permission(person: Person) -> None:
    person.simulator.add_account("gina@example.com")
    page = person.open(person.question(login_hint=BEN)).text

    assert f'value="{ANA}" required>' in page
    assert f'value="{BEN}" required checked>' in page
    assert "gina@" not in page
    assert "Read your mail" in page
    assert "Maintain access" in page


def test_accepting_redirects_with_code_state_and_session(person: Person) -> None:
    answer = person.answer(person.question(client_info="1"))

    info = msgspec.json.decode(base64.urlsafe_b64decode(answer["client_info"] + "=="))
    directory = person.simulator.microsoft.directory
    account = directory.account(ANA)
    assert answer["state"] == "the state"
    assert answer["session_state"]
    assert info == {"uid": directory.oid(account), "utid": directory.tid(account)}


def test_cancelling_redirects_with_access_denied(person: Person) -> None:
    answer = person.answer(person.question(), decision="deny")

    assert (answer["error"], answer["error_subcode"]) == ("access_denied", "cancel")
    assert answer["error_description"].startswith("AADSTS65004: ")
    assert answer["state"] == "the state"


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"client_id": "nobody"}, "700016"),
        ({"client_id": None}, "900144"),
        ({"scope": " "}, "900144"),
        ({"redirect_uri": "https://evil.example/"}, "50011"),
        ({"redirect_uri": "http://127.0.0.1@evil.example/"}, "50011"),
        ({"response_mode": "fragment"}, "70007"),
    ],
)
def test_a_request_that_cannot_be_trusted_ends_on_a_page(
    person: Person, changed: dict[str, str | None], number: str
) -> None:
    page = person.open(person.question(**changed))

    assert page.status_code == 400
    assert f"AADSTS{number}: " in page.text
    assert "Location" not in page.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid Mail.Everything"}, "invalid_client"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"prompt": "please"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none", "login_hint": ANA}, "consent_required"),
    ],
)
def test_other_troubles_go_back_to_the_client(
    person: Person, changed: dict[str, str | None], error: str
) -> None:
    answer = callback(person.open(person.question(**changed)))

    assert (answer["error"], answer["state"]) == (error, "the state")
    assert answer["error_description"].startswith("AADSTS")


def test_a_registered_app_redirects_only_where_it_was_registered_for(person: Person) -> None:
    app = App("crm", "secret", ("https://crm.example/callback",))
    person.simulator.microsoft.tokens.register(app)
    good = person.question(client_id="crm", redirect_uri="https://crm.example/callback")
    bad = person.question(client_id="crm", redirect_uri="https://crm.example/callback/x")

    assert person.open(good).status_code == 200
    assert person.open(bad).status_code == 400


def test_hostile_parameters_and_names_are_escaped(simulator: Simulator) -> None:
    hostile = '"><script>alert(1)</script>'
    simulator.add_account(ANA, name=hostile, provider="microsoft")
    person = Person(simulator)
    pages = [
        person.open(person.question(login_hint=hostile, state=hostile)).text,
        person.open(person.question(client_id=hostile)).text,
        person.open(person.question(redirect_uri=hostile)).text,
        person.decide(person.question(state=hostile, response_mode="form_post")).text,
    ]

    assert not [page for page in pages if "<script>alert" in page]


def test_an_account_that_is_not_there_cannot_be_forged(person: Person) -> None:
    person.simulator.add_account("gina@example.com")
    url = person.simulator.url + "/common/oauth2/v2.0/authorize"
    for stranger in ("nobody@x.example", "gina@example.com"):
        form = {"account": stranger, "decision": "allow"}
        answer = requests.post(url, params=person.question(), data=form, timeout=10)
        assert answer.status_code == 400


def test_without_a_prompt_a_known_account_goes_straight_back(person: Person) -> None:
    person.sign_in()

    again = person.open(person.question(prompt=None, login_hint=ANA))
    silent = person.open(person.question(prompt="none", login_hint=ANA))

    assert callback(again)["code"]
    assert callback(silent)["code"]


# -- Tenants --------------------------------------------------------------------------------------


def test_a_tenant_shuts_out_the_people_of_others(person: Person) -> None:
    person.simulator.add_account("finn@fabrikam.example", provider="microsoft")
    page = person.decide(person.question(), "finn@fabrikam.example", tenant="contoso.example")
    unknown = person.open(person.question(), tenant="nowhere.example")

    assert page.status_code == 400
    assert "AADSTS50020: " in page.text
    assert "AADSTS90002: " in unknown.text


def test_organizations_shuts_out_personal_accounts(person: Person) -> None:
    person.simulator.add_account("pia@outlook.example", provider="microsoft", tenant=CONSUMERS)
    for tenant, account, status in [
        ("organizations", "pia@outlook.example", 400),
        ("consumers", "pia@outlook.example", 302),
        ("common", "pia@outlook.example", 302),
        ("consumers", ANA, 400),
    ]:
        answer = person.decide(person.question(), account, tenant=tenant)
        assert answer.status_code == status, (tenant, account)


def test_a_tenant_may_want_its_administrator_to_consent(person: Person) -> None:
    directory = person.simulator.microsoft.directory
    directory.change_tenant("contoso.example", needs_admin=True)
    page = person.open(person.question()).text
    refused = person.answer(person.question())
    directory.change_tenant("contoso.example", needs_admin=False)

    assert "Need admin approval" in page
    assert refused["error"] == "consent_required"
    assert refused["error_description"].startswith("AADSTS90094: ")
    assert "code" in person.answer(person.question())


def test_who_consented_before_needs_no_administrator(person: Person) -> None:
    person.sign_in()
    person.simulator.microsoft.directory.change_tenant("contoso.example", needs_admin=True)

    assert "code" in person.answer(person.question())


# -- Codes ----------------------------------------------------------------------------------------


def test_a_code_becomes_tokens_and_an_id_token_that_verifies(person: Person) -> None:
    answer = person.sign_in()
    configuration = requests.get(
        person.simulator.url + "/common/v2.0/.well-known/openid-configuration", timeout=10
    ).json()
    keys = configuration["jwks_uri"].replace(
        "https://login.microsoftonline.com", person.simulator.url
    )
    jwk = jwt.PyJWKSet.from_dict(requests.get(keys, timeout=10).json()).keys[0]
    claims = jwt.decode(
        answer["id_token"], jwk.key, algorithms=["RS256"], audience=MICROSOFT_CLIENT_ID
    )

    assert claims["nonce"] == "the nonce"
    assert claims["iss"] == configuration["issuer"].replace("{tenantid}", claims["tid"])
    assert answer["expires_in"] == answer["ext_expires_in"] == 3599
    assert answer["scope"].split() == ["openid", "profile", *SCOPES]


def test_scopes_are_answered_in_the_spelling_of_the_request(person: Person) -> None:
    code = person.answer(person.question())["code"]
    answer = person.exchange(code, scope="https://graph.microsoft.com/mail.read").json()

    assert "https://graph.microsoft.com/Mail.Read" in answer["scope"].split()
    assert "openid" in answer["scope"].split()


def test_without_offline_access_there_is_no_refresh_token(person: Person) -> None:
    code = person.answer(person.question(scope="openid Mail.Read"))["code"]

    assert "refresh_token" not in person.exchange(code).json()


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"code_verifier": Pkce.new().verifier}, 50148),
        ({"code_verifier": ""}, 50148),
        ({"redirect_uri": CALLBACK + "/other"}, 50011),
        ({"code": "nonsense"}, 70000),
        ({"client_secret": ""}, 7000218),
        ({"client_secret": "wrong"}, 7000215),
        ({"client_id": "nobody"}, 700016),
        ({"grant_type": "password"}, 70003),
        ({"grant_type": ""}, 900144),
        ({"scope": "Mail.Everything"}, 70011),
        ({"claims": "no JSON"}, 9002313),
    ],
)
def test_a_bad_exchange_is_refused_with_its_number(
    person: Person, changed: dict[str, str], number: int
) -> None:
    code = person.answer(person.question())["code"]
    answer = person.exchange(code, **changed)

    body = answer.json()
    assert answer.status_code == (401 if body["error"] == "invalid_client" else 400)
    assert body["error_codes"] == [number]
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    assert body["correlation_id"]


def test_a_code_works_once_and_for_ten_minutes(person: Person) -> None:
    code, late = (person.answer(person.question())["code"] for _ in range(2))
    person.exchange(code)
    twice = person.exchange(code).json()
    person.simulator.clock.advance(600)

    assert twice["error_codes"] == [54005]
    assert person.exchange(late).json()["error_codes"] == [70008]


def test_a_code_of_one_tenant_is_not_redeemed_at_another(person: Person) -> None:
    person.simulator.add_account("finn@fabrikam.example", provider="microsoft")
    code = person.answer(person.question())["code"]

    assert person.exchange(code, tenant="fabrikam.example").json()["error_codes"] == [50020]
    assert person.exchange(code, tenant="nowhere.example").json()["error_codes"] == [90002]


# -- Refreshing -----------------------------------------------------------------------------------


def test_every_refresh_gives_a_new_refresh_token_and_spares_the_old(person: Person) -> None:
    first = person.sign_in()["refresh_token"]
    second = person.refresh(first).json()["refresh_token"]
    third = person.refresh(first).json()["refresh_token"]

    assert len({first, second, third}) == 3
    assert all(person.refresh(token).ok for token in (first, second, third))


def test_a_refresh_token_dies_ninety_days_after_it_was_made_whatever_its_use(
    person: Person,
) -> None:
    first = person.sign_in()["refresh_token"]
    person.simulator.clock.advance(80 * 86_400)
    second = person.refresh(first).json()["refresh_token"]
    person.simulator.clock.advance(10 * 86_400)
    dead = person.refresh(first).json()

    assert (dead["error"], dead["error_codes"]) == ("invalid_grant", [700082])
    assert person.refresh(second).ok


def test_what_was_not_consented_to_cannot_be_refreshed(person: Person) -> None:
    token = person.sign_in(scopes=["Mail.Read"])["refresh_token"]
    refused = person.refresh(token, scope="Mail.Read Mail.Send").json()

    assert (refused["error_codes"], refused["suberror"]) == ([65001], "consent_required")
    assert person.refresh(token, scope="https://graph.microsoft.com/.default").ok


def test_revoking_kills_refresh_tokens_at_once_and_lets_access_tokens_run_out(
    person: Person,
) -> None:
    answer = person.sign_in()
    person.simulator.revoke_grant(ANA)

    assert person.refresh(answer["refresh_token"]).json()["error_codes"] == [50173]
    with Program(person.simulator, answer["access_token"]) as program:
        assert program.get("/me").status_code == 200
        person.simulator.clock.advance(3600)
        assert program.get("/me").status_code == 401


def test_an_app_that_understands_challenges_loses_access_at_once(person: Person) -> None:
    code = person.answer(person.question())["code"]
    capable = '{"access_token":{"xms_cc":{"values":["CP1"]}}}'
    token = person.exchange(code, claims=capable).json()["access_token"]
    person.simulator.revoke_grant(ANA)

    with Program(person.simulator, token) as program:
        refused = program.get("/me")
    assert refused.status_code == 401
    assert 'error="insufficient_claims"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("number", "error", "status"),
    [
        ("50173", "invalid_grant", 400),
        ("700082", "invalid_grant", 400),
        ("70008", "invalid_grant", 400),
        ("70043", "invalid_grant", 400),
        ("50076", "interaction_required", 400),
        ("50079", "interaction_required", 400),
        ("53003", "invalid_grant", 400),
        ("65001", "invalid_grant", 400),
        ("50057", "invalid_grant", 400),
        ("50196", "invalid_grant", 400),
        ("7000215", "invalid_client", 401),
    ],
)
def test_an_account_can_be_refused_for_every_reason_there_is(
    person: Person, number: str, error: str, status: int
) -> None:
    token = person.sign_in()["refresh_token"]
    other = person.sign_in(BEN)["refresh_token"]
    person.simulator.microsoft.directory.change(ANA, refused=number)
    answer = person.refresh(token)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_codes"] == [int(number)]
    assert person.refresh(other).ok


def test_multi_factor_refusals_say_which_claims_would_help(person: Person) -> None:
    token = person.sign_in()["refresh_token"]
    person.simulator.microsoft.directory.change(ANA, refused="50076")
    refused: dict[str, Any] = person.refresh(token).json()

    assert refused["suberror"] == "basic_action"
    assert "access_token" in msgspec.json.decode(refused["claims"])


def test_signing_in_anew_cures_what_it_can_cure_and_the_old_tokens_stay_dead(
    person: Person,
) -> None:
    old = person.sign_in()["refresh_token"]
    person.simulator.microsoft.directory.change(ANA, refused="50076")
    new = person.sign_in()["refresh_token"]

    assert person.refresh(new).ok
    assert person.refresh(old).json()["error_codes"] == [50173]


def test_conditional_access_stands_in_the_way_of_signing_in_as_well(person: Person) -> None:
    person.simulator.microsoft.directory.change(ANA, refused="53003")
    refused = person.answer(person.question())

    assert refused["error"] == "interaction_required"
    assert refused["error_description"].startswith("AADSTS53003: ")


def test_a_disabled_account_is_told_so_on_the_page(person: Person) -> None:
    person.simulator.microsoft.directory.change(ANA, refused="50057")
    page = person.decide(person.question())

    assert page.status_code == 400
    assert "AADSTS50057: " in page.text


def test_armed_faults_speak_the_token_endpoints_language(person: Person) -> None:
    token = person.sign_in()["refresh_token"]
    person.simulator.faults.add(
        Fault(method="login.token", account=ANA, status=400, reason="70043"),
        Fault(method="login.token", account=ANA, status=429, retry_after=9),
        Fault(method="login.token", status=503),
        Fault(method="login.token", status=502, answer="html"),
    )
    answers = [person.refresh(token) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [400, 429, 503, 502, 200]
    assert answers[0].json()["suberror"] == "token_expired"
    assert answers[1].headers["Retry-After"] == "9"
    assert answers[2].json()["error"] == "temporarily_unavailable"
