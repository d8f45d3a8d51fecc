"""The switchboard of faults: what goes wrong, for which calls, and how often."""

import threading
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

Count = Annotated[int, Meta(ge=0)]


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule. Without `drop`, `status` or `answer` it only makes calls slow."""

    method: str = "*"
    """A method's name or a pattern: "gmail.messages.get", "gmail.*", "oauth.token"."""
    account: str = ""
    """Only calls for this account; "" for every call."""
    about: str = ""
    """Only calls whose path or query holds this text: one message's id, one folder's; "" for every call."""
    skip: Count = 0
    """Lets this many matching calls through first."""
    times: Count | None = 1
    """How many calls fail then; None for all until the switchboard is cleared."""
    drop: bool = False
    """Closes the TCP connection without an answer; inside a batch, the batch's connection."""
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    reason: str = ""
    """The vendor's word for the error; "" lets the vendor choose one that goes with the status."""
    message: str = ""
    """The vendor's sentence beside it; "" lets the vendor choose one that goes with the reason."""
    retry_after: Annotated[float, Meta(ge=0)] | str | None = None
    """Seconds, with decimals or not, or whatever text; sent as Retry-After with `status`."""
    answer: Literal["", "html", "empty", "malformed", "endless", "circle"] = ""
    """Instead of the vendor's JSON: an HTML page, nothing at all, or JSON cut short; of a list a page
    that holds nothing and leads to another one (endless) or to itself (circle)."""
    effect: bool = False
    """The call takes effect before it fails: nobody can tell from outside."""
    delay_ms: Count = 0

    def matches(self, method: str, account: str, target: str) -> bool:
        ours = fnmatchcase(method, self.method) and self.account in {"", account}
        return ours and self.about in target

    @property
    def fails(self) -> bool:
        return bool(self.drop or self.status or self.answer)


class Switchboard:
    """Thread safe. Rules are tried in the order they came; the first that matches is used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self.latency_ms = 0
        """Every HTTP request takes at least this much longer; a batch is one request."""

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._rules += faults

    def clear(self) -> None:
        """Also the latency."""
        with self._lock:
            self._rules.clear()
            self.latency_ms = 0

    def rules(self) -> list[Fault]:
        """What is still armed, with the counts that are left."""
        with self._lock:
            return list(self._rules)

    def take(self, method: str, account: str, target: str = "") -> Fault | None:
        """The fault that strikes this call to `target`, its path and query. Counts it."""
        with self._lock:
            for index, rule in enumerate(self._rules):
                if not rule.matches(method, account, target):
                    continue
                if rule.skip:
                    self._rules[index] = replace(rule, skip=rule.skip - 1)
                    continue
                self._use(index, rule)
                return rule
        return None

    def _use(self, index: int, rule: Fault) -> None:
        if rule.times is None:
            return
        if rule.times <= 1:
            del self._rules[index]
        else:
            self._rules[index] = replace(rule, times=rule.times - 1)
