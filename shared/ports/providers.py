"""Mail providers: consent, tokens, and the mail of one mailbox."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct

from shared.domain.errors import RateLimited
from shared.domain.mail import Envelope, Mail, OutgoingMail
from shared.domain.mailboxes import Account, Capability
from shared.ports.declarations import Declaration


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

    def approval(self, *, redirect_uri: str) -> str:
        """The page on which an administrator of an organisation approves the app for all of it, to which
        the caller appends `&state=`; "" where the provider has none."""

    def approved(self, answer: Mapping[str, str]) -> None:
        """The callback's query after that page, which holds no code. Raises Forbidden when the
        administrator said no, and what else went wrong."""

    def refresh(self, refresh_token: str, *, claims: str = "") -> Credential:
        """`claims` is what `TokenSource.replace` was given."""

    def revoke(self, token: str) -> None:
        """Fine when the token is dead already, and where the provider has no way to revoke."""


class TokenSource(Protocol):
    """Where a MailProvider gets its access token. Implemented by the vault."""

    @property
    def granted(self) -> Sequence[str]:
        """The scopes that the provider says were granted: only a scope that is not among them is missing,
        whatever a refusal says."""

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
    incomplete: bool = False
    """The provider's pages led nowhere and were given up: there may be more than was found."""


class Passed(Struct, frozen=True, kw_only=True):
    """A part of the mailbox that the provider refuses to show, while the rest goes on."""

    part: str
    """The provider's id of it (a folder), "" for what has no parts."""
    name: str = ""
    """inbox or sent, "" for any other part."""
    reason: str
    """The provider's code, or ours."""
    refusals: int = 1
    """How many times in a row; now and then its walk is begun anew."""


class ChangePage(Struct, frozen=True):
    """Messages that came or changed place since a cursor.

    `cursor` is where the next call goes on, safe to keep once these messages are stored. `more` is
    False when nothing is left for now. `envelopes` holds those the provider sent along for free.
    `passed` are the parts that could not be followed: nothing of them is up to date, whatever `more` says,
    and later calls try them again.
    """

    ids: tuple[str, ...]
    cursor: str
    more: bool
    envelopes: dict[str, Envelope] = {}
    passed: tuple[Passed, ...] = ()


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


class Near(Struct, frozen=True):
    """Where among the sent mail one of ours lies: what is known narrows a search that would otherwise
    look at the newest only."""

    to: tuple[str, ...] = ()
    """Addresses of its recipients."""
    since: datetime | None = None
    """It was not sent before."""


NEWEST = Near()
"""Nothing is known: it is looked for among the newest."""


class MailProvider(Protocol):
    """One mailbox at one provider.

    Any method raises GrantRevoked, MissingScope, RateLimited, ProviderUnavailable, ConfigurationError or
    ProviderRejected, which is MailboxUnavailable when there is no mailbox behind the account. Reads may
    be retried by the adapter; effects are asked for exactly once per call.
    """

    batch_size: int
    """How many messages `envelopes` and `mails` should be asked for at once."""

    @property
    def units(self) -> int:
        """Provider quota units spent through this object so far."""

    def probe(self) -> None:
        """Asks for the least that tells whether there is a mailbox behind the account, as far as what was
        granted lets us ask. Raises MailboxUnavailable and the others."""

    def cursor(self) -> str:
        """The position now; `changes` from it shows whatever comes later."""

    def changes(self, cursor: str) -> ChangePage:
        """Raises CursorExpired."""

    def search(self, search: Search, page: str = "") -> IdPage:
        """Received and sent mail, without spam, trash and drafts."""

    def envelopes(self, ids: Sequence[str]) -> Fetched: ...
    def mails(self, ids: Sequence[str]) -> Fetched: ...
    def attachment(self, provider_id: str, number: int) -> Iterator[bytes]:
        """The file that is the mail's attachment of that number, counted from 0 as `mails` lists them, in
        pieces of at most a megabyte. Missing when there is none, before the first piece."""

    def prepare(self, mail: OutgoingMail) -> str:
        """Makes the mail ready at the provider without sending it; the handle to dispatch."""

    def prepared(self, mark: str) -> str:
        """The handle of a prepared mail whose answer got lost, "" if there is none."""

    def dispatch(self, handle: str, mail: OutgoingMail) -> str:
        """Sends it; the provider's id of the sent message, "" when it does not say.

        Only ProviderUnavailable that `reached` the provider leaves open whether it was sent; every other
        error means that it certainly was not."""

    def outcome(
        self, handle: str, mark: str, provider_sent_id: str, near: Near = NEWEST
    ) -> SendOutcome: ...
    def discard(self, handle: str) -> None:
        """Removes a prepared mail that will not be sent; fine if gone."""


class Provider(Protocol):
    """One vendor. A third one is one more folder and one line in `shared.providers.registry`."""

    name: str
    declaration: Declaration
    oauth: OAuth
    """Only of those who sign in by it."""

    def missing_scopes(self, granted: Sequence[str]) -> tuple[str, ...]:
        """The scopes we asked for and did not get."""

    def scopes_for(self, capability: Capability) -> tuple[str, ...]: ...
    def lacking(self, capability: Capability, granted: Sequence[str]) -> tuple[str, ...]:
        """The scopes without which a mailbox cannot do this; none when it can, if need be another way."""

    def box(self, scope: str) -> str:
        """A scope as the consent page puts it, for people who are to tick it."""

    def mail(self, account: Account, tokens: TokenSource) -> MailProvider: ...


class Providers(Protocol):
    def get(self, name: str) -> Provider:
        """InvalidRequest naming those we have when there is no such provider."""
