"""The one error tree. Errors carry facts, never HTTP codes; `shared.web.endpoints` maps them once.

MailbridgeError
├── InvalidRequest          the caller's input is wrong; names each field by JSON pointer
├── NotAuthenticated        no caller, or one that cannot be believed
├── Forbidden               a known caller that may not do this
├── NotFound                not there, or not this team's
├── Conflict                there, but in a state that does not allow this
│   ├── AlreadyExists       a document with this id exists
│   └── PreconditionFailed  a document changed since it was read
├── Busy                    somebody else holds the lease
├── GrantRevoked            the provider's final word: only a new consent helps
│   └── AdminApprovalNeeded and only an administrator of the organisation can bring it about
├── MissingScope            the user did not allow this when connecting
├── RateLimited             the provider asks to wait
├── ProviderUnavailable     the provider did not answer, or answered 5xx
├── CursorExpired           the provider no longer knows our position
├── ProviderRejected        the provider refuses this request for good
└── ConfigurationError      our own deployment is wrong; never the user's fault
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct


class FieldError(Struct, frozen=True):
    """One thing wrong with a request: where (RFC 6901 pointer, "" is the whole body) and how to mend it."""

    pointer: str
    detail: str


class MailbridgeError(Exception):
    """Base of all our errors. `detail` is a sentence for people; `reason` a stable word for programs."""

    def __init__(self, detail: str, *, reason: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


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


class Conflict(MailbridgeError):
    pass


class AlreadyExists(Conflict):
    pass


class PreconditionFailed(Conflict):
    pass


class Busy(MailbridgeError):
    """`until` is when the holder's lease ends at the latest."""

    def __init__(self, detail: str, *, until: datetime) -> None:
        super().__init__(detail, reason="busy")
        self.until = until


class GrantRevoked(MailbridgeError):
    """`reason` is the provider's own code (invalid_grant, AADSTS50173 …), kept for support."""


class AdminApprovalNeeded(GrantRevoked):
    pass


class MissingScope(MailbridgeError):
    def __init__(self, detail: str, *, scopes: Sequence[str]) -> None:
        super().__init__(detail, reason="missing_scope")
        self.scopes = tuple(scopes)


class RateLimited(MailbridgeError):
    """`retry_after` is in seconds, None when the provider named no time."""

    def __init__(self, detail: str, *, retry_after: float | None = None, reason: str = "") -> None:
        super().__init__(detail, reason=reason)
        self.retry_after = retry_after


class ProviderUnavailable(MailbridgeError):
    """After this error nobody knows whether the request took effect; an effect must be reconciled."""


class CursorExpired(MailbridgeError):
    pass


class ProviderRejected(MailbridgeError):
    """`reason` is the provider's own code (domainPolicy, failedPrecondition …)."""


class ConfigurationError(MailbridgeError):
    pass
