"""The mail providers that sit the exams. A new one is one class and one line in `HARNESSES`.

A harness is a provider's own side of the story: people who consent, mail that arrives, and trouble
that strikes at will. The exams speak only of these and of the ports.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, get_args

from infra.simulator import Fault, Simulator
from infra.simulator.google import scopes
from shared.domain.mail import Address, OutgoingMail
from shared.domain.mailboxes import Account, Capability
from shared.ports.providers import Credential, MailProvider, Provider
from shared.providers.google.provider import Google
from shared.providers.microsoft.provider import Microsoft
from shared.providers.microsoft.scopes import CAPABILITIES
from shared.providers.registry import Registry
from tests.world import consent, settings

ANA = "ana@example.com"
ACCOUNT = Account("1", ANA, "Ana")

CALLBACK = "http://127.0.0.1:8080/oauth_callback"

Call = Literal["profile", "changes", "search", "read", "prepare", "dispatch", "sent", "token"]
"""What a provider can be asked, in our words."""


class Harness(Protocol):
    """One provider with a fresh world around it."""

    @property
    def provider(self) -> Provider: ...
    @property
    def unsent(self) -> Literal["not_sent", "unclear"]:
        """What the provider says of a mail that was not dispatched."""

    @property
    def prepares(self) -> bool:
        """Whether a prepared mail lies at the provider, where it can be sent once and no more."""

    @property
    def revokes(self) -> bool:
        """Whether we can take back a grant ourselves."""

    @property
    def revoked(self) -> str:
        """The provider's word for a grant that its user took back."""

    @property
    def throttling(self) -> Sequence[tuple[int, str]]:
        """Two ways, by status and reason, in which it asks to wait."""

    @property
    def denied(self) -> str:
        """The word of a 403 for what was not allowed, or so it says."""

    @property
    def switched_off(self) -> tuple[int, str]:
        """Status and reason of a mailbox that programs may not read at all."""

    def add_account(self, address: str) -> None: ...
    def consent(
        self, url: str, address: str, *, without: Capability | None = None, deny: bool = False
    ) -> dict[str, str]:
        """A person answers the consent page; the query their browser comes back with."""

    def deliver(self, address: str, raw: bytes, *, spam: bool = False) -> str:
        """A mail arrives from outside; the provider's id of it."""

    def rescue(self, address: str, message: str) -> None:
        """Its owner says that it is no spam."""

    def delete(self, address: str, message: str) -> None: ...
    def received(self, address: str) -> list[bytes]:
        """What arrived at an address of no account here."""

    def sent(self, address: str) -> list[bytes]:
        """What lies among the account's sent mail."""

    def expire_cursors(self, address: str) -> None: ...
    def expire_access(self, address: str) -> None: ...
    def revoke_grant(self, address: str) -> None: ...
    def refuse(
        self,
        call: Call,
        status: int,
        *,
        reason: str = "",
        skip: int = 0,
        times: int | None = 1,
        retry_after: int | None = None,
    ) -> None:
        """The call fails with an HTTP status."""

    def strike(self, call: Call, **fault: Any) -> None:
        """Any other of the simulator's faults, by its fields."""

    def drop(self, call: Call, *, effect: bool) -> None:
        """The connection breaks without an answer, before or after the effect."""

    def garble(self, call: Call, answer: Literal["html", "empty", "malformed"]) -> None:
        """The call answers what is no answer of the provider's."""

    def asked(self, call: Call) -> int:
        """How many times the call was made."""


class _Simulated:
    """A provider played by the simulator: what all of them have in common."""

    name: str
    provider: Provider
    _METHODS: Mapping[Call, str]
    _SCOPES: Mapping[Capability, tuple[str, ...]]

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.provider = Registry(settings(simulator)).get(self.name)

    def add_account(self, address: str) -> None:
        self._simulator.add_account(address, provider=self.name)

    def consent(
        self, url: str, address: str, *, without: Capability | None = None, deny: bool = False
    ) -> dict[str, str]:
        untick = self._SCOPES[without] if without else ()
        return consent(f"{url}&state=s", address, untick=untick, deny=deny)

    def deliver(self, address: str, raw: bytes, *, spam: bool = False) -> str:
        return self._simulator.deliver(raw, to=address, labels=("SPAM" if spam else "INBOX",))

    def rescue(self, address: str, message: str) -> None:
        self._simulator.move(address, message, "INBOX")

    def delete(self, address: str, message: str) -> None:
        self._simulator.delete(address, message)

    def received(self, address: str) -> list[bytes]:
        return [left.raw for left in self._simulator.left() if left.to == address]

    def sent(self, address: str) -> list[bytes]:
        mails = self._simulator.messages(address)
        return [self._simulator.raw(address, m.id) for m in mails if "SENT" in m.labels]

    def expire_cursors(self, address: str) -> None:
        self._simulator.expire_history(address)

    def expire_access(self, address: str) -> None:
        self._simulator.expire_access_tokens(address)

    def revoke_grant(self, address: str) -> None:
        self._simulator.revoke_grant(address)

    def refuse(
        self,
        call: Call,
        status: int,
        *,
        reason: str = "",
        skip: int = 0,
        times: int | None = 1,
        retry_after: int | None = None,
    ) -> None:
        fault = Fault(
            method=self._METHODS[call],
            status=status,
            reason=reason,
            skip=skip,
            times=times,
            retry_after=retry_after,
        )
        self._simulator.faults.add(fault)

    def strike(self, call: Call, **fault: Any) -> None:
        self._simulator.faults.add(Fault(method=self._METHODS[call], **fault))

    def drop(self, call: Call, *, effect: bool) -> None:
        self._simulator.faults.add(Fault(method=self._METHODS[call], drop=True, effect=effect))

    def garble(self, call: Call, answer: Literal["html", "empty", "malformed"]) -> None:
        self._simulator.faults.add(Fault(method=self._METHODS[call], answer=answer, times=None))

    def asked(self, call: Call) -> int:
        return self._simulator.meters.read().calls.get(self._METHODS[call], 0)


