"""The simulated Microsoft, put together."""

import msgspec

from infra.simulator.exchange import Exchange
from infra.simulator.http import Route
from infra.simulator.meters import Meters
from infra.simulator.microsoft import ids
from infra.simulator.microsoft.approval import Approval
from infra.simulator.microsoft.authorization import Authorization
from infra.simulator.microsoft.control import MicrosoftControl
from infra.simulator.microsoft.directory import Directory
from infra.simulator.microsoft.discovery import Discovery
from infra.simulator.microsoft.graph import Graph
from infra.simulator.microsoft.identity import Identity
from infra.simulator.microsoft.limits import Limits
from infra.simulator.microsoft.login import Login
from infra.simulator.microsoft.tokens import App, Tokens
from infra.simulator.postoffice import PostOffice

MICROSOFT_CLIENT_ID = "00000000-51a0-4000-8000-000000000000"
MICROSOFT_CLIENT_SECRET = "simulator~secret"  # noqa: S105 - opens nothing but this simulator


class Microsoft:
    """Tenants, their people, login and Graph of one made-up Microsoft."""

    name = "microsoft"

    def __init__(self, office: PostOffice, exchange: Exchange, meters: Meters) -> None:
        self._office = office
        office.id_prefixes[self.name] = ids.IMMUTABLE
        self.limits = Limits()
        self.directory = Directory(office)
        self.tokens = Tokens(office.store, office.clock, self.limits)
        self.tokens.register(App(MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET))
        identity = Identity(office.store, office.clock, self.directory)
        self._graph = Graph(
            office=office,
            tokens=self.tokens,
            directory=self.directory,
            limits=self.limits,
            meters=meters,
            call=exchange.call,
        )
        self._parts = (
            self._graph,
            Authorization(office, self.tokens, self.directory, identity),
            Login(office, self.tokens, self.directory, identity, self.limits),
            Approval(self.tokens, self.directory),
            Discovery(self.directory, identity),
            MicrosoftControl(self.directory, add_folder=self.add_folder, challenge=self.challenge),
        )

    def routes(self) -> list[Route]:
        return [route for part in self._parts for route in part.routes()]

    def lift_quota(self) -> None:
        self.limits.requests_per_10_minutes = None

    def revoke_grant(self, account: str) -> None:
        with self._office.store:
            self.tokens.withdraw(account)

    def expire_access_tokens(self, account: str) -> None:
        with self._office.store:
            self.tokens.expire_access(account)

    def add_folder(self, account: str, path: str) -> str:
        """A folder of the owner's own, "Customers/Harbor" or "INBOX/Offers"; Graph's id of it."""
        return self._graph.folders.add(account, path)

    def folder(self, account: str, path: str) -> str:
        """Graph's id of a folder: "INBOX", "SENT", or one of the owner's own."""
        return ids.folder(self._office.mailbox(account).account.address, path)

    def remove_folder(self, account: str, path: str) -> None:
        """With all below it; the mail goes to Deleted Items. Raises KeyError."""
        self._graph.folders.remove(account, path)

    def challenge(self, account: str) -> str:
        """From now on only access tokens made for the claims challenge (JSON, returned) are good."""
        with self._office.store:
            stamp = str(int(self._office.clock.now().timestamp()))
            wanted = {"access_token": {"nbf": {"essential": True, "value": stamp}}}
            claims = msgspec.json.encode(wanted).decode()
            self.directory.change(account, claims=claims)
        return claims
