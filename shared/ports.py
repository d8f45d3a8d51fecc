"""The outside world on one page.

Services know these Protocols and nothing behind them. Each has one contract suite in
tests/contracts, run on every implementation. Every method may block; none is async.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct

from shared.config import Settings
from shared.domain.errors import RateLimited
from shared.domain.mail import Envelope, Mail, OutgoingMail
from shared.domain.mailboxes import Account, Capability
from shared.sealing import Sealer

T = TypeVar("T")

# -- Documents ------------------------------------------------------------------------------------

Data = dict[str, Any]
"""A document's fields: None, bool, int (64 bit), float, str without lone surrogates, aware UTC datetime
(microseconds), lists and string-keyed dicts of these; but no list directly inside a list, which
Firestore refuses. All come back as they went in, on every backend; anything else is a ValueError."""


class Document(Struct, frozen=True):
    path: str
    """Alternating collection and id segments: "teams/t1/contacts/c1". Ids hold no "/"."""
    data: Data
    version: Any
    """Opaque; equal exactly while the document is unchanged. Good only as `if_version`."""


class Write(Struct, frozen=True):
    """One write of a batch or a transaction.

    create: AlreadyExists if there · put: replaces or makes · update: replaces the named top-level
    fields, NotFound if absent · delete: fine if absent. With `if_version`, update, put and delete
    raise PreconditionFailed unless the document is exactly at that version.
    """

    kind: Literal["create", "put", "update", "delete"]
    path: str
    data: Data = {}
    if_version: Any = None


class Where(Struct, frozen=True):
    """A filter on a top-level field. "in" takes a list of at most 30 values.

    A document without the field, or with a value of another type than `value`, never matches.
    """

    field: str
    op: Literal["==", "<", "<=", ">", ">=", "in"]
    value: Any


class Query(Struct, frozen=True):
    """Documents of one collection, or with `group` of all collections of that last name.

    Order: by the fields of `order_by` ("-at" is descending), then by path in the direction of the
    last of them; documents without an ordering field are left out. At most one field takes range
    filters, and it must then be the first of `order_by`.
    """

    collection: str
    where: tuple[Where, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int = 100
    after: str = ""
    """`next` of an earlier page of the same query. InvalidRequest when it cannot be one."""
    group: bool = False


class Page(Struct, frozen=True):
    documents: list[Document]
    next: str
    """"" when nothing follows; otherwise opaque, text safe in URLs."""


class Transaction(Protocol):
    """Reads first, then writes; all or nothing."""

    def get(self, path: str) -> Document | None: ...
    def get_many(self, paths: Sequence[str]) -> dict[str, Document]: ...
    def write(self, *writes: Write) -> None: ...


class DocumentStore(Protocol):
    """Records. Strongly consistent: a read sees every write that returned before it began."""

    def get(self, path: str) -> Document | None: ...
    def get_many(self, paths: Iterable[str]) -> dict[str, Document]:
        """Those that exist, by path. Any number of paths."""

    def write(self, *writes: Write) -> None:
        """All or nothing, at most 500 writes and 9 MiB. A path may occur once."""

    def query(self, query: Query) -> Page: ...
    def count(self, query: Query) -> int:
        """How many documents match, `limit` and `after` aside."""

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        """Runs `work`, again when another writer came between; so `work` must have no other effect.

        Raises PreconditionFailed when it kept losing."""


# -- Secrets --------------------------------------------------------------------------------------


class SecretStore(Protocol):
    """Named secrets of at most 64 KiB, sealed at rest. A name is [A-Za-z0-9_-]{1,200}."""

    def get(self, name: str) -> bytes | None: ...
    def put(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> None:
        """Makes `value` the one live version: written and read back before the old is destroyed."""

    def create(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> bytes:
        """The live value: `value`, or the older one when somebody was first."""

    def delete(self, name: str) -> None:
        """Destroys every version; fine if absent."""


# -- Tasks ----------------------------------------------------------------------------------------


class Task(Struct, frozen=True):
    """A call of one of our task functions. At least once, possibly late, possibly twice at once."""

    function: str
    body: dict[str, str]
    """Ids only: a task body is no place for content or tokens."""
    not_before: datetime | None = None
    """At most 30 days ahead."""
    name: str = ""
    """A second task of the same name within a day is dropped silently."""


class TaskQueue(Protocol):
    def enqueue(self, *tasks: Task) -> None:
        """Stored when it returns. Raises ProviderUnavailable; some may then be stored."""


# -- Time -----------------------------------------------------------------------------------------


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""

    def sleep(self, seconds: float) -> None: ...


# -- Providers ------------------------------------------------------------------------------------


class Credential(Struct, frozen=True):
    """Live token material. `refresh_token` is None when the provider sent none: keep the old one."""

    access_token: str
    expires_in: int
    """Seconds from now; counted by the caller's clock."""
    refresh_token: str | None = None
    scopes: tuple[str, ...] | None = None
    """What the provider says was granted; None when it did not say."""

    def __repr__(self) -> str:
        return "Credential(…)"  # may end up in a log line or a traceback


class Started(Struct, frozen=True):
    """A consent to be asked for. `kept` (PKCE verifier, nonce …) must come back to `finish`, unseen
    by anyone: the caller seals it into the state it appends to `url` as `&state=`."""

    url: str
    kept: dict[str, str]

    def __repr__(self) -> str:
        return "Started(…)"


class Consent(Struct, frozen=True):
    account: Account
    credential: Credential


