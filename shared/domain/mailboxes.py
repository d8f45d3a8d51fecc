"""A mailbox, the consent behind it, and what the consent allows."""

from datetime import datetime
from enum import Enum
from typing import Annotated

from msgspec import Meta, Struct, field, structs

from shared.domain import ids
from shared.domain.errors import Party
from shared.domain.leases import Leasable, Lease


class GrantState(Enum):
    CONNECTED = "connected"
    THROTTLED = "throttled"
    """The provider asks to wait, until `Mailbox.state_until`."""
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    MAILBOX_UNAVAILABLE = "mailbox_unavailable"
    """Behind the account there is no mailbox that we may use: no licence, switched off, kept elsewhere."""
    NEEDS_RECONNECT = "needs_reconnect"
    ADMIN_CONSENT_REQUIRED = "admin_consent_required"
    DISCONNECTED = "disconnected"


LIVE = frozenset(
    {
        GrantState.CONNECTED,
        GrantState.THROTTLED,
        GrantState.PROVIDER_UNAVAILABLE,
        GrantState.MAILBOX_UNAVAILABLE,
    }
)
"""As far as we know the grant holds: work goes on, and nobody is asked to connect again."""

_SENTENCES = {
    GrantState.CONNECTED: "{address} is connected.",
    GrantState.THROTTLED: "The provider asks to wait with {address}; it goes on by itself.",
    GrantState.PROVIDER_UNAVAILABLE: "The provider does not answer for {address}; we keep trying.",
    GrantState.MAILBOX_UNAVAILABLE: "The provider has no mailbox for {address} that we may use.",
    GrantState.NEEDS_RECONNECT: "{address} must be connected again.",
    GrantState.ADMIN_CONSENT_REQUIRED: "An administrator has to allow {address} to be connected.",
    GrantState.DISCONNECTED: "{address} is disconnected; nothing is synced and no token is kept.",
}
WHO_ACTS = {
    GrantState.CONNECTED: Party.NOBODY,
    GrantState.THROTTLED: Party.NOBODY,
    GrantState.PROVIDER_UNAVAILABLE: Party.NOBODY,
    GrantState.MAILBOX_UNAVAILABLE: Party.ADMINISTRATOR,
    GrantState.NEEDS_RECONNECT: Party.USER,
    GrantState.ADMIN_CONSENT_REQUIRED: Party.ADMINISTRATOR,
    GrantState.DISCONNECTED: Party.NOBODY,
}
"""Unless the provider's code says another."""
_DISCONNECTING = "{address} is being disconnected: what belongs to it is still being cleared away."


class Visibility(Enum):
    """What colleagues see of a mailbox's mail and meetings with contacts. Its owner sees all of it."""

    EVERYTHING = "everything"
    SUBJECT = "subject"
    METADATA = "metadata"
    NOTHING = "nothing"

    @classmethod
    def _missing_(cls, _value: object) -> "Visibility":
        """What a newer release made: nothing is shown that may be hidden."""
        return cls.NOTHING


WHAT_COLLEAGUES_SEE = {
    Visibility.EVERYTHING: "Colleagues see its mail with contacts, whole.",
    Visibility.SUBJECT: "Colleagues see when there was mail with a contact, and its subject; no text.",
    Visibility.METADATA: "Colleagues see when there was mail with a contact; no subject and no text.",
    Visibility.NOTHING: "Colleagues see nothing of its mail.",
}


class Capability(Enum):
    """What a mailbox may be able to do; each provider says which scopes stand behind it."""

    READ = "read"
    SEND = "send"
    CALENDAR = "calendar"


ProviderName = Annotated[str, Meta(extra_json_schema={"x-names": "providers"})]
"""Which ones there are is data: the registry's, and where the API is described they are listed."""


class Account(Struct, frozen=True):
    """Who the provider says consented. `id` never changes at the provider, the address may."""

    id: str
    address: str
    name: str = ""


class History(Enum):
    """What becomes of a mailbox's mail, timeline lines and emails when it is disconnected."""

    KEEP = "keep"
    ERASE = "erase"


class Disconnection(Struct, kw_only=True):
    """A disconnection under way, and who works on it."""

    history: History
    holder: str = ""
    until: datetime | None = None


class Mailbox(Leasable, kw_only=True):
    id: str
    team_id: str
    user_id: str
    provider: str
    account_id: str
    address: str
    name: str = ""
    shared: bool = False
    """True lets every user of the team send from it and see its state."""
    visibility: Visibility = Visibility.EVERYTHING
    revision: int = 0
    """How many events told of it."""
    marked_threads: int = 0
    """How many of its conversations were ever made private or shared apart from the rest."""
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    state: GrantState = GrantState.CONNECTED
    state_reason: str = ""
    """The provider's own code for the state, for support."""
    state_detail: str = ""
    """What the provider said, in a sentence for people; "" when the state says it all."""
    state_party: Party | None = None
    """Who has to act, as the provider's code says; None when the state says it all."""
    state_since: datetime
    state_until: datetime | None = None
    """When a throttled mailbox goes on."""
    consented_at: datetime | None = None
    """When its user last connected it: what is learnt about an older consent no longer counts."""
    owned_since: datetime | None = None
    """When it became its owner's; None for as long as there is any record of it."""
    last_good_at: datetime | None = None
    """When the provider last accepted the grant."""
    disconnection: Disconnection | None = field(default=None, name="leaving")
    """What disconnecting has still to clear away."""
    fence: int = 0
    """How often somebody took the right to clear it away."""
    created_at: datetime
    updated_at: datetime

    @property
    def lease(self) -> Lease:
        """The right to clear it away."""
        under_way = self.disconnection or Disconnection(history=History.KEEP)
        return Lease(holder=under_way.holder, fence=self.fence, until=under_way.until)

    def with_lease(self, lease: Lease) -> "Mailbox":
        under_way = self.disconnection and structs.replace(
            self.disconnection, holder=lease.holder, until=lease.until
        )
        return structs.replace(self, disconnection=under_way, fence=lease.fence)

    @property
    def account(self) -> Account:
        """At the provider."""
        return Account(self.account_id, self.address, self.name)

    @property
    def who_acts(self) -> Party:
        return self.state_party or WHO_ACTS[self.state]

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def cleared(self) -> bool:
        """Disconnected, and nothing of it is left to clear away."""
        return self.state is GrantState.DISCONNECTED and self.disconnection is None

    @property
    def sentence(self) -> str:
        """The state, for people."""
        said = _DISCONNECTING if self.disconnection else self.state_detail or _SENTENCES[self.state]
        return said.replace("{address}", self.address)


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
