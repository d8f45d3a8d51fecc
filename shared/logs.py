"""Log lines: one JSON object each, with the field names Google Cloud Logging reads.

    logs.info("mailbox synced", mailbox_id=mailbox.id, stored=12)

An event is a constant sentence and facts are keywords, so that lines can be searched. structlog is
imported by the first line that is written, not with this module: a cold start waits for no log.
"""

import functools
import re
import sys
from collections.abc import MutableMapping
from typing import Any

_SECRET = re.compile(
    r"(?i)(bearer\s+|[?&](?:code|state)="
    r"|(?:access_token|refresh_token|id_token|client_secret|code_verifier)[\"']?\s*[=:]\s*[\"']?)"
    r"[\w\-.~+/%|]{6,}"
)


def info(event: str, **facts: object) -> None:
    _logger().info(event, **facts)


def warning(event: str, **facts: object) -> None:
    _logger().warning(event, **facts)


def error(event: str, *, exc_info: BaseException | None = None, **facts: object) -> None:
    """With `exc_info`, the line carries the trace, which alerts in Cloud Error Reporting."""
    _logger().error(event, exc_info=exc_info, **facts)


class _Stderr:
    """Writes to the stderr of the moment, a line at once: threads and tests may replace it."""

    def info(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    warning = error = info


@functools.cache
def _logger() -> Any:
    import structlog

    return structlog.wrap_logger(
        _Stderr(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            _severity,
            _redact,
            structlog.processors.JSONRenderer(default=str),
        ],
    )


def _severity(_logger: object, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    return {"severity": str(line.pop("level")).upper()} | dict(line)


def _redact(_logger: object, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    """The last line of defence: an error text of a library may quote a URL or a header."""
    return {
        key: _SECRET.sub(r"\1…", value) if isinstance(value, str) else value
        for key, value in line.items()
    }
