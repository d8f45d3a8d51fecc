"""/contacts: make, list, show, and the timeline of each."""

from shared.services.paging import PageQuery
from shared.services.timelines import contacts as service
from shared.web.endpoints import Api, Call, Request, Response

api = Api("contacts")


@api.post("/", status=201, location="/{id}")
def create(call: Call, body: service.NewContact) -> service.ContactView:
    return service.create(call.world, call.caller, body, call.idempotency_key)


@api.get("/")
def list_(call: Call, query: service.ContactQuery) -> service.ContactList:
    return service.list_(call.world, call.caller, query)


@api.get("/{contact_id}")
def show(call: Call, contact_id: str) -> service.ContactView:
    return service.show(call.world, call.caller, contact_id)


@api.get("/{contact_id}/timeline")
def timeline(call: Call, contact_id: str, query: PageQuery) -> service.Timeline:
    return service.timeline(call.world, call.caller, contact_id, query)


def contacts(request: Request) -> Response:
    return api(request)
