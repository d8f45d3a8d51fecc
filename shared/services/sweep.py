"""Clearing up after crashes and after people who changed their minds. Runs every minute."""

from shared import records
from shared.domain.mailboxes import Connection
from shared.ports.documents import Where
from shared.ports.world import World
from shared.services.accounts import confirming, tokens
from shared.services.events import relay
from shared.services.sending import delivery

PAGE = 100


def run(world: World) -> None:
    delivery.sweep(world)
    relay.sweep(world)
    _expired_connections(world)
    _used_states(world)
    _keyed_requests(world)


def _expired_connections(world: World) -> None:
    """Consents nobody confirmed: their tokens are destroyed, then the record of them."""
    while expired := _page_of_expired(world):
        for connection in expired:
            _forget(world, connection)


def _page_of_expired(world: World) -> list[Connection]:
    page, _ = records.all_connections(world.documents).page(
        Where("expires_at", "<=", world.clock.now()), order_by=("expires_at",), limit=PAGE
    )
    return page


def _forget(world: World, connection: Connection) -> None:
    """A confirmation that was cut off may have stored the token for a mailbox that never came, or did not
    come back."""
    mailboxes = records.mailboxes(world.documents, connection.team_id)
    mailbox_id = confirming.mailbox_of(connection)
    held = mailboxes.find(mailbox_id)
    if held is None or held.record.cleared:
        tokens.destroy(world, mailbox_id)
    world.secrets.delete(confirming.pending_secret(connection.id))
    records.connections(world.documents, connection.team_id).delete(connection.id)


def _used_states(world: World) -> None:
    """An expired state is refused anyway; nobody needs to know any more that it was used."""
    states = records.used_states(world.documents)
    while True:
        expired = states.ids(
            Where("expires_at", "<=", world.clock.now()), order_by=("expires_at",), limit=PAGE
        )
        if not expired:
            return
        world.documents.write(*(states.deleting(id) for id in expired))


def _keyed_requests(world: World) -> None:
    """Idempotency keys are good for two days."""
    while True:
        page, _ = records.all_requests(world.documents).page(
            Where("expires_at", "<=", world.clock.now()), order_by=("expires_at",), limit=PAGE
        )
        if not page:
            return
        for one in page:
            records.requests(world.documents, one.team_id).delete(one.id)
