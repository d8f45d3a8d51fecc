"""The simulator's own API under /_simulator/: everything the object does, over HTTP, in JSON.

GET    /accounts                       POST /accounts {address, name?, provider?, tenant?}
GET    /messages?account=              GET  /messages/raw?account=&id= (message/rfc822)
POST   /messages/labels {account, id, add?, remove?}     POST /messages/delete {account, id}
POST   /messages/move {account, id, folder}
POST   /deliver {to, raw (base64), labels?, at?}         POST /load {account, path, turn?, of?}
POST   /samples
GET    /loaded                         what became of every mail that was loaded
GET    /left                           mails to addresses elsewhere
GET    /faults · POST /faults (a Fault) · DELETE /faults · PUT /latency {ms}
GET    /counters · DELETE /counters
GET    /limits/{provider} · PATCH /limits/{provider} (some of its limits)
POST   /quota/lift
POST   /history/expire {account} · /grants/revoke {account} · /tokens/expire {account?} · /time {advance}

A vendor may have paths of its own below its name: see `microsoft.control`.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from infra.simulator.control_routes import OfAccount, act, guarded, patched, read
from infra.simulator.exchange import CONTROL
from infra.simulator.faults import Count, Fault
from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.mail import Message
from infra.simulator.providers import Providers


class AccountIn(Struct, forbid_unknown_fields=True):
    address: str
    name: str = ""
    provider: str = "google"
    tenant: str = ""


class DeliverIn(Struct, forbid_unknown_fields=True):
    to: str
    raw: bytes
    labels: tuple[str, ...] = ("INBOX", "UNREAD")
    at: datetime | None = None


class LoadIn(Struct, forbid_unknown_fields=True):
    account: str
    path: str
    turn: Count = 0
    of: Annotated[int, Meta(ge=1)] = 1


class LabelsIn(Struct, forbid_unknown_fields=True):
    account: str
    id: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class MessageIn(Struct, forbid_unknown_fields=True):
    account: str
    id: str


class MoveIn(Struct, forbid_unknown_fields=True):
    account: str
    id: str
    folder: str


class OfAnybody(Struct, forbid_unknown_fields=True):
    account: str = ""


class LatencyIn(Struct, forbid_unknown_fields=True):
    ms: Count


class TimeIn(Struct, forbid_unknown_fields=True):
    advance: float
    """Seconds."""


class Nothing(Struct, forbid_unknown_fields=True):
    pass


class Control:
    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    def routes(self) -> list[Route]:
        return [*self._mail_routes(), *self._trouble_routes()]

    def _mail_routes(self) -> list[Route]:
        sim = self._providers
        return [
            read("accounts", lambda _: sim.office.accounts()),
            act("POST", "accounts", AccountIn, self._add_account),
            read(
                "messages",
                lambda request: [_listed(m) for m in sim.messages(request.param("account"))],
            ),
            Route("GET", f"{CONTROL}messages/raw", "control", self._raw),
            act("POST", "messages/labels", LabelsIn, self._relabel),
            act(
                "POST", "messages/delete", MessageIn, lambda body: sim.delete(body.account, body.id)
            ),
            act("POST", "messages/move", MoveIn, self._move),
            act("POST", "deliver", DeliverIn, self._deliver),
            act("POST", "load", LoadIn, self._load),
            act("POST", "samples", Nothing, lambda _: sim.add_samples()),
            read("loaded", lambda _: sim.loaded()),
            read("left", lambda _: sim.left()),
        ]

    def _trouble_routes(self) -> list[Route]:
        sim = self._providers
        return [
            read("faults", lambda _: sim.faults.rules()),
            act("POST", "faults", Fault, sim.faults.add),
            act("DELETE", "faults", Nothing, lambda _: sim.faults.clear()),
            act("PUT", "latency", LatencyIn, self._slow),
            read("counters", lambda _: sim.meters.read()),
            act("DELETE", "counters", Nothing, lambda _: sim.meters.reset()),
            read("limits/{provider}", lambda request: sim.vendors[request.args["provider"]].limits),
            Route("PATCH", f"{CONTROL}limits/{{provider}}", "control", self._limit),
            act("POST", "quota/lift", Nothing, lambda _: self._lift_quota()),
            act("POST", "history/expire", OfAccount, lambda body: sim.expire_history(body.account)),
            act("POST", "grants/revoke", OfAccount, lambda body: sim.revoke_grant(body.account)),
            act(
                "POST",
                "tokens/expire",
                OfAnybody,
                lambda body: sim.expire_access_tokens(body.account),
            ),
            act("POST", "time", TimeIn, lambda body: sim.clock.advance(body.advance)),
        ]

    def _add_account(self, body: AccountIn) -> object:
        return self._providers.add_account(
            body.address, name=body.name, provider=body.provider, tenant=body.tenant
        )

    def _move(self, body: MoveIn) -> None:
        self._providers.move(body.account, body.id, body.folder)

    def _relabel(self, body: LabelsIn) -> None:
        self._providers.relabel(body.account, body.id, add=body.add, remove=body.remove)

    def _load(self, body: LoadIn) -> object:
        path = Path(body.path)
        return self._providers.load(body.account, path, turn=body.turn, of=body.of)

    def _deliver(self, body: DeliverIn) -> object:
        message = self._providers.deliver(body.raw, to=body.to, labels=body.labels, at=body.at)
        return {"id": message}

    def _slow(self, body: LatencyIn) -> None:
        self._providers.faults.latency_ms = body.ms

    def _raw(self, request: Request) -> Response:
        raw = guarded(lambda: self._providers.raw(request.param("account"), request.param("id")))
        return Response(200, raw, "message/rfc822")

    def _lift_quota(self) -> None:
        for vendor in self._providers.vendors.values():
            vendor.lift_quota()

    def _limit(self, request: Request) -> Response:
        """Fields that are not named stay as they are."""
        limits = guarded(lambda: self._providers.vendors[request.args["provider"]].limits)
        changed = patched(request, limits)
        for name in limits.__struct_fields__:
            setattr(limits, name, getattr(changed, name))
        return json_response(limits)


def _listed(message: Message) -> dict[str, Any]:
    facts = message.facts
    return {
        "id": message.id,
        "thread": message.thread,
        "at": message.at,
        "labels": message.labels,
        "subject": facts.subject,
        "sender": facts.sender,
        "message_id": facts.message_id,
    }
