"""Typed records over a DocumentStore: where each lies, and reading and writing them.

Firestore paths; the embedded store keeps the same ones. Team ids come from other people's tokens,
so they are quoted into one safe path segment; every other id is our own.
"""

from urllib.parse import quote

from shared.domain import ids
from shared.domain.access import Team, ThreadMark
from shared.domain.audit import AuditEntry
from shared.domain.contacts import Activity, Contact, ContactAddress
from shared.domain.destinations import Destination, Lane, Letter
from shared.domain.emails import Email
from shared.domain.events import Event
from shared.domain.mailboxes import Connection, Mailbox
from shared.domain.messages import BodyPiece, Message
from shared.domain.requests import KeyedRequest, Spent
from shared.domain.sync import SyncState, Trouble
from shared.domain.tokens import CachedToken, UsedState
from shared.ports.documents import DocumentStore
from shared.records import leased
from shared.records.collection import Change, Collection, Versioned
from shared.records.leased import Leased

__all__ = [
    "TEAM",
    "Change",
    "Collection",
    "Leased",
    "Versioned",
    "activities",
    "addresses",
    "all_connections",
    "all_emails",
    "all_lanes",
    "all_mailboxes",
    "all_requests",
    "audit",
    "budgets",
    "cached_tokens",
    "connections",
    "contacts",
    "destinations",
    "emails",
    "events",
    "lanes",
    "leased",
    "letters",
    "mailboxes",
    "messages",
    "pieces",
    "requests",
    "syncs",
    "team",
    "threads",
    "troubles",
    "used_states",
]

TEAM = "team"
MAX_SEGMENT = 1_000
"""Characters."""
_DIGEST = "="
"""What the segment of a long name begins with; no quoted name has that character."""


def _team(team_id: str) -> str:
    """Firestore refuses the ids ".", ".." and "__…__", and longer ones than 1,500 bytes; "/" would start
    another segment."""
    segment = quote(team_id, safe="").replace(".", "%2E").replace("__", "%5F%5F")
    if len(segment) > MAX_SEGMENT:
        segment = _DIGEST + ids.derived("team", team_id)
    return f"teams/{segment}"


def mailboxes(store: DocumentStore, team_id: str) -> Collection[Mailbox]:
    return Collection(store, f"{_team(team_id)}/mailboxes", Mailbox)


def audit(store: DocumentStore, team_id: str, mailbox_id: str) -> Collection[AuditEntry]:
    return Collection(store, f"{_team(team_id)}/mailboxes/{mailbox_id}/audit", AuditEntry)


def connections(store: DocumentStore, team_id: str) -> Collection[Connection]:
    return Collection(store, f"{_team(team_id)}/connections", Connection)


def contacts(store: DocumentStore, team_id: str) -> Collection[Contact]:
    return Collection(store, f"{_team(team_id)}/contacts", Contact)


def addresses(store: DocumentStore, team_id: str) -> Collection[ContactAddress]:
    return Collection(store, f"{_team(team_id)}/addresses", ContactAddress)


def activities(store: DocumentStore, team_id: str, contact_id: str) -> Collection[Activity]:
    return Collection(store, f"{_team(team_id)}/contacts/{contact_id}/activities", Activity)


def messages(store: DocumentStore, team_id: str) -> Collection[Message]:
    return Collection(store, f"{_team(team_id)}/messages", Message)


def pieces(store: DocumentStore, team_id: str, message_id: str) -> Collection[BodyPiece]:
    return Collection(store, f"{_team(team_id)}/messages/{message_id}/pieces", BodyPiece)


def emails(store: DocumentStore, team_id: str) -> Collection[Email]:
    return Collection(store, f"{_team(team_id)}/emails", Email)


def all_emails(store: DocumentStore) -> Collection[Email]:
    """Every team's; only to look for due ones."""
    return Collection(store, "emails", Email, group=True)


def all_connections(store: DocumentStore) -> Collection[Connection]:
    """Every team's; only to look for expired ones."""
    return Collection(store, "connections", Connection, group=True)


def all_mailboxes(store: DocumentStore) -> Collection[Mailbox]:
    """Every team's; only to see who else uses an account."""
    return Collection(store, "mailboxes", Mailbox, group=True)


def syncs(store: DocumentStore) -> Collection[SyncState]:
    return Collection(store, "syncs", SyncState)


def events(store: DocumentStore, team_id: str) -> Collection[Event]:
    """Kept for 30 days. Written by `shared.services.outbox` alone."""
    return Collection(store, f"{_team(team_id)}/events", Event)


def destinations(store: DocumentStore, team_id: str) -> Collection[Destination]:
    return Collection(store, f"{_team(team_id)}/destinations", Destination)


def lanes(store: DocumentStore, team_id: str, destination_id: str) -> Collection[Lane]:
    """By their names: how far the destination is in each."""
    return Collection(store, f"{_team(team_id)}/destinations/{destination_id}/lanes", Lane)


def all_lanes(store: DocumentStore) -> Collection[Lane]:
    """Every team's; only to look for due ones."""
    return Collection(store, "lanes", Lane, group=True)


def letters(store: DocumentStore, team_id: str, destination_id: str) -> Collection[Letter]:
    """Events that the destination refused, and those that wait behind them."""
    return Collection(store, f"{_team(team_id)}/destinations/{destination_id}/letters", Letter)


def threads(store: DocumentStore, team_id: str) -> Collection[ThreadMark]:
    """Only of conversations that differ from their mailbox."""
    return Collection(store, f"{_team(team_id)}/threads", ThreadMark)


def team(store: DocumentStore, team_id: str) -> Collection[Team]:
    """One record, TEAM: the settings of the whole team."""
    return Collection(store, f"{_team(team_id)}/settings", Team)


def troubles(store: DocumentStore, sync_id: str) -> Collection[Trouble]:
    return Collection(store, f"syncs/{sync_id}/troubles", Trouble)


def cached_tokens(store: DocumentStore) -> Collection[CachedToken]:
    return Collection(store, "tokens", CachedToken)


def used_states(store: DocumentStore) -> Collection[UsedState]:
    return Collection(store, "oauth_states", UsedState)


def requests(store: DocumentStore, team_id: str) -> Collection[KeyedRequest]:
    return Collection(store, f"{_team(team_id)}/requests", KeyedRequest)


def all_requests(store: DocumentStore) -> Collection[KeyedRequest]:
    """Every team's; only to look for expired ones."""
    return Collection(store, "requests", KeyedRequest, group=True)


def budgets(store: DocumentStore, team_id: str) -> Collection[Spent]:
    return Collection(store, f"{_team(team_id)}/budgets", Spent)
