"""The steps of one sync task, each repeatable: import past mail, follow changes, retry troubles."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from shared import logs, records
from shared.domain import planning
from shared.domain.contacts import ContactAddress, address_id
from shared.domain.errors import CursorExpired, InvalidRequest, ProviderRejected, RateLimited
from shared.domain.mail import Envelope, Mail
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message, message_id
from shared.domain.sync import Import, Stage, Trouble, retry_at
from shared.ports.documents import Where
from shared.ports.providers import Fetched, IdPage, MailProvider, Search
from shared.ports.world import World
from shared.services.schedule import Held
from shared.services.timelines import intake

CHUNK = 10
"""Addresses of one search; see ports.Search."""
RETRIES = 50
"""Troubled messages looked at again at once."""


class Run:
    def __init__(
        self, world: World, held: Held, mailbox: Mailbox, mail: MailProvider, *, deadline: datetime
    ) -> None:
        self._world = world
        self._held = held
        self._state = held.state
        self._mailbox = mailbox
        self._mail = mail
        self._deadline = deadline
        self._units = 0
        self._page_is_ours = False
        self._messages = records.messages(world.documents, mailbox.team_id)
        self._troubles = records.troubles(world.documents, mailbox.id)

    def work(self) -> bool:
        """True when up to date, False when the time was over first."""
        self._retry_troubles()
        while self._world.clock.now() < self._deadline:
            if self._step():
                return True
        return False

    def count_units(self) -> None:
        self._state.progress.units += self._mail.units - self._units
        self._units = self._mail.units

    def _step(self) -> bool:
        """One page of work; True when nothing is left."""
        match planning.next_step(self._state, new_addresses=self._anybody_new()):
            case planning.Step.BEGIN:
                self._begin()
            case planning.Step.IMPORT:
                self._import()
            case planning.Step.FOLLOW:
                return self._follow()
        return False

    def _save(self, phase: str) -> None:
        self.count_units()
        self._state.progress.phase = phase
        self._held.save()

    # -- following changes --------------------------------------------------------------------------

    def _follow(self) -> bool:
        assert self._state.cursor is not None  # noqa: S101  # next_step has seen to it
        try:
            page = self._mail.changes(self._state.cursor)
        except CursorExpired:
            self._begin(expired=True)
            return False
        self._take(page.ids, page.envelopes)
        if page.cursor != self._state.cursor:
            self._state.cursor = page.cursor
            self._save("following changes")
        return not page.more

    # -- importing past mail ------------------------------------------------------------------------

    def _begin(self, *, expired: bool = False) -> None:
        """The position is taken first: what arrives while the import runs shows up as a change."""
        fresh = expired or self._state.cursor is None
        self._state.importing = planning.begin_import(
            self._state,
            now=self._world.clock.now(),
            cursor=self._mail.cursor() if fresh else None,
            expired=expired,
            recent=self._recent(),
        )
        self._save("importing")

    def _import(self) -> None:
        importing = self._state.importing
        assert importing is not None  # noqa: S101  # next_step has seen to it
        if importing.stage is Stage.SEARCH:
            self._search(importing)
        else:
            self._scan(importing)
        self._save("importing")

    def _scan(self, importing: Import) -> None:
        """Looks at every header, if there are few enough and somebody to look for."""
        if not self._anybody():
            planning.finish_import(self._state)
            return
        since = importing.since if importing.stage is Stage.WINDOW else None
        found = self._mail.search(Search(since=since))
        whole = not found.next and len(found.ids) <= planning.SCAN_LIMIT[importing.why]
        if whole:
            self._take(found.ids, refile=True)
        self._next_stage(importing, listed_all=whole)

    def _search(self, importing: Import) -> None:
        """One page of the mail of a few contacts: a few units of quota, however large the mailbox."""
        targets, after = self._targets(after=importing.addresses_after)
        if targets:
            found = self._found(Search(targets), importing)
            self._take(found.ids, refile=True, searched=True)
            importing.page = found.next
        if not importing.page:
            importing.addresses_after = after
            if not after:
                self._next_stage(importing, listed_all=True)

    def _found(self, search: Search, importing: Import) -> IdPage:
        """The page at hand; the first one when a token kept by an earlier task is no longer taken."""
        kept, self._page_is_ours = not self._page_is_ours, True
        try:
            return self._mail.search(search, importing.page)
        except ProviderRejected:
            if not (kept and importing.page):
                raise
            return self._mail.search(search)

    def _next_stage(self, importing: Import, *, listed_all: bool) -> None:
        stage = planning.next_stage(importing, listed_all=listed_all)
        if stage is None:
            planning.finish_import(self._state)
        else:
            importing.stage = stage

    # -- whose mail is looked for -------------------------------------------------------------------

    def _anybody_new(self) -> bool:
        following = self._state.importing is None and self._state.cursor is not None
        return following and self._anybody()

    def _anybody(self) -> bool:
        after = ""
        while True:
            targets, after = self._targets(after=after)
            if targets or not after:
                return bool(targets)

    def _targets(self, *, after: str) -> tuple[tuple[str, ...], str]:
        """Up to CHUNK addresses whose past mail is to be imported, and where to go on."""
        entries, after = self._added_since(planning.addresses_floor(self._state), after=after)
        by_id = {address_id(entry.address): entry.address for entry in entries}
        return tuple(by_id[id] for id in planning.uncovered(self._state, by_id)), after

    def _recent(self) -> list[str]:
        """The addresses so new that others, stamped earlier, may still be on their way."""
        recent: list[str] = []
        after = ""
        while True:
            floor = self._world.clock.now() - planning.OVERLAP
            entries, after = self._added_since(floor, after=after)
            recent += (address_id(entry.address) for entry in entries)
            if not after:
                return recent

    def _added_since(
        self, floor: datetime | None, *, after: str
    ) -> tuple[list[ContactAddress], str]:
        since = () if floor is None else (Where("added_at", ">", floor),)
        addresses = records.addresses(self._world.documents, self._mailbox.team_id)
        return addresses.page(*since, order_by=("added_at",), limit=CHUNK, after=after)

    # -- taking messages in -------------------------------------------------------------------------

    def _take(
        self,
        provider_ids: Iterable[str],
        envelopes: Mapping[str, Envelope] | None = None,
        *,
        refile: bool = False,
        searched: bool = False,
    ) -> set[str]:
        """Takes in what is not stored yet; the ids of those that made trouble.

        `refile` puts those already stored onto the timelines of contacts added since. `searched`
        means that the provider found them by a contact's address: their content is fetched at once.
        """
        stored = self._stored(provider_ids)
        if refile:
            intake.refile(self._world, self._mailbox, [m for m in stored.values() if m])
        fresh = [id for id, message in stored.items() if message is None]
        troubled: set[str] = set()
        for chunk in _chunks(fresh, self._state.pace or self._mail.batch_size):
            self._held.renew_if_old()
            troubled |= self._take_chunk(chunk, envelopes or {}, searched)
        return troubled

    def slow_down(self) -> None:
        self._state.pace = max(1, (self._state.pace or self._mail.batch_size) // 2)

    def _stored(self, provider_ids: Iterable[str]) -> dict[str, Message | None]:
        ids = {id: self._ours(id) for id in provider_ids}
        held = self._messages.many(ids.values())
        return {id: held[ours].record if ours in held else None for id, ours in ids.items()}

    def _ours(self, provider_id: str) -> str:
        return message_id(self._mailbox.id, provider_id)

    def _take_chunk(
        self, chunk: Sequence[str], sent_along: Mapping[str, Envelope], searched: bool
    ) -> set[str]:
        """One round of requests. What was fetched is stored before a throttled rest is given up."""
        wanted, troubled = list(chunk), dict[str, str]()
        limit: RateLimited | None = None
        if not searched:
            headers = self._headers(chunk, sent_along)
            wanted, troubled, limit = self._matching(headers), headers.failed, headers.throttled
        mails = self._mail.mails(wanted) if wanted else Fetched({})
        troubled |= mails.failed | self._store(list(mails.found.values()))
        self._note_troubles(troubled)
        self._state.progress.examined += len(chunk)
        self._state.progress.vanished += len(mails.vanished)
        if limit := limit or mails.throttled:
            raise limit
        return set(troubled)

    def _headers(self, chunk: Sequence[str], sent_along: Mapping[str, Envelope]) -> Fetched:
        missing = [id for id in chunk if id not in sent_along]
        fetched = self._mail.envelopes(missing) if missing else Fetched({})
        fetched.found |= {id: sent_along[id] for id in chunk if id in sent_along}
        self._state.progress.vanished += len(fetched.vanished)
        return fetched

    def _matching(self, headers: Fetched) -> list[str]:
        return list(self._plan(headers.found.values()))

    def _plan(self, envelopes: Iterable[Envelope]) -> dict[str, tuple[str, ...]]:
        envelopes = list(envelopes)
        known = intake.known_addresses(self._world, self._mailbox.team_id, envelopes)
        return planning.plan_page(envelopes, known, self._mailbox.address)

    def _store(self, mails: Sequence[Mail]) -> dict[str, str]:
        """Stores those of contacts; those that cannot be stored, with the reason."""
        take = self._plan(mail.envelope for mail in mails)
        arrivals = [
            intake.Arrival(mail, take[mail.envelope.provider_id])
            for mail in mails
            if mail.envelope.provider_id in take
        ]
        troubled = self._store_all(arrivals)
        self._state.progress.stored += len(arrivals) - len(troubled)
        return troubled

    def _store_all(self, arrivals: Sequence[intake.Arrival]) -> dict[str, str]:
        """Together, and one by one when that fails: a single bad one must not hold up the others."""
        try:
            intake.store(self._world, self._mailbox, arrivals)
        except (ValueError, InvalidRequest) as error:
            if len(arrivals) == 1:
                return {arrivals[0].mail.envelope.provider_id: f"cannot be stored: {error}"}
            parts = [self._store_all([arrival]) for arrival in arrivals]
            return {id: reason for part in parts for id, reason in part.items()}
        return {}

    # -- troubles -----------------------------------------------------------------------------------

    def _note_troubles(self, troubled: Mapping[str, str]) -> None:
        """Named, counted and passed by, to be tried again later a few times."""
        now = self._world.clock.now()
        held = self._troubles.many(self._ours(id) for id in troubled)
        for id, reason in troubled.items():
            known = held[self._ours(id)].record if self._ours(id) in held else None
            attempts = known.attempts + 1 if known else 1
            first_at = known.first_at if known else now
            trouble = Trouble(
                provider_id=id,
                reason=reason,
                attempts=attempts,
                first_at=first_at,
                retry_at=retry_at(attempts, now),
            )
            self._troubles.put(self._ours(id), trouble)
            self._state.progress.troubled += known is None
            logs.warning(
                "message passed by", mailbox_id=self._mailbox.id, provider_id=id, reason=reason
            )

    def _retry_troubles(self) -> None:
        """All that are due: those that fail again are due later, so this ends."""
        while again := self._due_troubles():
            still = self._take(again)
            for id in again:
                if id not in still:
                    self._troubles.delete(self._ours(id))

    def _due_troubles(self) -> list[str]:
        if self._world.clock.now() >= self._deadline:
            return []
        due, _ = self._troubles.page(
            Where("retry_at", "<=", self._world.clock.now()), order_by=("retry_at",), limit=RETRIES
        )
        return [trouble.provider_id for trouble in due]


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
