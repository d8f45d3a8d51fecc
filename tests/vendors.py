"""What the tests of services must know of a vendor: the names of its calls, and what it cannot do."""

from msgspec import Struct

from infra.simulator import Fault, Simulator
from infra.simulator.mail import Account


class Vendor(Struct, frozen=True, kw_only=True):
    name: str
    token: str
    """The token endpoint."""
    api: str
    """Every call for mail."""
    read: str
    """One message."""
    listing: str
    """Asked once of a small mailbox whose past mail is imported."""
    following: int
    """Units that it costs to hear that nothing happened."""
    sending: tuple[str, ...]
    """What is asked to send a mail, one after the other; the last makes it leave."""
    throttled: Fault
    revoked: str
    """Its word for a grant that its user took back."""
    wrong_client: str
    """Its word for a client secret that is not (or no longer) ours."""
    scopes: dict[str, str]
    """How the scopes end that allow to read, send and use the calendar."""
    sent_id: str
    """How the Message-ID ends that it gives to what it sends."""
    drafts: bool
    """Whether a mail lies there before it leaves, so that whatever happens, it can be told whether it
    left. Without, a mail that was cut off at the last step may have to end as unknown."""


VENDORS = {
    "google": Vendor(
        name="google",
        token="oauth.token",
        api="gmail.*",
        read="gmail.messages.get",
        listing="gmail.messages.list",
        following=2,
        sending=("gmail.drafts.create", "gmail.drafts.send"),
        throttled=Fault(method="gmail.*", status=403, reason="rateLimitExceeded", times=5),
        revoked="invalid_grant",
        wrong_client="invalid_client",
        scopes={"read": "gmail.readonly", "send": "gmail.compose", "calendar": "calendar.events"},
        sent_id="@mail.gmail.com>",
        drafts=True,
    ),
    "microsoft": Vendor(
        name="microsoft",
        token="login.token",
        api="graph.*",
        read="graph.messages.get",
        listing="graph.messages.list",
        following=13,
        sending=("graph.sendMail",),
        throttled=Fault(method="graph.*", status=429, retry_after=7, times=5),
        revoked="AADSTS50173",
        wrong_client="7000215",
        scopes={"read": "Mail.Read", "send": "Mail.Send", "calendar": "Calendars.ReadWrite"},
        sent_id=".outlook.com>",
        drafts=False,
    ),
}


class OneVendor(Simulator):
    """A simulator whose accounts are all of one vendor, unless a test says otherwise."""

    vendor = VENDORS["google"]

    def add_account(
        self, address: str, *, name: str = "", provider: str = "", tenant: str = ""
    ) -> Account:
        provider = provider or self.vendor.name
        return super().add_account(address, name=name, provider=provider, tenant=tenant)


def without_limits(simulator: Simulator) -> None:
    """For tests about something else than throttling."""
    for vendor in simulator.vendors.values():
        vendor.lift_quota()
