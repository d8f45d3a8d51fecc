"""A mailbox, the consent behind it, and what the consent allows."""

from datetime import datetime
from enum import Enum

from msgspec import Struct

from shared.domain import ids


class GrantState(Enum):
    CONNECTED = "connected"
    NEEDS_RECONNECT = "needs_reconnect"
    ADMIN_CONSENT_REQUIRED = "admin_consent_required"
    DISCONNECTED = "disconnected"


class Capability(Enum):
    """What a mailbox may be able to do; each provider says which scopes stand behind it."""

    READ = "read"
    SEND = "send"
    CALENDAR = "calendar"


class Account(Struct, frozen=True):
    """Who the provider says consented. `id` never changes at the provider, the address may."""

    id: str
    address: str
    name: str = ""


class Mailbox(Struct, kw_only=True):
    id: str
    team_id: str
    user_id: str
    provider: str
    account_id: str
    address: str
    name: str = ""
    shared: bool = False
    """True lets every user of the team send from it and see its state."""
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    state: GrantState = GrantState.CONNECTED
    state_reason: str = ""
    """The provider's own code for the state, for support."""
    state_detail: str = ""
    """The state in a sentence for people; "" while all is well."""
    state_since: datetime
    created_at: datetime
    updated_at: datetime


class Connection(Struct, kw_only=True):
    """A finished consent waiting for its user's confirmation. The credential lies in the SecretStore."""

    id: str
    team_id: str
    user_id: str
    provider: str
    account: Account
    scopes: tuple[str, ...]
    missing_scopes: tuple[str, ...]
    expires_at: datetime
    mailbox_id: str = ""
    """Set once confirmed, so that confirming again finds the mailbox."""


def mailbox_id(team_id: str, provider: str, account_id: str) -> str:
    """Connecting the same account again finds the same mailbox."""
    return ids.derived("mailbox", team_id, provider, account_id)