class GoogleHarness(_Simulated):
    name = "google"
    unsent: Literal["not_sent", "unclear"] = "not_sent"
    prepares = True
    revokes = True
    revoked = "invalid_grant"
    throttling = ((429, ""), (403, "rateLimitExceeded"))
    denied = "insufficientPermissions"
    switched_off = (400, "failedPrecondition")
    _METHODS: Mapping[Call, str] = {
        "profile": "gmail.getProfile",
        "changes": "gmail.history.list",
        "search": "gmail.messages.list",
        "read": "gmail.messages.get",
        "prepare": "gmail.drafts.create",
        "dispatch": "gmail.drafts.send",
        "sent": "gmail.messages.list",
        "token": "oauth.token",
    }
    _SCOPES: Mapping[Capability, tuple[str, ...]] = {
        Capability.READ: (scopes.READONLY,),
        Capability.SEND: (scopes.COMPOSE, scopes.SEND),
        Capability.CALENDAR: tuple(scope for scope in scopes.TICKED if "calendar" in scope),
    }

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        assert isinstance(self.provider, Google)
        self.provider.gmail.sleep = self.provider.accounts.sleep = lambda _: None


class MicrosoftHarness(_Simulated):
    name = "microsoft"
    unsent: Literal["not_sent", "unclear"] = "unclear"
    prepares = False
    revokes = False
    revoked = "AADSTS50173"
    throttling = ((429, ""), (503, ""))
    denied = "ErrorAccessDenied"
    switched_off = (404, "MailboxNotEnabledForRESTAPI")
    _METHODS: Mapping[Call, str] = {
        "profile": "graph.mailFolders.get",
        "changes": "graph.messages.delta",
        "search": "graph.messages.list",
        "read": "graph.messages.get",
        "prepare": "nothing",
        "dispatch": "graph.sendMail",
        "sent": "graph.messages.list",
        "token": "login.token",
    }
    _SCOPES: Mapping[Capability, tuple[str, ...]] = CAPABILITIES

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        assert isinstance(self.provider, Microsoft)
        self.provider.graph.sleep = self.provider.login.sleep = lambda _: None


HARNESSES: Mapping[str, type[GoogleHarness | MicrosoftHarness]] = {
    "google": GoogleHarness,
    "microsoft": MicrosoftHarness,
}
CALLS: Sequence[Call] = get_args(Call)


class Tokens:
    """A TokenSource without a vault. Knows every token it ever saw, for exams that look for leaks."""

    def __init__(self, provider: Provider, credential: Credential) -> None:
        assert credential.refresh_token
        self._provider = provider
        self._refresh_token = credential.refresh_token
        self._current = credential.access_token
        self.granted = credential.scopes or ()
        self.seen = [self._refresh_token, self._current]

    def token(self) -> str:
        return self._current

    def replace(self, rejected: str, *, claims: str = "") -> str:
        if rejected == self._current:
            fresh = self._provider.oauth.refresh(self._refresh_token, claims=claims)
            self._current = fresh.access_token
            self.seen.append(self._current)
        return self._current


def tokens_of(harness: Harness, address: str, *, without: Capability | None = None) -> Tokens:
    """An account whose owner just consented."""
    harness.add_account(address)
    oauth = harness.provider.oauth
    started = oauth.start(redirect_uri=CALLBACK, login_hint=address)
    answer = harness.consent(started.url, address, without=without)
    consented = oauth.finish(answer, kept=started.kept, redirect_uri=CALLBACK)
    return Tokens(harness.provider, consented.credential)


def incoming(subject: str = "Hello", *headers: str, sender: str = "jane@example.org") -> bytes:
    lines = (f"From: Jane Doe <{sender}>", "To: ana@example.com", f"Subject: {subject}", *headers)
    return "\r\n".join((*lines, "Content-Type: text/plain", "", "What they wrote.")).encode()


def outgoing(mark: str = "email1", *, thread_id: str = "", in_reply_to: str = "") -> OutgoingMail:
    return OutgoingMail(
        mark=mark,
        sender=Address("ana@example.com", "Ana Souza"),
        to=(Address("jane@example.org", "Doe, Jane"),),
        cc=(Address("carl@example.net"),),
        bcc=(Address("boss@example.com"),),
        subject="Angebot für Käse 🧀",
        html='<p>Grüße</p><p><a href="https://example.com/x">The offer</a></p>',
        in_reply_to=in_reply_to,
        references=(in_reply_to,) if in_reply_to else (),
        thread_id=thread_id,
    )


def everything_since(mailbox: MailProvider, cursor: str) -> tuple[list[str], str]:
    """The ids of every page of changes, and the cursor behind them."""
    ids: list[str] = []
    while True:
        page = mailbox.changes(cursor)
        ids += page.ids
        cursor = page.cursor
        if not page.more:
            return ids, cursor
