"""The one error tree. Errors carry facts, never HTTP codes; `shared.web.problems` maps them once.

MailbridgeError
├── InvalidRequest          the caller's input is wrong; names each field by JSON pointer
├── NotAuthenticated        no caller, or one that cannot be believed
├── Forbidden               a known caller that may not do this
├── NotFound                not there, or not this team's
├── Gone                    it was there, and is no more: an expired token of a list
├── Conflict                there, but in a state that does not allow this
│   ├── AlreadyExists       a document with this id exists
│   └── PreconditionFailed  a document changed since it was read
├── PreconditionRequired    a change that has to say of which version it is one
├── Unprocessable           understood, and not to be done: an idempotency key of another request
├── TooMany                 the caller has used up what it may ask
├── Busy                    somebody else holds the lease
├── LeaseLost               somebody else took the lease over: what we still wanted to write is void
├── GrantRevoked            the provider's final word: only a new consent helps
│   └── AdminApprovalNeeded and only an administrator of the organisation can bring it about
├── MissingScope            the user did not allow this when connecting
├── RateLimited             the provider asks to wait
├── ProviderUnavailable     the provider did not answer, or answered 5xx
│   └── AnswerTooLarge      or with more than we are willing to hold
├── CursorExpired           the provider no longer knows our position
├── ProviderRejected        the provider refuses this request for good
│   ├── MailboxUnavailable  behind the account there is no mailbox for us
│   └── Missing             the provider has no such thing any more
├── ConfigurationError      our own deployment is wrong; never the user's fault
└── of a request as such, before anybody looked at what it asks for:
    ├── MethodNotAllowed    the path does not have this method
    ├── TooLarge            its body
    ├── TooSlow             likewise: it did not arrive in time
    ├── UnsupportedMedia    its body is no JSON
    ├── Misdirected         meant for a host that is not this one
    ├── FunctionDown        whoever would answer it is being started
    └── TimedOut            whoever would answer it did not in time
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Literal

from msgspec import Struct


class Party(Enum):
    """Who has to act before it can go on."""

    USER = "user"
    ADMINISTRATOR = "administrator"
    """Of the organisation that the account belongs to, at the provider."""
    OPERATOR = "operator"
    """Whoever runs this deployment."""
    NOBODY = "nobody"
    """It passes by itself."""


Concerns = Literal["item", "folder", "mailbox"]


class FieldError(Struct, frozen=True):
    """One thing wrong with a request: where (RFC 6901 pointer, "" is the whole body) and how to mend it."""

    pointer: str
    detail: str


class MailbridgeError(Exception):
    """Base of all our errors. `detail` is a sentence for people; `reason` a stable word for programs.

    `facts` are for programs too: further members of the problem document, by the names that
    `shared.web.problems.Problem` gives them.
    """

    who_acts = Party.NOBODY
    """Of each kind, unless the provider's code names another."""

    def __init__(
        self,
        detail: str,
        *,
        reason: str = "",
        who_acts: Party | None = None,
        facts: Mapping[str, Any] = {},
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.who_acts = who_acts or self.who_acts
        self.facts = facts


class InvalidRequest(MailbridgeError):
    def __init__(self, detail: str, *, errors: Sequence[FieldError] = (), reason: str = "") -> None:
        super().__init__(detail, reason=reason)
        self.errors = tuple(errors)

    @classmethod
    def field(cls, pointer: str, detail: str) -> "InvalidRequest":
        return cls(f"{pointer or 'body'}: {detail}", errors=(FieldError(pointer, detail),))


class NotAuthenticated(MailbridgeError):
    pass


class Forbidden(MailbridgeError):
    pass


class NotFound(MailbridgeError):
    pass


class Gone(MailbridgeError):
    pass


class Conflict(MailbridgeError):
    pass


class AlreadyExists(Conflict):
    pass


class PreconditionFailed(Conflict):
    pass


class PreconditionRequired(MailbridgeError):
    pass


class Unprocessable(MailbridgeError):
    pass


class TooMany(MailbridgeError):
    """`retry_after` is in seconds; `quota` names the budget: `user` or `team`."""

    def __init__(self, detail: str, *, quota: str, limit: int, retry_after: float) -> None:
        super().__init__(detail, reason=f"{quota}_budget", facts={"quota": quota, "limit": limit})
        self.retry_after = retry_after


class Busy(MailbridgeError):
    """`until` is when the holder's lease ends at the latest."""

    def __init__(self, detail: str, *, until: datetime) -> None:
        super().__init__(detail, reason="busy")
        self.until = until


class LeaseLost(MailbridgeError):
    pass


class GrantRevoked(MailbridgeError):
    """`reason` is the provider's own code (invalid_grant, AADSTS50173 …), kept for support."""

    who_acts = Party.USER


class AdminApprovalNeeded(GrantRevoked):
    who_acts = Party.ADMINISTRATOR


class MissingScope(MailbridgeError):
    who_acts = Party.USER

    def __init__(self, detail: str, *, scopes: Sequence[str]) -> None:
        super().__init__(detail, reason="missing_scope")
        self.scopes = tuple(scopes)


class RateLimited(MailbridgeError):
    """`retry_after` is in seconds, None when the provider named no time; at least one, for providers
    that say 0 say it for minutes."""

    def __init__(
        self,
        detail: str,
        *,
        retry_after: float | None = None,
        reason: str = "",
        who_acts: Party | None = None,
    ) -> None:
        super().__init__(detail, reason=reason, who_acts=who_acts)
        self.retry_after = None if retry_after is None else max(1.0, retry_after)


class ProviderUnavailable(MailbridgeError):
    """`reached` says whether what was asked for may have reached the provider. Then nobody knows
    whether it took effect, and an effect must be reconciled; without it, nothing happened."""

    def __init__(
        self,
        detail: str,
        *,
        reason: str = "",
        reached: bool = True,
        who_acts: Party | None = None,
    ) -> None:
        super().__init__(detail, reason=reason, who_acts=who_acts)
        self.reached = reached


class AnswerTooLarge(ProviderUnavailable):
    """More than we read at once; asking for less at once may help."""


class CursorExpired(MailbridgeError):
    pass


class ProviderRejected(MailbridgeError):
    """`reason` is the provider's own code (domainPolicy, ErrorAccessDenied …); `concerns` what it refuses:
    one message, one folder, or the whole mailbox. Nothing of what was asked took effect."""

    def __init__(
        self,
        detail: str,
        *,
        reason: str = "",
        concerns: Concerns = "item",
        who_acts: Party | None = None,
    ) -> None:
        super().__init__(detail, reason=reason, who_acts=who_acts)
        self.concerns = concerns


class MailboxUnavailable(ProviderRejected):
    """No licence, switched off, kept elsewhere: the account has no mailbox that programs may use."""

    who_acts = Party.ADMINISTRATOR

    def __init__(self, detail: str, *, reason: str = "", who_acts: Party | None = None) -> None:
        super().__init__(detail, reason=reason, concerns="mailbox", who_acts=who_acts)


class Missing(ProviderRejected):
    """What was asked for is not there. Callers who can make sense of that catch it."""


class ConfigurationError(MailbridgeError):
    who_acts = Party.OPERATOR


class MethodNotAllowed(MailbridgeError):
    """`allowed` are the methods that the path has."""

    def __init__(self, detail: str, *, allowed: Sequence[str]) -> None:
        super().__init__(detail, reason="method_not_allowed", facts={"allowed": tuple(allowed)})
        self.allowed = tuple(allowed)


class TooLarge(MailbridgeError):
    """`limit` is in bytes."""

    def __init__(self, detail: str, *, limit: int) -> None:
        super().__init__(detail, reason="too_large", facts={"limit": limit})


class TooSlow(MailbridgeError):
    pass


class UnsupportedMedia(MailbridgeError):
    pass


class Misdirected(MailbridgeError):
    pass


class FunctionDown(MailbridgeError):
    pass


class TimedOut(MailbridgeError):
    pass
