"""Settings: read from the environment once, frozen, every problem named at once.

A vendor's settings are declared in its own folder, as a group of their own that `Settings` carries:
`settings.of(GoogleSettings)`. `shared.bootstrap.settings` reads all there are.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from shared.domain import urls
from shared.domain.errors import ConfigurationError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = (part.strip() for part in text.partition("="))
    if not name or not value:
        raise ValueError(f"must be name=value pairs, comma separated, not {text!r}")
    return name, value


def _deployment(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]{3,19}", text):
        raise ValueError(f"must be 4 to 20 lower case letters and digits, not {text!r}")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"must be a whole number above 0, not {text!r}")
    return int(text)


def _url(text: str) -> str:
    """Only https leaves the machine; plain http is for loopback."""
    _safe(text.replace("{function}", "function"), text)
    return text.rstrip("/")


def _origin(text: str) -> str:
    url = _safe(text, text)
    if url.path.strip("/") or url.query:
        raise ValueError(f"must be origins, without a path, not {text!r}")
    return url.origin


def _safe(url: str, text: str) -> urls.Url:
    with suppress(ValueError):
        parsed = urls.parse(url)
        if parsed.scheme == "https" or parsed.hostname in LOOPBACK:
            return parsed
    raise ValueError(f"must be an https:// URL (http:// for loopback only), not {text!r}")


class Form(Struct, frozen=True):
    """How a variable's text becomes a value. Raises ValueError with what it must be."""

    read: Callable[[str], Any] = str
    secret: bool = False
    """Kept apart from all the others, and never shown."""


_URL = Form(_url)
Url = Annotated[str, _URL]
Secret = Annotated[str, Form(secret=True)]
Count = Annotated[int, Form(_positive)]
Origins = Annotated[tuple[str, ...], Form(lambda text: tuple(map(_origin, _parts(text))))]
Pairs = Annotated[tuple[tuple[str, str], ...], Form(lambda text: tuple(map(_pair, _parts(text))))]


class Setting(Struct, frozen=True):
    """One variable of a group."""

    name: str
    attribute: str
    form: Form
    default: Any
    said: str
    """What it is, in the words of a `Meta(description=…)`; "" where its group does not say."""

    @property
    def url(self) -> bool:
        """Where a server is, and could be elsewhere."""
        return self.form is _URL


class Group(Struct, frozen=True, kw_only=True, rename=str.upper):
    """Settings that belong together: one field per environment variable, under the same name in capitals.

    A function is granted only the variables it needs (terraform/functions.yaml), so a missing one is
    an error where it is used: `require`. Malformed ones are an error at once.
    """

    def require(self, *names: str) -> None:
        """Raises ConfigurationError naming every variable of `names` that is not set."""
        missing = [name for name in names if not getattr(self, name.lower())]
        if missing:
            raise ConfigurationError(
                f"Settings: {', '.join(missing)} must be set; the README lists what each is for."
            )


G = TypeVar("G", bound=Group)


