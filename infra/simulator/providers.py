"""The simulated vendors, their accounts and mail."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from infra.simulator import loading, samples
from infra.simulator.clock import MovableClock
from infra.simulator.exchange import Exchange
from infra.simulator.faults import Switchboard
from infra.simulator.google.service import Google
from infra.simulator.http import Route
from infra.simulator.mail import Account, Left, Message
from infra.simulator.meters import Meters
from infra.simulator.microsoft.service import Microsoft
from infra.simulator.postoffice import PostOffice
from infra.simulator.store import Store
from shared.ports.clock import Clock


class Loaded(Struct, frozen=True, kw_only=True):
    """What became of one mail of a file."""

    account: str
    name: str
    """The file below what was loaded; in an mbox with "#" and the mail's number."""
    message_id: str = ""
    """The provider's id, "" if it could not be loaded."""
    sender: str = ""
    """The first address of From, lower-cased, "" if there is none."""
    problem: str = ""
    """Why it could not be loaded."""


class Vendor(Protocol):
    """What a vendor's folder supplies."""

    @property
    def name(self) -> str: ...
    @property
    def limits(self) -> Struct:
        """Changed by assigning to its fields."""

    def routes(self) -> list[Route]: ...
    def lift_quota(self) -> None:
        """From now on an account may read and send as much as it likes."""

    def revoke_grant(self, account: str) -> None: ...
    def expire_access_tokens(self, account: str) -> None:
        """`account` "" means everybody's."""


class Providers:
    """Methods raise KeyError for unknown accounts and messages and ValueError for impossible values.
    Thread safe."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.clock = MovableClock(clock)
        self.faults = Switchboard()
        self.meters = Meters()
        self.office = PostOffice(store, self.clock, self.meters)
        self._loaded = store.table("loaded", Loaded)
        self.exchange = Exchange(self.faults, self.meters)
        self.google = Google(self.office, self.exchange, self.meters)
        self.microsoft = Microsoft(self.office, self.exchange, self.meters)
        both: tuple[Vendor, ...] = (self.google, self.microsoft)
        self.vendors = {vendor.name: vendor for vendor in both}

    def routes(self) -> list[Route]:
        return [route for vendor in self.vendors.values() for route in vendor.routes()]

    # -- Accounts and mail ------------------------------------------------------------------------

    def add_account(
        self, address: str, *, name: str = "", provider: str = "google", tenant: str = ""
    ) -> Account:
        """`tenant` is Microsoft's: an id or a name of the organisation, "" for the address's domain."""
        if provider not in self.vendors:
            raise ValueError(f"there is no simulated provider {provider!r}")
        return self.office.add_account(address, name=name, provider=provider, tenant=tenant)

    def load(self, account: str, path: Path, *, turn: int = 0, of: int = 1) -> list[Loaded]:
        """Imports a file or folder; raises FileNotFoundError. Loading it twice imports it twice.

        A mail goes where its own Date says; what the account wrote itself lies in SENT. When `of`
        accounts share the mails, every `of`-th is this one's, beginning with number `turn`.
        """
        own = self.office.mailbox(account).account.address
        with self.office.store:
            share = islice(loading.mails(Path(path)), turn, None, of)
            loaded = [self._import(own, found) for found in share]
            for number, one in enumerate(loaded, len(self._loaded)):
                self._loaded[str(number)] = one
        return loaded

    def loaded(self) -> list[Loaded]:
        """Everything `load` ever said here, oldest first."""
        with self.office.store:
            return list(self._loaded.values())

    def add_team(self) -> list[Account]:
        """Three accounts of a team, at all providers; see `samples`."""
        return [
            self.add_account(address, name=name, provider=samples.PROVIDERS.get(address, "google"))
            for address, name in samples.TEAM.items()
        ]

    def add_samples(self) -> list[Account]:
        """The team and a few weeks of its mail."""
        now = self.clock.now()
        with self.office.store:
            accounts = self.add_team()
            for sample in samples.mails(now):
                self.office.add(sample.account, sample.raw, labels=sample.labels)
        return accounts

    def deliver(
        self,
        raw: bytes,
        *,
        to: str,
        labels: Iterable[str] = ("INBOX", "UNREAD"),
        at: datetime | None = None,
    ) -> str:
        """A mail arrives from outside, now or `at`; its message id."""
        stamp = int(at.timestamp() * 1000) if at else None
        return self.office.deliver(raw, to=to, labels=labels, at=stamp).id

    def message(self, account: str, message_id: str) -> Message:
        return self.office.mailbox(account).messages[message_id]

    def messages(self, account: str) -> list[Message]:
        """All of it, newest first, whatever its labels."""
        with self.office.store:
            return list(self.office.mailbox(account).newest_first())

    def raw(self, account: str, message_id: str) -> bytes:
        return self.office.raw(self.message(account, message_id))

    def relabel(
        self, account: str, message_id: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """As its owner would: read it, move it, trash it."""
        with self.office.store:
            self.office.relabel(self.message(account, message_id), add=add, remove=remove)

    def move(self, account: str, message_id: str, folder: str) -> None:
        """As its owner would: to INBOX, ARCHIVE, TRASH, SPAM, SENT, DRAFT, or a folder of their own."""
        with self.office.store:
            self.office.move(self.message(account, message_id), folder)

    def delete(self, account: str, message_id: str) -> None:
        """For good, as from the trash."""
        with self.office.store:
            self.office.delete(self.message(account, message_id))

    def left(self) -> list[Left]:
        """Mails to addresses that are nobody's here, oldest first."""
        return self.office.left()

    # -- Trouble ----------------------------------------------------------------------------------

    def expire_history(self, account: str) -> None:
        """Every history id handed out so far becomes too old."""
        self.office.expire_changes(account)

    def revoke_grant(self, account: str) -> None:
        """The user removes every client's access in the account's settings."""
        owner = self.office.mailbox(account).account
        self.vendors[owner.provider].revoke_grant(owner.address)

    def expire_access_tokens(self, account: str = "") -> None:
        """All that were issued so far; without an account everybody's."""
        for vendor in self.vendors.values():
            vendor.expire_access_tokens(account.lower())

    def _import(self, account: str, found: loading.Found) -> Loaded:
        if found.problem:
            return Loaded(account=account, name=found.name, problem=found.problem)
        message = self.office.add(account, found.raw, labels=("INBOX",))
        if message.facts.sender == account:
            message = self.office.relabel(message, add=("SENT",), remove=("INBOX",))
        return Loaded(
            account=account,
            name=found.name,
            message_id=message.id,
            sender=message.facts.sender,
        )
