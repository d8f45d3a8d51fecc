"""The simulated Google, put together."""

from infra.simulator.exchange import Exchange
from infra.simulator.google.authorization import Authorization
from infra.simulator.google.batch import Batch
from infra.simulator.google.calls import Calls
from infra.simulator.google.gmail import Gmail
from infra.simulator.google.identity import Identity
from infra.simulator.google.limits import Limits, Quota
from infra.simulator.google.oauth import OAuth
from infra.simulator.google.readings import Readings
from infra.simulator.google.sending import Sending
from infra.simulator.google.tokens import Client, Tokens
from infra.simulator.http import Route
from infra.simulator.meters import Meters
from infra.simulator.postoffice import PostOffice

CLIENT_ID = "000000000000-simulator.apps.googleusercontent.com"
CLIENT_SECRET = "GOCSPX-simulator"  # noqa: S105 - opens nothing but this simulator


class Google:
    """Accounts, Gmail and, later, Calendar of one made-up Google."""

    name = "google"

    def __init__(self, office: PostOffice, exchange: Exchange, meters: Meters) -> None:
        self._store = office.store
        self.limits = Limits()
        self.tokens = Tokens(office.store, office.clock, self.limits)
        self.tokens.register(Client(CLIENT_ID, CLIENT_SECRET))
        quota = Quota(self.limits, office.clock, meters)
        calls = Calls(office, self.tokens, quota)
        gmail = Gmail(calls, office, Readings(office))
        oauth = OAuth(office, self.tokens, Identity(office.store, office.clock), self.limits)
        self._parts = (
            gmail,
            Sending(calls, office, gmail, self.limits, quota),
            Batch(exchange.call, oauth.bearer),
            Authorization(office, self.tokens),
            oauth,
        )

    def routes(self) -> list[Route]:
        return [route for part in self._parts for route in part.routes()]

    def lift_quota(self) -> None:
        self.limits.units_per_minute = self.limits.sends_per_day = None

    def revoke_grant(self, account: str) -> None:
        with self._store:
            self.tokens.withdraw(account)

    def expire_access_tokens(self, account: str) -> None:
        with self._store:
            self.tokens.expire_access(account)