class Settings(Group, frozen=True, kw_only=True):
    """All of them, handed around as one value."""

    vendors: tuple[Group, ...] = ()
    """A group of each provider's own; see `of`."""

    backend: str = "shared.gcp"
    public_url: Url = ""
    """Where users reach the functions; see `function_url`. Callback and links start with it."""
    allowed_origins: Origins = ()
    """Origins (scheme://host[:port]) that a consent may return to; comma separated."""

    auth_issuer: str = ""
    """The `iss` of users' tokens, to the letter: some issuers' names end in a slash."""
    auth_audience: str = ""
    auth_jwks_url: Url = ""
    auth_team_claim: str = "team"
    auth_user_claim: str = "sub"
    auth_role_claim: str = "role"

    user_requests_per_minute: Count = 1200
    """How often one user may call the API; see `shared.web.budgets`."""
    team_requests_per_minute: Count = 12_000
    """And all users of a team together."""

    invoker_issuer: str = "https://accounts.google.com"
    """Who signs the OIDC tokens of Cloud Tasks and Cloud Scheduler."""
    invoker_jwks_url: Url = "https://www.googleapis.com/oauth2/v3/certs"
    invoker_audience: str = ""
    """The `aud` a private function expects: its own URL."""
    invoker_email: str = ""
    """The service account allowed to call private functions."""

    sync_interval_seconds: Count = 300
    sync_budget_seconds: Count = 240
    """How long one sync task works before it hands over to the next."""
    max_recipients: Count = 100
    """Of one email, to, cc and bcc together. Sources on Gmail's API limit say 100 or 500."""

    embedded_data: str = ".local"
    """Folder of the one-machine backend."""

    google_cloud_project: str = ""
    """The id of the project that BACKEND=shared.gcp keeps everything in."""
    deployment: Annotated[str, Form(_deployment)] = "mailbridge"
    """Tells deployments in one project apart: the names of secrets start with it and a hyphen."""
    firestore_database: str = "(default)"
    functions_url: Url = ""
    """Where Cloud Tasks reaches the task functions, see `function_url`; default: where Cloud Functions
    puts them in TASKS_LOCATION. A function's URL is also the `aud` of its tokens."""
    tasks_location: str = ""
    """The region of the queues."""
    tasks_queues: Pairs = ()
    """Which queue calls which task function: sync_mailbox=mailbridge-sync, comma separated."""
    tasks_invokers: Pairs = ()
    """As whom each task function is called: the service account whose OIDC token Cloud Tasks shows, the
    callee's INVOKER_EMAIL. One a queue, so that who may fill one cannot have another's function called."""
    firestore_emulator_host: str = ""
    """host:port of an emulator to use instead of the real service; likewise the next two."""
    secret_manager_emulator_host: str = ""
    cloud_tasks_emulator_host: str = ""

    def of(self, kind: type[G]) -> G:
        """A provider's own settings; all defaults when none of them were read."""
        return next((group for group in self.vendors if isinstance(group, kind)), kind())

    @classmethod
    def from_env(cls, env: Mapping[str, str], vendors: Iterable[type[Group]]) -> "Settings":
        """Raises ConfigurationError with one line that names every malformed variable."""
        problems: list[str] = []
        own = _read(cls, env, problems)
        others = tuple(_read(kind, env, problems) for kind in vendors)
        if problems:
            raise ConfigurationError("Settings: " + "; ".join(problems) + ".")
        return msgspec.structs.replace(own, vendors=others)


@functools.cache
def declared(kind: type[Group]) -> Mapping[str, Setting]:
    """The variables of a group, by name."""
    hints = get_type_hints(kind, include_extras=True)
    fields = [one for one in msgspec.structs.fields(kind) if one.name != "vendors"]
    return {one.encode_name: _setting(one, hints[one.name]) for one in fields}


def _setting(field: msgspec.structs.FieldInfo, hint: Any) -> Setting:
    extras = get_args(hint)[1:]
    form = next((extra for extra in extras if isinstance(extra, Form)), Form())
    if form == Form() and str not in {hint, *get_args(hint)}:
        raise TypeError(f"{field.encode_name} needs a Form: how does a text become {hint}?")
    said = next((extra.description for extra in extras if isinstance(extra, Meta)), "")
    return Setting(field.encode_name, field.name, form, field.default, said or "")


def _read(kind: type[G], env: Mapping[str, str], problems: list[str]) -> G:
    """What is malformed is added to `problems`, and left at its default."""
    values: dict[str, Any] = {}
    for name, setting in declared(kind).items():
        if text := env.get(name, "").strip():
            try:
                values[setting.attribute] = setting.form.read(text)
            except ValueError as error:
                problems.append(f"{name} {error}")
    return kind(**values)


def function_url(base: str, function: str) -> str:
    """Where a function is: at `base` with its name in the place of "{function}", otherwise below it."""
    return base.replace("{function}", function) if "{function}" in base else f"{base}/{function}"


def misspelt(env: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Names in `env` that nobody reads, and the setting that each was probably meant for.

    An environment is full of other programs' variables: only near misses are named, by a letter or
    two, by their order, or by a last word that is missing.
    """
    from difflib import get_close_matches

    names = sorted(known)
    found: dict[str, str] = {}
    for name in sorted({*env} - {*names}):
        near = get_close_matches(name, names, n=1, cutoff=0.88)
        swapped = [one for one in names if sorted(one) == sorted(name)]
        cut = [one for one in names if "_" in name and one.startswith(f"{name}_")]
        if meant := near or swapped or cut:
            found[name] = meant[0]
    return found
