"""What became of every loaded mail: on a timeline, or named with the reason; anything else is lost."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct, field

from infra.simulator import Loaded
from shared.domain.messages import message_id


class Account(Struct, kw_only=True):
    """A simulated account, and its part of the mails."""

    provider: str
    address: str
    team: frozenset[str]
    """Its own address and its colleagues': they are no contacts."""
    mails: list[Loaded]
    not_mails: list[Loaded] = []
    """What the files held that is no mail."""
    mailbox_id: str = ""

    def ours(self, mail: Loaded) -> str:
        """The id of the message that this mail becomes."""
        return message_id(self.mailbox_id, mail.message_id)

    def reason(self, mail: Loaded, *, passed_by: str, refused: Mapping[str, str]) -> str:
        """Why a mail is on no timeline, "" when there is no good reason.

        `passed_by` is what sync noted about it; `refused` says of senders why they are no contacts.
        """
        if passed_by:
            return f"Sync passed it by: {passed_by}"
        if not mail.sender:
            return "Its From names no address, and nobody else in it is a contact."
        if mail.sender in self.team:
            return f"Its sender {mail.sender} is of the team, and nobody else in it is a contact."
        if mail.sender in refused:
            return f"Its sender {mail.sender} cannot be a contact: {refused[mail.sender]}."
        return ""


class Named(Struct, frozen=True):
    mail: str
    reason: str


class Share(Struct, kw_only=True):
    """One provider's part of the report."""

    account: str
    loaded: int
    stored: int
    named: int


class Report(Struct, kw_only=True):
    """Counts are of mails, `doubled` of lines on timelines, `sent` of emails.

    loaded = stored + named, unless mail was lost; `not_loaded` are files, or parts of them, that hold
    no mail.
    """

    backend: str
    providers: dict[str, Share] = field(default_factory=dict)
    loaded: int = 0
    stored: int = 0
    named: int = 0
    lost: int = 0
    doubled: int = 0
    sent: int = 0
    contacts: int = 0
    seconds: float = 0.0
    named_mails: list[Named] = field(default_factory=list)
    lost_mails: list[str] = field(default_factory=list)
    not_loaded: list[Named] = field(default_factory=list)

    def add(
        self, account: Account, stored: Callable[[Loaded], bool], reason: Callable[[Loaded], str]
    ) -> None:
        """`reason` as `Account.reason`."""
        missing = [Named(mail.name, reason(mail)) for mail in account.mails if not stored(mail)]
        named = [mail for mail in missing if mail.reason]
        share = Share(
            account=account.address,
            loaded=len(account.mails),
            stored=len(account.mails) - len(missing),
            named=len(named),
        )
        self.providers[account.provider] = share
        self.loaded += share.loaded
        self.stored += share.stored
        self.named += share.named
        self.named_mails += named
        self.lost_mails += [mail.mail for mail in missing if not mail.reason]
        self.lost = len(self.lost_mails)
        self.not_loaded += [Named(mail.name, mail.problem) for mail in account.not_mails]

    @property
    def adds_up(self) -> bool:
        return self.loaded == self.stored + self.named and not self.lost and not self.doubled


def doubled(timelines: Iterable[Sequence[str]]) -> int:
    """Lines too many, each timeline given as the messages that its lines link to."""
    return sum(len(lines) - len(set(lines)) for lines in timelines)
