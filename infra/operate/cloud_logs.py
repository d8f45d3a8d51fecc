"""The log lines of a deployment, from Cloud Logging."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from infra.operate.deployment import Deployment
from infra.operate.google import Google
from infra.operate.lines import Line

PAGE = 1000
"""The most that one answer holds."""
LATE = timedelta(seconds=10)
"""How much older than the newest a line may be that was not there before."""


class CloudLogs:
    """Of the functions named; what is logged meanwhile comes with the next `read`."""

    def __init__(
        self,
        google: Google,
        deployment: Deployment,
        *,
        functions: Sequence[str],
        severity: str,
        since: datetime,
        limit: int,
    ) -> None:
        """At most the newest `limit` lines after `since` are read at first."""
        self._google = google
        self._services = {deployment.service(name): name for name in functions}
        self._severity = severity
        self._since = since
        self._limit = limit
        self._seen: dict[str, datetime] = {}
        """Ids and times of the lines that the next read finds again."""

    def read(self) -> list[Line]:
        """What is new since the last time, oldest first; but a line may arrive late."""
        new = [entry for entry in self._entries() if entry["insertId"] not in self._seen]
        self._seen |= {entry["insertId"]: _time(entry["timestamp"]) for entry in new}
        newest = max(self._seen.values(), default=self._since)
        self._since = max(self._since, newest - LATE)
        self._seen = {id: time for id, time in self._seen.items() if time >= self._since}
        return sorted(map(self._line, new), key=lambda line: line.time)

    def _entries(self) -> list[Mapping[str, Any]]:
        """Newest first, so that a limit cuts off the oldest."""
        found: list[Mapping[str, Any]] = []
        token = ""
        while len(found) < self._limit:
            body = {
                "resourceNames": [f"projects/{self._google.project}"],
                "filter": self._filter(),
                "orderBy": "timestamp desc",
                "pageSize": min(PAGE, self._limit),
                "pageToken": token,
            }
            answer = self._google.post("logging", "v2/entries:list", body)
            found += answer.get("entries", [])
            if not (token := answer.get("nextPageToken", "")):
                break
        return found[: self._limit]

    def _filter(self) -> str:
        """Cloud Run's own line of a request says less than ours, but all there is when it refuses one."""
        services = " OR ".join(f'"{service}"' for service in self._services)
        return " AND ".join(
            (
                'resource.type="cloud_run_revision"',
                f"resource.labels.service_name=({services})",
                f'timestamp>="{self._since:%Y-%m-%dT%H:%M:%S.%fZ}"',
                f"severity>={self._severity}",
                'NOT (logName:"run.googleapis.com%2Frequests" AND severity<WARNING)',
            )
        )

    def _line(self, entry: Mapping[str, Any]) -> Line:
        service = entry.get("resource", {}).get("labels", {}).get("service_name", "")
        return Line(
            time=_time(entry["timestamp"]),
            severity=entry.get("severity", "DEFAULT"),
            function=self._services.get(service, service),
            fields=_fields(entry),
        )


def _fields(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    if "jsonPayload" in entry:
        fields: Mapping[str, Any] = entry["jsonPayload"]
        return fields
    if "httpRequest" in entry:
        request = entry["httpRequest"]
        path = urlsplit(
            request.get("requestUrl", "")
        ).path  # its query may hold a provider's answer
        method, status = request.get("requestMethod"), request.get("status")
        return {"message": f"Cloud Run answered {status} to {method} {path}"}
    return {"message": entry.get("textPayload", "")}


def _time(text: str) -> datetime:
    """Of nanoseconds only the microseconds."""
    return msgspec.convert(text, datetime).astimezone(UTC)
