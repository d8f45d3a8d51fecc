"""/destinations: where a team wants its events sent; for its admins."""

from shared.domain.versions import IfMatch
from shared.services.events import destinations as service
from shared.services.paging import PageQuery
from shared.web.endpoints import Api, Call, Request, Response

api = Api("destinations")


@api.post(
    "/",
    status=201,
    location="/{id}",
    example={"kind": "webhook", "address": "https://crm.example.com/hooks/mail"},
)
def create(call: Call, body: service.NewDestination) -> service.DestinationWithSecret:
    """Send the team's events somewhere; the secret that signs them is shown this once."""
    return service.create(call.world, call.caller, body, call.idempotency_key)


@api.get("/")
def list_(call: Call, query: PageQuery) -> service.DestinationList:
    """All of the team's, oldest first, each with how it is."""
    return service.list_(call.world, call.caller, query)


@api.get("/{destination_id}")
def show(call: Call, destination_id: str) -> service.DestinationView:
    """One destination, and how it is."""
    return service.show(call.world, call.caller, destination_id)


@api.patch("/{destination_id}", example={"state": "paused"})
def change(
    call: Call, destination_id: str, body: service.DestinationChange, if_match: IfMatch
) -> service.DestinationView:
    """Name it, move it, pause it, or enable it again."""
    return service.change(call.world, call.caller, destination_id, body, if_match)


@api.delete("/{destination_id}")
def delete(call: Call, destination_id: str, if_match: IfMatch) -> None:
    """Nothing is sent there any more."""
    service.delete(call.world, call.caller, destination_id, if_match)


@api.post("/{destination_id}/test")
def test(call: Call, destination_id: str) -> service.TestResult:
    """Send it a `destination.test` event now, and say what it answered."""
    return service.test(call.world, call.caller, destination_id)


@api.post("/{destination_id}/rotate")
def rotate(call: Call, destination_id: str) -> service.DestinationWithSecret:
    """Sign with a new secret; the one before goes on signing for a day."""
    return service.rotate(call.world, call.caller, destination_id)


@api.post("/{destination_id}/replay", status=202, example={"since": "2026-11-20T09:00:00Z"})
def replay(call: Call, destination_id: str, body: service.ReplayRequest) -> service.DestinationView:
    """Send once more what happened since a time, beside what happens now."""
    return service.replay(call.world, call.caller, destination_id, body)


@api.get("/{destination_id}/dead-letters")
def dead_letters(call: Call, destination_id: str, query: PageQuery) -> service.DeadLetterList:
    """Events that it refused five times; kept for 30 days."""
    return service.dead_letters(call.world, call.caller, destination_id, query)


@api.post("/{destination_id}/dead-letters/{letter_id}/send", status=202)
def send_again(call: Call, destination_id: str, letter_id: str) -> service.DestinationView:
    """Try a dead letter again, five times."""
    return service.send_again(call.world, call.caller, destination_id, letter_id)


def destinations(request: Request) -> Response:
    return api(request)