class OAuth(Protocol):
    """One provider's consent and token endpoints.

    Raises RateLimited, ProviderUnavailable, ConfigurationError (our client is wrong) and, only on the
    provider's final word, GrantRevoked.
    """

    def start(self, *, redirect_uri: str, login_hint: str) -> Started: ...
    def finish(
        self, answer: Mapping[str, str], *, kept: Mapping[str, str], redirect_uri: str
    ) -> Consent:
        """Turns the callback's query into tokens and verifies whose account it is.

        Forbidden when the user said no, InvalidRequest when the code or the account's proof is bad;
        both with a short `reason` fit for a URL."""

    def refresh(self, refresh_token: str, *, claims: str = "") -> Credential:
        """`claims` is what `TokenSource.replace` was given."""

    def revoke(self, token: str) -> None:
        """Fine when the token is dead already, and where the provider has no way to revoke."""


class TokenSource(Protocol):
    """Where a MailProvider gets its access token. Implemented by the vault."""

    def token(self) -> str: ...
    def replace(self, rejected: str, *, claims: str = "") -> str:
        """A token other than `rejected`, which the provider refused though it had not expired.

        `claims` is the challenge that came with the refusal, if any: JSON that the next request for
        a token has to carry (OpenID Connect Core 5.5; Microsoft's continuous access evaluation)."""


class Search(Struct, frozen=True):
    """Mail from, to, cc or bcc any of `addresses` (at most 10; none means all mail), received after
    `since`. Providers may find more than asked for, never less within what their search knows."""

    addresses: tuple[str, ...] = ()
    since: datetime | None = None


class IdPage(Struct, frozen=True):
    ids: tuple[str, ...]
    next: str = ""


class ChangePage(Struct, frozen=True):
    """Messages that came or changed place since a cursor.

    `cursor` is where the next call goes on, safe to keep once these messages are stored. `more` is
    False when nothing is left for now. `envelopes` holds those the provider sent along for free.
    """

    ids: tuple[str, ...]
    cursor: str
    more: bool
    envelopes: dict[str, Envelope] = {}


M = TypeVar("M")


class Fetched(Struct):
    """What became of a batched read, message by message.

    The asked ids = found + vanished + failed + (when `throttled`) those to ask for again later.
    """

    found: dict[str, Any]
    """id → Envelope or Mail, by the method."""
    vanished: tuple[str, ...] = ()
    """No longer at the provider."""
    failed: dict[str, str] = {}
    """id → a sentence why this one cannot be read; the others are unharmed."""
    throttled: RateLimited | None = None


class SendOutcome(Struct, frozen=True):
    """What the provider knows of a prepared mail.

    not_sent: certain, dispatching (again) is safe · sent: `mail` is the sent message · unclear: look
    again later, never dispatch.
    """

    state: Literal["not_sent", "sent", "unclear"]
    mail: Mail | None = None


class MailProvider(Protocol):
    """One mailbox at one provider.

    Any method raises GrantRevoked, MissingScope, RateLimited, ProviderUnavailable or ProviderRejected.
    Reads may be retried by the adapter; effects are asked for exactly once per call.
    """

    batch_size: int
    """How many messages `envelopes` and `mails` should be asked for at once."""

    @property
    def units(self) -> int:
        """Provider quota units spent through this object so far."""

    def cursor(self) -> str:
        """The position now; `changes` from it shows whatever comes later."""

    def changes(self, cursor: str) -> ChangePage:
        """Raises CursorExpired."""

    def search(self, search: Search, page: str = "") -> IdPage:
        """Received and sent mail, without spam, trash and drafts."""

    def envelopes(self, ids: Sequence[str]) -> Fetched: ...
    def mails(self, ids: Sequence[str]) -> Fetched: ...

    def prepare(self, mail: OutgoingMail) -> str:
        """Makes the mail ready at the provider without sending it; the handle to dispatch."""

    def prepared(self, mark: str) -> str:
        """The handle of a prepared mail whose answer got lost, "" if there is none."""

    def dispatch(self, handle: str, mail: OutgoingMail) -> str:
        """Sends it; the provider's id of the sent message, "" when it does not say.

        RateLimited and ProviderRejected mean that it was certainly not sent."""

    def outcome(self, handle: str, mark: str, sent_ref: str) -> SendOutcome: ...
    def discard(self, handle: str) -> None:
        """Removes a prepared mail that will not be sent; fine if gone."""


class Provider(Protocol):
    """One vendor. A third one is one more folder and one line in `shared.providers.registry`."""

    name: str
    oauth: OAuth

    def missing_scopes(self, granted: Sequence[str]) -> tuple[str, ...]:
        """The scopes we asked for and did not get."""

    def scopes_for(self, capability: Capability) -> tuple[str, ...]: ...
    def mail(self, tokens: TokenSource) -> MailProvider: ...


class Providers(Protocol):
    def get(self, name: str) -> Provider:
        """InvalidRequest naming those we have when there is no such provider."""


# -- All of it ------------------------------------------------------------------------------------


class Backend(Protocol):
    """What `backend(settings)` of the module that BACKEND names returns; parts made when used."""

    @property
    def documents(self) -> DocumentStore: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def tasks(self) -> TaskQueue: ...


class World(Backend, Protocol):
    """What a service may touch, handed to it as its first argument. Each part is made when first used."""

    @property
    def clock(self) -> Clock: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def sealer(self) -> Sealer: ...
    @property
    def settings(self) -> Settings: ...
