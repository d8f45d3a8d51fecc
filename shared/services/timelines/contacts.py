"""The CRM's contacts, and the timeline of each."""

from contextlib import suppress
from datetime import datetime

from msgspec import Struct

from shared import records
from shared.domain import ids
from shared.domain.access import Visible
from shared.domain.caller import Caller, Scope
from shared.domain.contacts import Contact, ContactAddress, Direction, address_id
from shared.domain.errors import (
    AlreadyExists,
    Conflict,
    FieldError,
    InvalidRequest,
    ProviderUnavailable,
)
from shared.domain.mail import Kind
from shared.domain.mailboxes import GrantState
from shared.domain.versions import etag
from shared.domain.views import view
from shared.mime import names
from shared.mime.addresses import normalise
from shared.ports.documents import Where
from shared.ports.world import World
from shared.records import Versioned
from shared.services import access, outbox, schedule
from shared.services.paging import PageQuery, Pages

MAX_ADDRESSES = 50


class NewContact(Struct, forbid_unknown_fields=True):
    addresses: tuple[str, ...]
    """Mail addresses, 1 to 50; each belongs to one contact of the team."""
    name: str = ""


class ContactView(Struct):
    id: str
    etag: str
    name: str
    addresses: tuple[str, ...]
    """In the form in which they are compared."""
    created_at: datetime


class ContactList(Struct):
    contacts: list[ContactView]
    next_page_token: str


class ActivityView(Struct):
    """One mail on a contact's timeline, however many of the team's mailboxes hold a copy of it."""

    id: str
    kind: str
    """What it is: email."""
    direction: Direction
    at: datetime
    user_id: str
    """Who wrote it, or in whose mailbox it arrived."""
    mailbox_id: str
    subject: str
    snippet: str
    """How it begins."""
    mail_kind: Kind
    """Of an incoming mail, whether a person wrote it, and if not, what did."""
    message_id: str
    message: str
    """The path of the mail itself."""
    visible: Visible
    """How much of the mail the caller sees, here and there."""


class Timeline(Struct):
    activities: list[ActivityView]
    next_page_token: str


class ContactQuery(PageQuery, forbid_unknown_fields=True):
    address: str = ""
    """Only the contact with this address."""


# -- making -----------------------------------------------------------------------------------------


def create(world: World, caller: Caller, new: NewContact, key: str = "") -> ContactView:
    """Raises InvalidRequest, and Conflict when an address belongs to another contact of the team.
    With a `key`, the caller's contact of that key is made once.

    Past mail with the contact is brought in by each mailbox's next sync, which starts at once.
    """
    access.require(caller, Scope.MANAGE)
    now = world.clock.now()
    contact = Contact(
        id=ids.made("contact", caller.team_id, caller.user_id, key=key),
        team_id=caller.team_id,
        name=_name(new.name),
        addresses=_addresses(new.addresses),
        created_at=now,
        created_by=caller.user_id,
    )
    contacts = records.contacts(world.documents, caller.team_id)
    index = records.addresses(world.documents, caller.team_id)
    entries = [
        ContactAddress(
            address=address, team_id=caller.team_id, contact_ids=(contact.id,), added_at=now
        )
        for address in contact.addresses
    ]
    told = outbox.contact(world, contact, "created")
    try:
        world.documents.write(
            contacts.creating(contact.id, told.record),
            *told.also,
            *(index.creating(address_id(entry.address), entry) for entry in entries),
        )
    except AlreadyExists as error:
        if contacts.find(contact.id) is None:
            raise _taken(world, caller, contact) from error
    _sync_team(world, caller)
    return _view(contacts.versioned(contact.id))


def _name(text: str) -> str:
    try:
        return names.given(text)
    except ValueError as error:
        raise InvalidRequest.field("/name", str(error)) from error


def _addresses(given: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(given) <= MAX_ADDRESSES:
        raise InvalidRequest.field("/addresses", f"must hold 1 to {MAX_ADDRESSES} addresses")
    good: list[str] = []
    errors: list[FieldError] = []
    for place, text in enumerate(given):
        try:
            good.append(normalise(text))
        except ValueError as error:
            errors.append(FieldError(f"/addresses/{place}", str(error)))
    if errors:
        raise InvalidRequest("Not every address can be used.", errors=errors)
    return tuple(dict.fromkeys(good))


def _taken(world: World, caller: Caller, contact: Contact) -> Conflict:
    index = records.addresses(world.documents, caller.team_id)
    held = index.many(map(address_id, contact.addresses))
    holders = {one.record.address: one.record.contact_ids[0] for one in held.values()}
    errors = tuple(
        FieldError(f"/addresses/{place}", f"belongs to the contact {holders[address]}")
        for place, address in enumerate(contact.addresses)
        if address in holders
    )
    return Conflict(
        f"In use by another contact: {', '.join(holders)}.",
        reason="address_taken",
        facts={"contact_id": next(iter(holders.values()), ""), "errors": errors},
    )


def _sync_team(world: World, caller: Caller) -> None:
    """Only hastens: what is lost here, the schedule does."""
    mailboxes, _ = records.mailboxes(world.documents, caller.team_id).page(
        Where("state", "==", GrantState.CONNECTED.value), limit=100
    )
    with suppress(ProviderUnavailable):
        schedule.soon(world, *(mailbox.id for mailbox in mailboxes))


# -- reading ----------------------------------------------------------------------------------------


def show(world: World, caller: Caller, contact_id: str) -> ContactView:
    access.require(caller, Scope.READ)
    return _view(records.contacts(world.documents, caller.team_id).versioned(contact_id))


def list_(world: World, caller: Caller, query: ContactQuery) -> ContactList:
    """Oldest first."""
    access.require(caller, Scope.READ)
    contacts = records.contacts(world.documents, caller.team_id)
    if query.address:
        return ContactList(_by_address(world, caller, query.address), "")
    page, token = Pages(world, caller, query, "contacts").plain(
        lambda limit, after: contacts.versions(order_by=("created_at",), limit=limit, after=after)
    )
    return ContactList([_view(contact) for contact in page], token)


def _by_address(world: World, caller: Caller, address: str) -> list[ContactView]:
    try:
        wanted = address_id(normalise(address))
    except ValueError as error:
        raise InvalidRequest.field("/address", str(error)) from error
    found = records.addresses(world.documents, caller.team_id).find(wanted)
    contact_ids = found.record.contact_ids if found else ()
    held = records.contacts(world.documents, caller.team_id).many(contact_ids)
    return [_view(contact) for contact in held.values()]


def timeline(world: World, caller: Caller, contact_id: str, query: PageQuery) -> Timeline:
    """Newest first: the lines of which the caller may see anything, each as their best copy shows it."""
    access.require(caller, Scope.READ)
    contact = records.contacts(world.documents, caller.team_id).get(contact_id)
    lines = records.activities(world.documents, caller.team_id, contact_id)
    viewer = access.Viewer(world, caller)
    seen, token = Pages(world, caller, query, f"timeline of {contact_id}").visible(
        lambda limit, after: lines.page(order_by=("-at",), limit=limit, after=after),
        lambda page: viewer.lines(contact, page),
    )
    return Timeline([_activity(one) for one in seen], token)


def _view(held: Versioned[Contact]) -> ContactView:
    return view(ContactView, held.record, etag=etag(held.version))


def _activity(seen: access.SeenLine) -> ActivityView:
    return view(
        ActivityView,
        seen.line,
        subject=names.line(seen.line.subject),
        snippet=names.line(seen.line.snippet),
        visible=seen.sight.name.lower(),
        message=f"/messages/{seen.line.message_id}",
    )
