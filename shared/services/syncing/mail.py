"""The mail of a mailbox: past mail found by scanning a small mailbox or searching a large one, new mail
by following changes."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from shared import records
from shared.domain import planning
from shared.domain.contacts import ContactAddress, address_id
from shared.domain.errors import InvalidRequest, ProviderRejected
from shared.domain.mail import Envelope, Mail
from shared.domain.mailboxes import Capability, Mailbox
from shared.domain.messages import message_id
from shared.domain.sync import Import, Stage, SyncState
from shared.ports.documents import Where
from shared.ports.providers import ChangePage, Fetched, IdPage, MailProvider, Search
from shared.ports.world import World
from shared.services.accounts.tokens import Tokens
from shared.services.syncing.feeds import Listing, Taken
from shared.services.timelines import intake
from shared.services.timelines.intake import Guard

CAPABILITY = Capability.READ
CHUNK = 10
"""Addresses of one search; see ports.providers.Search."""


def feed(world: World, mailbox: Mailbox, tokens: Tokens) -> "MailFeed":
    provider = world.providers.get(mailbox.provider)
    return MailFeed(world, mailbox, provider.mail(mailbox.account, tokens))


class MailFeed:
    """A `Feed`."""

    def __init__(self, world: World, mailbox: Mailbox, provider: MailProvider) -> None:
        self._world = world
        self._mailbox = mailbox
        self._provider = provider
        self._page_is_ours = False
        self._messages = records.messages(world.documents, mailbox.team_id)
        self.batch_size = provider.batch_size

    @property
    def units(self) -> int:
        return self._provider.units

    def cursor(self) -> str:
        return self._provider.cursor()

    def changes(self, cursor: str) -> ChangePage:
        return self._provider.changes(cursor)

    # -- past mail ----------------------------------------------------------------------------------

    def to_import(self, state: SyncState) -> bool:
        """Whether there are contacts whose past mail was never looked for."""
        after = ""
        while True:
            targets, after = self._targets(state, after=after)
            if targets or not after:
                return bool(targets)

    def begin(self, state: SyncState, *, cursor: str | None, expired: bool) -> Import:
        now = self._world.clock.now()
        recent = [address_id(one.address) for one in self._all_added_since(now - planning.OVERLAP)]
        return planning.begin_import(state, now=now, cursor=cursor, expired=expired, recent=recent)

    def finish(self, state: SyncState) -> None:
        planning.finish_import(state)

    def past(self, state: SyncState) -> Listing:
        importing = state.importing
        assert importing is not None  # noqa: S101  # the engine has seen to it
        if importing.stage is Stage.SEARCH:
            return self._search(state, importing)
        return self._scan(state, importing)

    def _scan(self, state: SyncState, importing: Import) -> Listing:
        """Every header, if there are few enough and somebody to look for."""
        if not self.to_import(state):
            return Listing(more=False)
        since = importing.since if importing.stage is Stage.WINDOW else None
        found = self._provider.search(Search(since=since))
        ended = not (found.next or found.incomplete)
        whole = ended and len(found.ids) <= planning.SCAN_LIMIT[importing.why]
        more = self._next_stage(importing, listed_all=whole)
        return Listing(found.ids if whole else (), more=more)

    def _search(self, state: SyncState, importing: Import) -> Listing:
        """One page of the mail of a few contacts: a few units of quota, however large the mailbox."""
        targets, after = self._targets(state, after=importing.addresses_after)
        found = self._found(Search(targets), importing) if targets else IdPage(())
        importing.page = found.next
        more = True
        if not importing.page:
            importing.addresses_after = after
            more = bool(after) or self._next_stage(importing, listed_all=True)
        return Listing(found.ids, known=True, more=more, incomplete=found.incomplete)

    def _found(self, search: Search, importing: Import) -> IdPage:
        """The page at hand; the first one when a token kept by an earlier task is no longer taken."""
        inherited, self._page_is_ours = not self._page_is_ours, True
        try:
            return self._provider.search(search, importing.page)
        except ProviderRejected:
            if not (inherited and importing.page):
                raise
            return self._provider.search(search)

    def _next_stage(self, importing: Import, *, listed_all: bool) -> bool:
        stage = planning.next_stage(importing, listed_all=listed_all)
        importing.stage = stage or importing.stage
        return stage is not None

    # -- whose mail is looked for -------------------------------------------------------------------

    def _targets(self, state: SyncState, *, after: str) -> tuple[tuple[str, ...], str]:
        """Up to CHUNK addresses whose past mail is to be imported, and where to go on."""
        entries, after = self._added_since(planning.addresses_floor(state), after=after)
        by_id = {address_id(entry.address): entry.address for entry in entries}
        return tuple(by_id[id] for id in planning.uncovered(state, by_id)), after

    def _all_added_since(self, floor: datetime) -> Iterable[ContactAddress]:
        """The addresses so new that others, stamped earlier, may still be on their way."""
        after = ""
        while True:
            entries, after = self._added_since(floor, after=after)
            yield from entries
            if not after:
                return

    def _added_since(
        self, floor: datetime | None, *, after: str
    ) -> tuple[list[ContactAddress], str]:
        since = () if floor is None else (Where("added_at", ">", floor),)
        addresses = records.addresses(self._world.documents, self._mailbox.team_id)
        return addresses.page(*since, order_by=("added_at",), limit=CHUNK, after=after)

    # -- taking in ----------------------------------------------------------------------------------

    def missing(self, ids: Sequence[str], guard: Guard, *, refile: bool) -> list[str]:
        ours = {id: message_id(self._mailbox.id, id) for id in ids}
        stored = self._messages.many(ours.values())
        if refile:
            found = [one.record for one in stored.values()]
            intake.refile(self._world, self._mailbox, found, guard)
        return [id for id in ours if ours[id] not in stored]

    def take(
        self, ids: Sequence[str], page: ChangePage | None, guard: Guard, *, known: bool
    ) -> Taken:
        """Headers first, so that only the content of contacts' mail is fetched. What was fetched is
        stored, also when the rest is throttled."""
        headers = Fetched({})
        wanted = list(ids)
        if not known:
            headers = self._headers(ids, page.envelopes if page else {})
            wanted = list(self._plan(headers.found.values()))
        mails = self._provider.mails(wanted) if wanted else Fetched({})
        stored, refused = self._store(list(mails.found.values()), guard)
        return Taken(
            examined=len(ids),
            stored=stored,
            vanished=len(headers.vanished) + len(mails.vanished),
            troubled=headers.failed | mails.failed | refused,
            throttled=headers.throttled or mails.throttled,
        )

    def _headers(self, ids: Sequence[str], sent_along: dict[str, Envelope]) -> Fetched:
        absent = [id for id in ids if id not in sent_along]
        fetched = self._provider.envelopes(absent) if absent else Fetched({})
        fetched.found |= {id: sent_along[id] for id in ids if id in sent_along}
        return fetched

    def _plan(self, envelopes: Iterable[Envelope]) -> dict[str, tuple[str, ...]]:
        envelopes = list(envelopes)
        addresses = intake.known_addresses(self._world, self._mailbox.team_id, envelopes)
        return planning.plan_page(envelopes, addresses, self._mailbox.address)

    def _store(self, mails: Sequence[Mail], guard: Guard) -> tuple[int, dict[str, str]]:
        """Stores those of contacts: how many, and those that cannot be stored with the reason."""
        contacts = self._plan(mail.envelope for mail in mails)
        arrivals = [
            intake.Arrival(mail, contacts[mail.envelope.provider_id])
            for mail in mails
            if mail.envelope.provider_id in contacts
        ]
        refused = self._store_all(arrivals, guard)
        return len(arrivals) - len(refused), refused

    def _store_all(self, arrivals: Sequence[intake.Arrival], guard: Guard) -> dict[str, str]:
        """Together, and one by one when that fails: a single bad one must not hold up the others."""
        try:
            intake.store(self._world, self._mailbox, arrivals, guard=guard)
        except (ValueError, InvalidRequest) as error:
            if len(arrivals) == 1:
                return {arrivals[0].mail.envelope.provider_id: f"cannot be stored: {error}"}
            parts = [self._store_all([arrival], guard) for arrival in arrivals]
            return {id: reason for part in parts for id, reason in part.items()}
        return {}
