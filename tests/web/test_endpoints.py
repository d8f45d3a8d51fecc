"""What every function does with a request before and after its service."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType
from werkzeug.test import EnvironBuilder

from infra.issuer import Issuer
from shared.bootstrap import World
from shared.config import Settings
from shared.domain import errors
from shared.domain.errors import MailbridgeError
from shared.web.endpoints import Api, Call, PrivateApi, PublicCall, Redirect, Request
from tests.issuers import AUDIENCE, HOUR, KeyServer, auth_settings, new_issuer, published

CRM = "https://crm.example.com"


class Part(Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0


class NewThing(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=20)]
    parts: tuple[Part, ...] = ()
    at: datetime | None = None
    note: str | UnsetType = UNSET
    tags: dict[str, int] = {}


class Thing(Struct):
    id: str
    name: str
    at: datetime | None = None


class PageOf(Struct, forbid_unknown_fields=True):
    page_size: Annotated[int, Meta(ge=1, le=100)] = 20
    shared: bool = False


class Headers(Struct, forbid_unknown_fields=True):
    idempotency_key: Annotated[str, Meta(max_length=10)] = ""


class Asked(Struct):
    user: str
    page_size: int
    key: str = ""


things = Api("things", body_limit=2000)
raising: dict[str, Exception] = {}


@things.post("/", status=201, location="/{id}")
def create(call: Call, body: NewThing) -> Thing:
    return Thing("t1", body.name, body.at)


@things.get("/")
def list_(call: Call, query: PageOf, headers: Headers) -> Asked:
    return Asked(call.caller.user_id, query.page_size, headers.idempotency_key)


@things.get("/newest")
def newest(call: Call) -> Thing:
    return Thing("newest", "the literal path")


@things.get("/{thing_id}")
def show(call: Call, thing_id: str) -> Thing:
    if thing_id in raising:
        raise raising[thing_id]
    return Thing(thing_id, "one")


@things.delete("/{thing_id}")
def delete(call: Call, thing_id: str) -> None:
    pass


@things.post("/{mailbox_id}/sync", status=202)
def sync(call: Call, mailbox_id: str) -> Thing:
    raise errors.GrantRevoked("The user withdrew the consent.", reason="invalid_grant")


@things.get("/open", public=True)
def open_(call: PublicCall, query: dict[str, str]) -> Redirect | Thing:
    return Redirect(query["to"]) if "to" in query else Thing("open", "for all")


@things.get("/once/only", public=True, head=False)
def once(call: PublicCall) -> Thing:
    return Thing("once", "works once")


class Answer(Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def pointers(self) -> set[str]:
        return {error["pointer"] for error in self.json["errors"]}


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return new_issuer(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def keys(issuer: Issuer) -> Iterator[KeyServer]:
    with published(issuer) as server:
        yield server


@pytest.fixture(scope="module")
def world(issuer: Issuer, keys: KeyServer) -> World:
    return World(auth_settings(issuer, keys, allowed_origins=(CRM,)))


@pytest.fixture(scope="module")
def ask(world: World, issuer: Issuer) -> Ask:
    """Sends a request to `things` as the user ada, unless `token` says otherwise."""
    token = issuer.token(AUDIENCE, HOUR, {"sub": "ada", "team": "acme"})

    def send(method: str, path: str, *, token: str = token, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        return _answer(things, world, method, path, headers=headers, **more)

    return send


def _answer(api: Api | PrivateApi, world: World, method: str, path: str, **more: Any) -> Answer:
    builder = EnvironBuilder(path=path, method=method, **more)
    response = api.answer(Request(builder.get_environ()), world)
    return Answer(response.status_code, dict(response.headers), response.get_data())


def post(ask: Ask, data: str | bytes, kind: str = "application/json") -> Answer:
    return ask("POST", "/", data=data, content_type=kind)


class TestAnswers:
    def test_what_is_made_is_shown_with_its_address(self, ask: Ask) -> None:
        answer = post(ask, '{"name": "x"}')
        assert (answer.status, answer.headers["Location"]) == (201, "/things/t1")
        assert answer.json == {"id": "t1", "name": "x", "at": None}

    def test_times_leave_in_utc(self, ask: Ask) -> None:
        answer = post(ask, '{"name": "x", "at": "2026-05-01T12:00:00Z"}')
        assert answer.json["at"] == "2026-05-01T12:00:00Z"

    def test_nothing_to_say_is_204(self, ask: Ask) -> None:
        answer = ask("DELETE", "/t1")
        assert (answer.status, answer.body) == (204, b"")

    def test_a_redirect_says_where_to_go(self, ask: Ask) -> None:
        answer = ask("GET", "/open?to=https://crm.example.com/x", token="")
        assert (answer.status, answer.headers["Location"]) == (303, "https://crm.example.com/x")

    def test_where_tls_ends_before_us_browsers_are_held_to_it(self, ask: Ask) -> None:
        headers = {"X-Forwarded-Proto": "https"}
        assert "max-age" in ask("GET", "/", headers=headers).headers["Strict-Transport-Security"]
        assert "Strict-Transport-Security" not in ask("GET", "/").headers

    @pytest.mark.parametrize("path", ["/newest", "/nothing/here", "/open?to=https://a.example"])
    def test_no_answer_is_cached_sniffed_or_referred_to(self, ask: Ask, path: str) -> None:
        headers = ask("GET", path).headers
        assert headers["Cache-Control"] == "private, no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


class TestPaths:
    @pytest.mark.parametrize("path", ["/", "", "/things", "/things/", "//"])
    def test_the_functions_name_and_a_last_slash_change_nothing(self, ask: Ask, path: str) -> None:
        assert ask("GET", path).json["user"] == "ada"

    def test_a_literal_segment_goes_before_an_id(self, ask: Ask) -> None:
        assert ask("GET", "/newest").json["name"] == "the literal path"

    @pytest.mark.parametrize(
        "path",
        [
            "/a/b/c",
            "/t1/nothing",
            "/%2e%2e",
            "/a%2fb",
            "/a%00b",
            "/__all__",
            "/a b",
            "/%ff",
            "/" + "x" * 200,
        ],
    )
    def test_anything_that_is_no_path_of_ours_is_404(self, ask: Ask, path: str) -> None:
        answer = ask("GET", path)
        assert (answer.status, answer.json["type"]) == (404, "urn:mailbridge:not-found")

    def test_a_method_the_path_does_not_have_is_405_with_those_it_has(self, ask: Ask) -> None:
        answer = ask("PUT", "/t1")
        assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, OPTIONS")

    def test_what_has_an_effect_cannot_be_looked_at_by_head(self, ask: Ask) -> None:
        answer = ask("HEAD", "/once/only")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, OPTIONS")

    def test_head_is_get_without_the_body(self, ask: Ask) -> None:
        assert ask("HEAD", "/newest").status == 200


class TestCaller:
    def test_without_a_token_it_is_401_and_the_scheme_is_named(self, ask: Ask) -> None:
        answer = ask("GET", "/", token="")
        assert (answer.status, answer.json["type"]) == (401, "urn:mailbridge:not-authenticated")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="mailbridge"'

    def test_a_bad_token_is_said_to_be_bad(self, ask: Ask) -> None:
        answer = ask("GET", "/", token="x.y.z")
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    def test_a_public_path_asks_for_none(self, ask: Ask) -> None:
        assert ask("GET", "/open", token="").json["name"] == "for all"

    def test_missing_settings_are_named(self) -> None:
        answer = _answer(
            things, World(Settings()), "GET", "/", headers={"Authorization": "Bearer x"}
        )
        assert answer.status == 500
        assert "AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS_URL" in answer.json["detail"]


class TestBodies:
    def test_every_wrong_field_is_pointed_at(self, ask: Ask) -> None:
        answer = post(ask, '{"nme": 1}')
        assert (answer.status, answer.headers["Content-Type"]) == (400, "application/problem+json")
        assert answer.pointers == {"/nme", "/name"}

    @pytest.mark.parametrize("size", [1990, 2000])
    def test_a_body_up_to_the_limit_is_read(self, ask: Ask, size: int) -> None:
        assert post(ask, '{"name": "x"}'.ljust(size)).status == 201

    def test_one_byte_more_is_413(self, ask: Ask) -> None:
        answer = post(ask, '{"name": "x"}'.ljust(2001))
        assert answer.status == 413
        assert "2,000 bytes" in answer.json["detail"]

    @pytest.mark.parametrize(
        "kind",
        ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=utf-16"],
    )
    def test_other_media_are_415(self, ask: Ask, kind: str) -> None:
        assert post(ask, '{"name": "x"}', kind).status == 415

    @pytest.mark.parametrize("kind", ["Application/JSON", "application/json; charset=UTF-8"])
    def test_json_may_be_spelt_as_http_allows(self, ask: Ask, kind: str) -> None:
        assert post(ask, '{"name": "x"}', kind).status == 201

    @pytest.mark.parametrize(("body", "status"), [("", 204), ("{}", 204), ('{"force": true}', 400)])
    def test_where_no_body_is_taken_only_an_empty_one_is(
        self, ask: Ask, body: str, status: int
    ) -> None:
        assert ask("DELETE", "/t1", data=body, content_type="application/json").status == status


class TestQueries:
    def test_parameters_are_typed(self, ask: Ask) -> None:
        assert ask("GET", "/?page_size=7&shared=true").json["page_size"] == 7

    @pytest.mark.parametrize(
        ("query", "pointer", "said"),
        [
            ("page_size=0", "/page_size", ">= 1"),
            ("page_size=", "/page_size", "must be a whole number"),
            ("page_size=1&page_size=1", "/page_size", "more than once"),
            ("page=2", "/page", "known: page_size, shared"),
            ("shared=perhaps", "/shared", "true or false"),
            ("%ff=1", "", "UTF-8"),
            ("&".join(f"p{number}=1" for number in range(200)), "", "more than 100"),
        ],
    )
    def test_a_wrong_one_is_pointed_at(self, ask: Ask, query: str, pointer: str, said: str) -> None:
        answer = ask("GET", "/", query_string=query)
        assert answer.status == 400
        assert answer.pointers == {pointer}
        assert said in answer.json["errors"][0]["detail"]

    def test_a_path_that_takes_none_refuses_them(self, ask: Ask) -> None:
        assert ask("GET", "/newest?x=1").pointers == {"/x"}

    def test_headers_are_typed_too(self, ask: Ask) -> None:
        assert ask("GET", "/", headers={"Idempotency-Key": "k1"}).json["key"] == "k1"
        answer = ask("GET", "/", headers={"Idempotency-Key": "k" * 11})
        assert answer.pointers == {"/idempotency_key"}


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "status", "kind"),
        [
            (errors.InvalidRequest("no"), 400, "invalid-request"),
            (errors.Forbidden("no"), 403, "forbidden"),
            (errors.NotFound("no"), 404, "not-found"),
            (errors.Conflict("no"), 409, "conflict"),
            (errors.AlreadyExists("no"), 409, "conflict"),
            (errors.PreconditionFailed("no"), 409, "conflict"),
            (errors.Gone("no"), 410, "gone"),
            (errors.Unprocessable("no"), 422, "unprocessable"),
            (errors.PreconditionRequired("no"), 428, "precondition-required"),
            (errors.TooLarge("no", limit=1), 413, "too-large"),
            (errors.TooMany("no", quota="user", limit=1, retry_after=1), 429, "too-many-requests"),
            (errors.Busy("no", until=datetime.now(UTC)), 409, "busy"),
            (errors.GrantRevoked("no"), 409, "grant-revoked"),
            (errors.MissingScope("no", scopes=["s"]), 409, "missing-scope"),
            (errors.RateLimited("no"), 429, "rate-limited"),
            (errors.ProviderUnavailable("no"), 503, "provider-unavailable"),
            (errors.ProviderRejected("no"), 502, "provider-rejected"),
            (errors.ConfigurationError("no"), 500, "configuration"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
    )
    def test_each_kind_has_its_status_and_type(
        self, ask: Ask, error: MailbridgeError, status: int, kind: str
    ) -> None:
        answer = _raise(ask, error)
        assert (answer.status, answer.json["status"]) == (status, status)
        assert answer.json["type"] == f"urn:mailbridge:{kind}"
        assert answer.json["detail"].startswith(("no", "Somebody changed it"))

    def test_an_unexpected_error_is_ours_and_tells_nothing(self, ask: Ask) -> None:
        answer = _raise(ask, RuntimeError("database password is hunter2"))
        assert answer.status == 500
        assert b"hunter2" not in answer.body
        assert "Traceback" not in answer.body.decode()

    @pytest.mark.parametrize(("wait", "header"), [(1.2, "2"), (0, "1"), (90, "90")])
    def test_how_long_to_wait_is_said_in_whole_seconds(
        self, ask: Ask, wait: float, header: str
    ) -> None:
        answer = _raise(ask, errors.RateLimited("slow down", retry_after=wait))
        assert answer.headers["Retry-After"] == header

    def test_what_programs_need_to_know_is_a_member_of_its_own(self, ask: Ask) -> None:
        answer = _raise(ask, errors.Conflict("taken", facts={"contact_id": "c1"}))
        assert answer.json["contact_id"] == "c1"
        assert ask("PUT", "/t1").json["allowed"] == ["DELETE", "GET", "HEAD", "OPTIONS"]
        assert post(ask, b" " * 2001).json["limit"] == 2000

    def test_a_lost_consent_says_how_to_give_a_new_one(self, ask: Ask) -> None:
        answer = ask("POST", "/m1/sync")
        assert answer.json["reason"] == "invalid_grant"
        assert answer.json["reconnect"] == {
            "method": "POST",
            "url": "/oauth_start",
            "body": {"mailbox_id": "m1"},
        }


class TestCrossOrigin:
    def preflight(self, ask: Ask, origin: str) -> Answer:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return ask("OPTIONS", "/", token="", headers=headers)

    def test_an_allowed_page_may_ask_with_its_token(self, ask: Ask) -> None:
        answer = self.preflight(ask, CRM)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, CRM)
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        read = ask("GET", "/", headers={"Origin": CRM}).headers
        assert read["Access-Control-Allow-Origin"] == CRM
        exposed = read["Access-Control-Expose-Headers"].split(", ")
        assert {"ETag", "Location", "Retry-After", "Content-Disposition"} <= set(exposed)

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{CRM}.evil.example"])
    def test_no_other_page_may(self, ask: Ask, origin: str) -> None:
        for answer in (self.preflight(ask, origin), ask("GET", "/", headers={"Origin": origin})):
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert answer.headers["Vary"] == "Origin"


class TestHandlers:
    """Mistakes in a main.py are found when it is imported."""

    def test_a_struct_that_lets_unknown_fields_in_is_refused(self) -> None:
        class Lax(Struct):
            name: str

        def handler(call: Call, body: Lax) -> None: ...

        handler.__annotations__["body"] = Lax
        with pytest.raises(TypeError, match="must forbid unknown fields"):
            Api("x").post("/")(handler)

    def test_a_public_path_has_no_caller(self) -> None:
        def handler(call: Call) -> None: ...

        with pytest.raises(TypeError, match="PublicCall"):
            Api("x").get("/", public=True)(handler)

    def test_a_parameter_must_come_from_somewhere(self) -> None:
        def handler(call: Call, contact: str) -> None: ...

        with pytest.raises(TypeError, match="parameters"):
            Api("x").get("/{contact_id}")(handler)


def _raise(ask: Ask, error: Exception) -> Answer:
    raising["failing"] = error
    return ask("GET", "/failing")
