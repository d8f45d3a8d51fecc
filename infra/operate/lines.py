"""A log line as a person reads it, whichever place it was kept in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

SEVERITIES = (
    "DEFAULT",
    "DEBUG",
    "INFO",
    "NOTICE",
    "WARNING",
    "ERROR",
    "CRITICAL",
    "ALERT",
    "EMERGENCY",
)
_TOLD_APART = frozenset({"time", "severity", "function", "message", "stack_trace", "exception"})
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


class Line(Struct, frozen=True):
    time: datetime
    severity: str
    function: str
    fields: Mapping[str, Any]
    """As it was logged, `message` among them."""

    def at_least(self, severity: str) -> bool:
        return rank(self.severity) >= rank(severity)

    @property
    def style(self) -> str:
        return _STYLES.get(self.severity, "")

    def __str__(self) -> str:
        """One line of facts; below it the trace of an error."""
        time = f"{self.time:%Y-%m-%d %H:%M:%S}.{self.time.microsecond // 1000:03}"
        facts = " ".join(f"{name}={value}" for name, value in self._facts().items())
        first = f"{time} {self.severity:<8} {self.function:<15} {self.fields.get('message', '')}  {facts}"
        trace = self.fields.get("stack_trace") or self.fields.get("exception") or ""
        return "\n".join([first.rstrip(), *(f"    {line}" for line in str(trace).splitlines())])

    def _facts(self) -> dict[str, Any]:
        """Without those for Cloud Logging's own use, which have its name in front."""
        return {
            name: value
            for name, value in self.fields.items()
            if name not in _TOLD_APART and "/" not in name and value not in (None, "")
        }


def rank(severity: str) -> int:
    """How grave it is; of an unknown one, as if it said nothing."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0
