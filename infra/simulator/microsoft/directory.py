"""Who belongs where: tenants, the ids of their people, and what is switched for each of them."""

import uuid

from msgspec import Struct
from msgspec.structs import replace

from infra.simulator.mail import Account
from infra.simulator.postoffice import PostOffice

_NAMES = uuid.UUID("6f1c0f5e-5d0b-4b57-9a3c-6d6963726f73")
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of personal accounts."""
SHARED = ("common", "organizations", "consumers")


class Person(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is switched for one account."""

    has_mail: bool = True
    """Whether /me answers its `mail`, or null."""
    user_principal_name: str = ""
    """"" is the address; the real one of a guest is no address at all."""
    refused: str = ""
    """The AADSTS number that signing in and every token request end with, "" for none."""
    claims: str = ""
    """The claims challenge (JSON) that only a token made for it can meet, "" for none."""


class Tenant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is switched for everybody of one tenant."""

    needs_admin: bool = False
    """Its people may not consent for themselves."""


class Directory:
    """Every account here has a tenant: the one it was added with, else one named for its domain."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office
        self._people = office.store.table("microsoft people", Person)
        self._tenants = office.store.table("microsoft tenants", Tenant)

    def accounts(self) -> list[Account]:
        return [a for a in self._office.accounts() if a.provider == "microsoft"]

    def account(self, address: str) -> Account:
        """Raises KeyError for whoever has no account here."""
        account = self._office.mailbox(address).account
        if account.provider != "microsoft":
            raise KeyError(address)
        return account

    # -- Identities -------------------------------------------------------------------------------

    def tid(self, account: Account) -> str:
        return tenant_id(account.tenant or account.address.partition("@")[2])

    def oid(self, account: Account) -> str:
        return str(uuid.uuid5(_NAMES, account.id))

    def user_principal_name(self, account: Account) -> str:
        return self.person(account.address).user_principal_name or account.address

    def exists(self, segment: str) -> bool:
        """Whether a path may begin with this: common and the like, or a tenant's id or name."""
        known = (self.tid(account) for account in self.accounts())
        return segment in SHARED or tenant_id(segment) in {*known, CONSUMERS}

    def admits(self, segment: str, account: Account) -> bool:
        """Whether this account may sign in where the path begins with `segment`."""
        personal = self.tid(account) == CONSUMERS
        if segment in SHARED:
            return segment == "common" or personal == (segment == "consumers")
        return tenant_id(segment) == self.tid(account)

    # -- Switches ---------------------------------------------------------------------------------

    def person(self, address: str) -> Person:
        return self._people.get(address.lower(), Person())

    def known(self, address: str) -> Person:
        """Raises KeyError for whoever has no account here."""
        return self.person(self.account(address).address)

    def change(self, address: str, **switches: object) -> Person:
        """`switches` are fields of Person. Raises KeyError for an unknown account, TypeError for a field."""
        with self._office.store:
            changed = replace(self.known(address), **switches)
            self._people[address.lower()] = changed
        return changed

    def tenant(self, tenant: str) -> Tenant:
        return self._tenants.get(tenant_id(tenant), Tenant())

    def change_tenant(self, tenant: str, **switches: object) -> Tenant:
        """By id or name."""
        with self._office.store:
            changed = replace(self.tenant(tenant), **switches)
            self._tenants[tenant_id(tenant)] = changed
        return changed


def tenant_id(name: str) -> str:
    """A tenant's id, from itself or from a name of the tenant's such as its domain."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(_NAMES, name.lower()))
