"""The post office: every account's mail, what happens to it, and how it gets from one to another."""

import secrets
from collections.abc import Iterable, Mapping
from email.utils import format_datetime

from msgspec.structs import replace

from infra.simulator import headers
from infra.simulator.mail import (
    FIRST_CHANGE,
    HISTORY_LIFETIME,
    Account,
    Change,
    Kind,
    Later,
    Left,
    Mailbox,
    Message,
    Place,
    Position,
    is_place,
)
from infra.simulator.meters import Meters
from infra.simulator.store import Store
from shared.ports.clock import Clock


class PostOffice:
    """Every account and mail. Thread safe: whoever reads or writes several things holds `with store:`."""

    def __init__(self, store: Store, clock: Clock, meters: Meters) -> None:
        self.store = store
        self.clock = clock
        self._meters = meters
        self._accounts = store.table("accounts", Account)
        self._positions = store.table("positions", Position)
        self._messages = store.table("messages", Message)
        self._changes = store.table("changes", Change)
        self._left = store.table("left", Left)
        self._later = store.table("later", Later)
        self._places = store.table("places", Place)
        self.id_prefixes: dict[str, str] = {}
        """How a provider's message ids begin, where it wants them to."""
        self._mailboxes = {
            address: Mailbox(account, self._positions[address])
            for address, account in self._accounts.items()
        }
        self._last_id = max((int(key[-16:], 16) for key in self._messages), default=0)
        for message in self._messages.values():
            self._mailboxes[message.account].put(message)
        for place in self._places.values():
            self._mailboxes[place.account].places.add(place.label)
        for key, change in self._changes.items():
            self._mailboxes[key.rpartition("/")[0]].changes.append(change)

    # -- Accounts ---------------------------------------------------------------------------------

    def add_account(self, address: str, *, name: str, provider: str, tenant: str = "") -> Account:
        """Adding one again changes its name alone."""
        address = address.strip().lower()
        if headers.people([address]).addresses != (address,):
            raise ValueError(f"{address!r} is no mail address")
        with self.store:
            if box := self._mailboxes.get(address):
                box.account = replace(box.account, name=name or box.account.name)
            else:
                box = self._new_mailbox(address, name, provider, tenant)
            self._accounts[address] = box.account
        return box.account

    def _new_mailbox(self, address: str, name: str, provider: str, tenant: str) -> Mailbox:
        number = str(10**20 + secrets.randbelow(9 * 10**20))
        name = name or address.partition("@")[0].title()
        account = Account(address, name, provider, number, tenant)
        position = Position(FIRST_CHANGE, FIRST_CHANGE)
        self._positions[address] = position
        self._mailboxes[address] = Mailbox(account, position)
        return self._mailboxes[address]

    def accounts(self) -> list[Account]:
        with self.store:
            return list(self._accounts.values())

    def mailbox(self, address: str) -> Mailbox:
        """Raises KeyError. What is due arrives, what is older than HISTORY_LIFETIME is forgotten."""
        with self.store:
            box = self._mailboxes[address.lower()]
            self._settle(box)
            self._forget(box, self._now() - int(HISTORY_LIFETIME.total_seconds() * 1000))
        return box

    # -- Messages ---------------------------------------------------------------------------------

    def raw(self, message: Message) -> bytes:
        return self.store.blob(message.id)

    def add(
        self,
        account: str,
        raw: bytes,
        *,
        labels: Iterable[str],
        at: int | None = None,
        thread: str = "",
        properties: Mapping[str, str] | None = None,
    ) -> Message:
        """Puts a mail into a mailbox. `at` (ms) None takes the mail's own date, else now.

        It joins `thread`, or the conversation it answers, or begins a thread of its own.
        """
        with self.store:
            box = self.mailbox(account)
            facts = headers.facts(raw)
            key = self.id_prefixes.get(box.account.provider, "") + self._new_id()
            if at is None:
                at = facts.dated_ms or self._now()
            message = Message(
                id=key,
                account=box.account.address,
                thread=thread or box.conversation(facts) or key,
                at=at,
                labels=tuple(dict.fromkeys(labels)),
                size=len(raw),
                change=0,
                facts=facts,
                properties=dict(properties or {}),
            )
            self.store.put_blob(key, raw)
            return self._changed(box, message, "added")

    def add_later(self, mail: Later) -> None:
        """Puts a mail into a mailbox when it is due, at that time."""
        self._later[secrets.token_hex(8)] = mail

    def relabel(
        self, message: Message, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> Message:
        with self.store:
            box = self.mailbox(message.account)
            removed = tuple(label for label in message.labels if label in set(remove))
            added = tuple(label for label in dict.fromkeys(add) if label not in message.labels)
            if removed:
                kept = tuple(label for label in message.labels if label not in removed)
                message = self._changed(
                    box, replace(message, labels=kept), "labels_removed", removed
                )
            if added:
                more = replace(message, labels=message.labels + added)
                message = self._changed(box, more, "labels_added", added)
            return message

    def add_place(self, account: str, label: str) -> None:
        """A folder of the owner's own, empty at first."""
        with self.store:
            box = self.mailbox(account)
            address = box.account.address
            self._places[f"{address} {label}"] = Place(address, label)
            box.places.add(label)

    def remove_place(self, account: str, label: str) -> None:
        """Raises KeyError. What lies there goes to the trash."""
        with self.store:
            box = self.mailbox(account)
            box.places.remove(label)
            del self._places[f"{box.account.address} {label}"]
            for message in [m for m in box.messages.values() if label in m.labels]:
                self.move(message, "TRASH")

    def move(self, message: Message, place: str) -> Message:
        """To one of PLACES or a folder of the owner's; what it is marked with stays."""
        gone = [label for label in message.labels if label != place and is_place(label)]
        return self.relabel(message, add=(place,), remove=gone)

    def delete(self, message: Message) -> None:
        with self.store:
            box = self.mailbox(message.account)
            self._log(box, message, "deleted", ())
            box.remove(message)
            del self._messages[message.id]
            self.store.remove_blob(message.id)

    # -- Changes ----------------------------------------------------------------------------------

    def expire_changes(self, account: str) -> None:
        """Every position handed out so far is forgotten."""
        with self.store:
            box = self.mailbox(account)
            self._move(box, Position(_next(box.position.last), box.position.floor))
            self._forget(box, self._now() + 1)
            self._move(box, Position(box.position.last, box.position.last))

    def _changed(
        self, box: Mailbox, message: Message, kind: Kind, moved: tuple[str, ...] = ()
    ) -> Message:
        for label in set(message.labels) - box.places:
            if is_place(label):
                self.add_place(message.account, label)
        number = self._log(box, message, kind, moved)
        message = replace(message, change=number)
        box.put(message)
        self._messages[message.id] = message
        return message

    def _log(self, box: Mailbox, message: Message, kind: Kind, moved: tuple[str, ...]) -> int:
        number = _next(box.position.last)
        change = Change(
            number=number,
            at=self._now(),
            kind=kind,
            message=message.id,
            thread=message.thread,
            labels=message.labels,
            moved=moved,
        )
        box.changes.append(change)
        self._changes[_key(box, number)] = change
        self._move(box, Position(number, box.position.floor))
        return number

    def _move(self, box: Mailbox, position: Position) -> None:
        box.position = position
        self._positions[box.account.address] = position

    def _forget(self, box: Mailbox, before: int) -> None:
        old = next((i for i, c in enumerate(box.changes) if c.at >= before), len(box.changes))
        if not old:
            return
        for change in box.changes[:old]:
            del self._changes[_key(box, change.number)]
        self._move(box, Position(box.position.last, box.changes[old - 1].number))
        del box.changes[:old]

    # -- Delivery ---------------------------------------------------------------------------------

    def deliver(
        self,
        raw: bytes,
        *,
        to: str,
        labels: Iterable[str] = ("INBOX", "UNREAD"),
        at: int | None = None,
    ) -> Message:
        """A mail arrives from outside. Raises KeyError for an unknown account."""
        now = headers.from_milliseconds(at if at is not None else self._now())
        hop = f"by 127.0.0.1 with SMTP id {secrets.token_hex(8)}; {format_datetime(now)}"
        arrived = headers.edited(raw, add=(("Delivered-To", to), ("Received", hop)))
        stamp = int(now.timestamp() * 1000)
        message = self.add(to, arrived, labels=labels, at=stamp)
        self._meters.count("messages", "delivered")
        return message

    def post(self, raw: bytes, *, sender: str, recipients: Iterable[str]) -> None:
        """Carries a mail that was sent: into the accounts here; what goes elsewhere is kept to be read.

        Nobody receives the Bcc header.
        """
        self._meters.count("messages", "sent")
        raw = headers.edited(raw, drop=("Bcc",))
        with self.store:
            for recipient in recipients:
                if recipient in self._mailboxes:
                    self.deliver(raw, to=recipient)
                    continue
                self._left[secrets.token_hex(8)] = Left(sender, recipient, self._now(), raw)
                self._meters.count("messages", "left")

    def left(self) -> list[Left]:
        """Oldest first."""
        with self.store:
            return sorted(self._left.values(), key=lambda left: left.at)

    def _settle(self, box: Mailbox) -> None:
        due = [
            (key, mail)
            for key, mail in self._later.items()
            if mail.account == box.account.address and mail.due <= self._now()
        ]
        for key, _ in due:
            del self._later[key]
        for _, mail in due:
            own = mail.properties
            self.add(mail.account, mail.raw, labels=mail.labels, at=mail.due, properties=own)

    def _new_id(self) -> str:
        """16 hex digits that grow with time, as Gmail's: what came later sorts later."""
        fresh = (self._now() << 20) + secrets.randbelow(1 << 20)
        self._last_id = max(fresh, self._last_id + 1 + secrets.randbelow(999))
        return f"{self._last_id:016x}"

    def _now(self) -> int:
        return int(self.clock.now().timestamp() * 1000)


def _next(number: int) -> int:
    return number + 1 + secrets.randbelow(9)


def _key(box: Mailbox, number: int) -> str:
    return f"{box.account.address}/{number:020}"
