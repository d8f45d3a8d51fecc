"""The one line that every request leaves behind.

    {"severity": "INFO", "message": "request", "function": "mailboxes", "method": "POST",
     "path": "/{mailbox_id}/sync", "status": 202, "duration_ms": 41.8, "team": "acme", "user": "ana",
     "mailbox": "…", "quota_units": 0, "provider_requests": 0, "store_reads": 3, "store_writes": 1,
     "secrets": 0, "tasks": 1, "logging.googleapis.com/trace": "projects/…/traces/…"}

`error` and `reason` are there when something went wrong. A severity above INFO is somebody's to look
at: WARNING for what others brought about and for private functions that were called in vain, ERROR
for our own mistakes and for tasks that are lost, both with the stack trace that alerts.

Nothing a stranger wrote gets into it: the path is the route's template and the method one of HTTP's.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from msgspec import Struct, structs
from werkzeug.wrappers import Request

from shared import logs, metering
from shared.domain.errors import MailbridgeError
from shared.metering import Meter
from shared.web import tracing

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
_OUR_ID = re.compile(r"[a-z2-7]{26}")
"""See `shared.domain.ids`."""


class RequestRecord(Struct):
    """A request on its way to its answer, and what becomes known of it on the way."""

    function: str
    request: Request
    private: bool
    """Called by nobody but our own queues and schedules."""
    quiet: bool = False
    """Leaves a line only when it is worth a look."""
    path: str = ""
    """The template of the route that was found, "" before and without one."""
    mailbox_id: str = ""
    """The mailbox that the request names, as it spells it."""
    headers: dict[str, str] = {}
    """What the answer carries, whatever it will be."""
    status: int = 0
    error: Exception | None = None
    lost: bool = False
    """A task that is acknowledged though nobody could read it."""

    def names(self, arguments: Mapping[str, Any]) -> None:
        """Takes note of what the request is about, for later lines and for the way to reconnect."""
        body = arguments.get("body")
        named = arguments.get("mailbox_id") or getattr(body, "mailbox_id", "")
        self.mailbox_id = named if isinstance(named, str) else ""
        if _OUR_ID.fullmatch(self.mailbox_id):
            logs.about(mailbox=self.mailbox_id)
        if self.private and (team := getattr(body, "team_id", "")):
            logs.about(team=team)


@contextmanager
def recorded(record: RequestRecord) -> Iterator[None]:
    """Meters what happens within, lets its lines say what they belong to, and writes the request line."""
    begun = perf_counter()
    trace = tracing.fields(record.request.headers, project="")
    with logs.request(function=record.function, **trace), metering.measured() as meter:
        yield
        _write(record, meter, perf_counter() - begun)


def _write(record: RequestRecord, meter: Meter, seconds: float) -> None:
    method = record.request.method
    facts: dict[str, Any] = {
        "method": method if method in _METHODS else "other",
        "path": record.path,
        "status": record.status,
        "duration_ms": round(seconds * 1_000, 1),
        **structs.asdict(meter),
        **(_failure(record, record.error) if record.error else {}),
    }
    facts = {name: fact for name, fact in facts.items() if fact != ""}
    if record.status == 500 or record.lost:
        logs.error("request", exc_info=record.error, **facts)
    elif record.status > 500 or record.status == 429 or _in_vain(record):
        logs.warning("request", **facts)
    elif not record.quiet:
        logs.info("request", **facts)


def _failure(record: RequestRecord, error: Exception) -> dict[str, str]:
    """The sentence only where it cannot quote what a user sent: it is for them, and they got it."""
    facts = {"error": type(error).__name__}
    match error:
        case MailbridgeError(reason=reason, detail=detail):
            facts["reason"] = reason
            facts["detail"] = detail if record.private or record.status in {500, 503} else ""
    return facts


def _in_vain(record: RequestRecord) -> bool:
    return record.private and record.status >= 400
