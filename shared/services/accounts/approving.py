"""An administrator of the users' own organisation approves this app: asked for by a team's admin, answered
at the callback of every consent. It connects nothing; it only lets users consent who could not before.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec
from msgspec import Struct

from shared import logs, records
from shared.domain.caller import Caller
from shared.domain.errors import Forbidden, InvalidRequest
from shared.domain.mailboxes import GrantState, Mailbox
from shared.ports.documents import Where
from shared.ports.providers import Provider
from shared.ports.tasks import Task
from shared.ports.world import World

LIFE = timedelta(days=14)
"""Administrators take their time."""
_STATE = "oauth-approval"
"""What is sealed as one is never taken for the state of a consent."""
PAGE = 100


class Approval(Struct):
    """What the sealed state carries."""

    team_id: str
    provider: str
    return_to: str
    expires_at: datetime


def start(
    world: World, caller: Caller, provider: Provider, *, redirect_uri: str, return_to: str
) -> tuple[str, datetime]:
    """The link for an administrator at the provider, and until when it is good. Raises Forbidden for all
    but a team's admins, InvalidRequest where a provider has no such page."""
    if not caller.admin:
        raise Forbidden("Only a team's admin may ask for an approval.", reason="admins_only")
    url = provider.oauth.approval(redirect_uri=redirect_uri)
    if not url:
        title = provider.declaration.title
        detail = (
            f"{title} has no page for it: its administrator trusts apps in {title}'s own console."
        )
        raise InvalidRequest.field("/approval", detail)
    expires_at = world.clock.now() + LIFE
    approval = Approval(caller.team_id, provider.name, return_to, expires_at)
    sealed = world.sealer("state").seal(msgspec.json.encode(approval), context=_STATE)
    return f"{url}&state={quote(sealed)}", expires_at


def opened(world: World, sealed: str) -> Approval | None:
    """None for what is no approval's state."""
    try:
        plain = world.sealer("state").open(sealed, context=_STATE)
        return msgspec.json.decode(plain, type=Approval)
    except (InvalidRequest, msgspec.ValidationError):
        return None


def finish(world: World, approval: Approval, answer: Mapping[str, str]) -> None:
    """Checks at once the mailboxes that waited for it. Raises Forbidden and the others that
    `OAuth.approved` does, InvalidRequest when the link is too old."""
    if world.clock.now() >= approval.expires_at:
        detail = "This link is older than fourteen days: ask for another one."
        raise InvalidRequest(detail, reason="state_expired")
    world.providers.get(approval.provider).oauth.approved(answer)
    waiting = [m for m in _waiting(world, approval.team_id) if m.provider == approval.provider]
    world.tasks.enqueue(*(Task("check_mailbox", {"mailbox_id": one.id}) for one in waiting))
    logs.info("app approved", team=approval.team_id, waiting=len(waiting))


def _waiting(world: World, team_id: str) -> list[Mailbox]:
    found: list[Mailbox] = []
    after = ""
    while True:
        page, after = records.mailboxes(world.documents, team_id).page(
            Where("state", "==", GrantState.ADMIN_CONSENT_REQUIRED.value), limit=PAGE, after=after
        )
        found += page
        if not after:
            return found
