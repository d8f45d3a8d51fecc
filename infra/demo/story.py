"""The story, step by step: each raises Failed unless it really happened."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from rich.progress import Progress

from infra.demo import accounting
from infra.demo.accounting import Account, Report
from infra.demo.api import Refused, User
from infra.demo.failure import Failed
from infra.demo.screen import Screen
from infra.demo.simulated import Simulated
from infra.local.stack import Stack
from shared.domain.emails import EmailStatus
from shared.domain.mailboxes import GrantState
from shared.mime.addresses import require_sendable
from shared.providers.registry import PROVIDERS
from shared.services.contacts import ActivityView
from shared.services.emails import EmailView
from shared.services.mailboxes import SyncView

T = TypeVar("T")
UNITS_PER_MAIL = 50
"""Quota an imported mail takes at most: its headers, the whole of it, its share of searching."""
UNITS_PER_MINUTE = 6_000
STALLED = 120.0
"""Seconds without any progress after which an import is given up."""
_DELIVERY = 60.0
_POLL = 0.02


class Story:
    def __init__(self, stack: Stack, backend: str, mail: Path | None, screen: Screen) -> None:
        self._stack = stack
        self._screen = screen
        self._mail = mail
        self._simulated = Simulated(stack.simulator_url)
        self._user = User(stack.url, "ana", "acme")
        self._accounts: list[Account] = []
        self._contacts: dict[str, str] = {}
        """Address → contact id."""
        self._refused: dict[str, str] = {}
        self._report = Report(backend=backend)

    def run(self) -> Report:
        begun = time.monotonic()
        try:
            self._collect()
            late = self._add_contacts()
            self._connect()
            self._import()
            self._add_late(late)
            self._show()
            self._send()
            self._count()
        finally:
            self._user.close()
        self._report.seconds = round(time.monotonic() - begun, 2)
        return self._report

    # -- the mails --------------------------------------------------------------------------------

    def _collect(self) -> None:
        self._screen.step("Mail at the provider")
        self._accounts = list(self._loaded(self._mail) if self._mail else self._sampled())
        for account in self._accounts:
            self._screen.done(f"{account.address} ({account.provider}): {len(account.mails)} mails")
        if not any(account.mails for account in self._accounts):
            said = "; ".join(f"{one.name}: {one.problem}" for a in self._accounts for one in a.not_mails)
            raise Failed(f"There is no mail in {self._mail}: {said or 'no .eml, .txt or mbox file'}.")
        self._raise_quota()

    def _loaded(self, mail: Path) -> Iterator[Account]:
        """The accounts of all providers take turns, mail by mail."""
        for turn, provider in enumerate(PROVIDERS):
            address = f"{provider}.demo@mailbridge.example"
            self._simulated.add_account(address, provider)
            found = self._simulated.load(address, mail, turn=turn, of=len(PROVIDERS))
            yield Account(
                provider=provider,
                address=address,
                mails=[one for one in found if not one.problem],
                not_mails=[one for one in found if one.problem],
            )

    def _sampled(self) -> Iterator[Account]:
        """Each provider's first account, with the mail the simulator came with."""
        everybody = self._simulated.accounts()
        for provider in PROVIDERS:
            mine = next((a for a in everybody if a.provider == provider), None)
            if mine is not None:
                mails = self._simulated.mails(mine.address)
                yield Account(provider=provider, address=mine.address, mails=mails)

    def _raise_quota(self) -> None:
        """A real project would take its minutes; nobody wants to watch that."""
        for account in self._accounts:
            if len(account.mails) * UNITS_PER_MAIL > UNITS_PER_MINUTE:
                self._simulated.limit(account.provider, units_per_minute=None)
                self._screen.say(
                    f"The simulated project's quota at {account.provider} is lifted for this demo: "
                    f"{UNITS_PER_MINUTE:,} units a minute would make so much mail take minutes."
                )

    # -- whose mail it is -------------------------------------------------------------------------

    def _team(self) -> set[str]:
        """Whose own addresses are no contacts: with samples, the whole simulated team's."""
        mine = {account.address for account in self._accounts}
        return mine if self._mail else {account.address for account in self._simulated.accounts()}

    def _add_contacts(self) -> str:
        """All but one; the address of that one, "" when there is none to spare."""
        self._screen.step("Contacts: everybody who sent one of these mails")
        mails = (mail for account in self._accounts for mail in account.mails)
        senders = dict.fromkeys(mail.sender for mail in mails if mail.sender)
        wanted = [sender for sender in senders if sender not in self._team()]
        late = wanted.pop() if len(wanted) > 1 else ""
        for sender in wanted:
            self._add_contact(sender)
        if not self._contacts:
            raise Failed("None of these mails names a sender who could be a contact.")
        self._screen.done(f"{len(self._contacts)} contacts" + (", and one to come later" if late else ""))
        return late

    def _add_contact(self, address: str) -> None:
        """A second spelling of an address we have, which is refused as taken, is the same contact."""
        try:
            made = self._user.add_contact(address)
        except Refused as refused:
            if refused.status not in {400, 409}:
                raise
            if refused.status == 400:
                self._refused[address] = refused.said
                self._screen.say(f"{address} cannot be a contact: {refused.said}")
        else:
            self._contacts[made.addresses[0]] = made.id

    def _add_late(self, address: str) -> None:
        if not address:
            return
        self._screen.step("A contact who is added later")
        known = len(self._contacts)
        self._add_contact(address)
        if len(self._contacts) > known:
            self._settle()
            *_, added = self._contacts.items()
            lines = list(self._user.timeline(added[1]))
            if not lines:
                raise Failed(f"The past mail of {address} did not come in.")
            self._screen.done(f"{added[0]}: past mail is on the timeline ({len(lines)} lines)")

    # -- connecting and importing -----------------------------------------------------------------

    def _connect(self) -> None:
        for account in self._accounts:
            self._screen.step(f"Connecting {account.address}")
            self._screen.say("POST /oauth_start → consent page → GET /oauth_callback → POST /mailboxes")
            mailbox = self._user.connect(account.provider, account.address)
            account.mailbox_id = mailbox.id
            if mailbox.state is not GrantState.CONNECTED or mailbox.missing_scopes:
                raise Failed(f"{mailbox.address} is {mailbox.state.value}: {mailbox.state_reason}")
            self._screen.done(f"mailbox {mailbox.id} of {mailbox.address} at {mailbox.provider}")

    def _import(self) -> None:
        self._screen.step("The first sync brings in the past")
        with self._screen.importing() as progress:
            for account in self._accounts:
                self._follow(account, progress)
        self._settle()
        for account in self._accounts:
            sync = self._user.mailbox(account.mailbox_id).sync
            self._screen.done(
                f"{account.address}: {sync.stored} mails stored, {sync.troubled} passed by, "
                f"{sync.quota_units:,} quota units"
            )

    def _follow(self, account: Account, progress: Progress) -> None:
        task = progress.add_task(account.address, total=len(account.mails), phase="waiting")
        seen: SyncView | None = None
        moved = time.monotonic()
        while seen is None or seen.phase != "up to date":
            sync = self._user.mailbox(account.mailbox_id).sync
            if sync != seen:
                seen, moved = sync, time.monotonic()
                progress.update(task, completed=sync.stored, phase=sync.phase)
            elif time.monotonic() - moved > STALLED:
                raise Failed(f"The import stands still. {sync.last_error}".strip())
            time.sleep(_POLL)

    def _settle(self) -> None:
        try:
            self._stack.wait_idle(STALLED)
        except TimeoutError as error:
            raise Failed(f"The task queue does not come to rest: {error}.") from error

    # -- reading ----------------------------------------------------------------------------------

    def _show(self) -> None:
        self._screen.step("The timeline of a contact, and a mail on it")
        contact, lines = self._busiest(lambda _: True)
        if not lines:
            raise Failed("No contact has anything on the timeline.")
        if any(newer.at < older.at for newer, older in pairwise(lines)):
            raise Failed(f"The timeline of {contact} is not in order.")
        self._screen.timeline(contact, lines)
        message = self._user.message(lines[0].message_id)
        if message.subject != lines[0].subject:
            raise Failed("A line of the timeline links to another mail.")
        self._screen.message(message)

    def _busiest(self, fits: Callable[[str], bool]) -> tuple[str, list[ActivityView]]:
        """Of the contacts whose address fits, the one with the longest timeline."""
        timelines = {a: list(self._user.timeline(id_)) for a, id_ in self._contacts.items() if fits(a)}
        if not timelines:
            raise Failed("No contact has an address that mail can be sent to.")
        return max(timelines.items(), key=lambda one: len(one[1]))

    # -- sending ----------------------------------------------------------------------------------

    def _send(self) -> None:
        contact, lines = self._busiest(_sendable)
        for account in self._accounts:
            self._screen.step(f"{account.address} writes to {contact}")
            mine = (line for line in lines if line.mailbox_id == account.mailbox_id)
            before = self._simulated.counts().messages.get("sent", 0)
            email = self._deliver(account, contact, next(mine, None))
            if (left := self._simulated.counts().messages.get("sent", 0) - before) != 1:
                raise Failed(f"The provider sent {left} mails instead of one.")
            self._expect_once(contact, email)
            self._screen.done("the sent mail is on the timeline, once")
            self._sync_again(account)
            self._expect_once(contact, email)
            self._screen.done("still once after another sync has met it")
            self._report.sent += 1

    def _deliver(self, account: Account, contact: str, answered: ActivityView | None) -> EmailView:
        begun = time.monotonic()
        email = self._user.send(
            {
                "mailbox_id": account.mailbox_id,
                "to": [contact],
                "subject": f"Re: {answered.subject}" if answered else "Good to meet you",
                "html": "<p>Thank you, I will call you <b>tomorrow</b>.</p>",
                "in_reply_to": answered.message_id if answered else "",
            },
            key=f"demo-{account.mailbox_id}",
        )
        states = [(email.status.value, time.monotonic() - begun)]
        while email.status in {EmailStatus.QUEUED, EmailStatus.SENDING}:
            if time.monotonic() - begun > _DELIVERY:
                raise Failed(f"The email is still {email.status.value} after {_DELIVERY:.0f} s.")
            time.sleep(_POLL)
            email = self._user.email(email.id)
            if email.status.value != states[-1][0]:
                states.append((email.status.value, time.monotonic() - begun))
        self._screen.states(states)
        if email.status is not EmailStatus.SENT or not (email.message_id and email.rfc_message_id):
            raise Failed(f"The email is {email.status.value}. {email.failure}".strip())
        self._screen.say(f"Message-ID {email.rfc_message_id}, thread {email.thread_id}")
        return email

    def _expect_once(self, contact: str, email: EmailView) -> None:
        lines = list(self._user.timeline(self._contacts[contact]))
        shown = [line for line in lines if line.message_id == email.message_id]
        alike = [line for line in lines if line.subject == email.subject and line.at >= email.created_at]
        if len(shown) != 1 or len(alike) > 1:
            raise Failed(f"The sent mail is {max(len(shown), len(alike))} times on the timeline.")
        if shown[0].user_id != self._user.name:
            raise Failed(f"The sent mail is attributed to {shown[0].user_id}.")

    def _sync_again(self, account: Account) -> None:
        before = self._user.mailbox(account.mailbox_id).sync
        self._user.sync(account.mailbox_id)
        self._settle()
        after = self._user.mailbox(account.mailbox_id).sync
        if after.last_good_at == before.last_good_at or after.last_error:
            raise Failed(f"{account.address} was not synced again. {after.last_error}".strip())

    # -- what became of every mail ------------------------------------------------------------------

    def _count(self) -> None:
        self._screen.step("What became of every mail")
        timelines = {id_: list(self._user.timeline(id_)) for id_ in self._contacts.values()}
        shown = {line.message_id for lines in timelines.values() for line in lines}
        passed_by = dict(_passed_by(Path(self._stack.processes["sync_mailbox"].log)))
        report = self._report
        report.contacts = len(self._contacts)
        report.doubled = accounting.doubled([[line.message_id for line in lines] for lines in timelines.values()])
        for account in self._accounts:
            report.count(
                account,
                stored=lambda mail, account=account: account.ours(mail) in shown or self._is_copy(account.ours(mail), timelines),
                reason=lambda mail: accounting.reason(
                    mail,
                    passed_by=passed_by.get(mail.message_id, ""),
                    refused=self._refused,
                    team=self._team(),
                ),
            )
        self._screen.report(report)
