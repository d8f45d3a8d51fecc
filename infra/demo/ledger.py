"""What the API says, at the end, about every mail that was loaded."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from infra.demo.accounting import Account, Report, doubled
from infra.demo.api import Refused
from infra.demo.stage import Stage
from infra.simulator import Loaded, headers
from shared.mime.addresses import normalise, parse_list
from shared.services.timelines.messages import MessageView


class _PassedBy(Struct):
    """The log line of a message that sync could not take in. Other lines lack these fields."""

    provider_id: str
    reason: str


class Ledger:
    def __init__(self, stage: Stage, refused: Mapping[str, str]) -> None:
        """`refused` says of senders why they are no contacts."""
        self._stage = stage
        self._refused = refused
        self._timelines = {
            contact: [line.message_id for line in lines]
            for contact, lines in stage.timelines().items()
        }
        self._shown = frozenset[str]().union(*self._timelines.values())
        self._passed_by = dict(_passed_by(stage.stack.processes["sync_mailbox"].log))

    def report(self, accounts: Sequence[Account], backend: str) -> Report:
        report = Report(backend=backend, contacts=len(self._timelines), sent=len(accounts))
        report.doubled = doubled(self._timelines.values())
        for account in accounts:
            report.add(account, partial(self._stored, account), partial(self._reason, account))
        return report

    def _stored(self, account: Account, mail: Loaded) -> bool:
        """On a timeline, itself or by a line that it shares with another copy of the same mail."""
        ours = account.ours(mail)
        return ours in self._shown or self._shares_a_line(ours)

    def _shares_a_line(self, message_id: str) -> bool:
        try:
            message = self._stage.user.message(message_id)
        except Refused:
            return False
        same = (message.rfc_message_id, message.subject)
        return any((other.rfc_message_id, other.subject) == same for other in self._beside(message))

    def _beside(self, message: MessageView) -> Iterator[MessageView]:
        """The mails on the timelines of the same contacts."""
        for contact, id_ in self._stage.contacts.items():
            if id_ in message.contact_ids:
                yield from map(self._stage.user.message, self._timelines[contact])

    def _reason(self, account: Account, mail: Loaded) -> str:
        passed_by = self._passed_by.get(mail.message_id, "")
        known = account.reason(mail, passed_by=passed_by, refused=self._refused)
        return known or self._ambiguity(account, mail)

    def _ambiguity(self, account: Account, mail: Loaded) -> str:
        """The simulator reads mail with code of its own: a From so broken that the two of us see
        different people in it names nobody for certain."""
        raw = self._stage.simulated.raw(account.address, mail.message_id)
        senders = [value for name, value in headers.fields(raw) if name.lower() == "from"]
        read = {person.address for value in senders for person in parse_list(value)}
        if normalise(mail.sender) in read:
            return ""
        return f"Its From is too broken to tell who wrote it: {' '.join(senders)[:100]}"


def _passed_by(log: str) -> Iterator[tuple[str, str]]:
    """Provider id → reason. What sync passes by is told in its log alone."""
    for line in Path(log).read_bytes().splitlines():
        try:
            found = msgspec.json.decode(line, type=_PassedBy)
        except msgspec.MsgspecError:
            continue
        yield found.provider_id, found.reason
