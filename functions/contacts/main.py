"""/contacts: make, list, show, and the timeline of each."""

from shared.services.paging import PageQuery
from shared.services.timelines import contacts as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("contacts")


@api.post(
    "/",
    status=201,
    location="/{id}",
    example={"addresses": ["priya@north-loop.example"], "name": "Priya Raman"},
)
def create(call: Call, body: service.NewContact) -> service.ContactView:
    """Make a contact.

    Its past mail is brought in by the next sync of each mailbox, which starts at once.
    """
    return service.create(call.world, call.caller, body, call.idempotency_key)


@api.get("/")
def list_(call: Call, query: service.ContactQuery) -> service.ContactList:
    """All contacts, oldest first; or the one with an address."""
    return service.list_(call.world, call.caller, query)


@api.get("/{contact_id}")
def show(call: Call, contact_id: str) -> service.ContactView:
    """One contact."""
    return service.show(call.world, call.caller, contact_id)


@api.get("/{contact_id}/timeline")
def timeline(call: Call, contact_id: str, query: PageQuery) -> service.Timeline:
    """A contact's mail, newest first."""
    return service.timeline(call.world, call.caller, contact_id, query)


def contacts(request: Request) -> Response:
    return api(request)
