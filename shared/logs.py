"""Log lines: one JSON object each, with the field names Google Cloud Logging reads.

    logs.info("mailbox synced", stored=12)

An event is a constant sentence and facts are keywords, so that lines can be searched. What a whole
request is about is said once, and stands on its later lines and on its request line:

    logs.about(mailbox=mailbox.id, team=mailbox.team_id)

A thread pool's threads know nothing of the request: whoever logs or meters in one runs it in
`contextvars.copy_context()`. The adapters' own pools do neither.

structlog is imported by the first line that is written, not with this module: a cold start waits for
no log.
"""

import functools
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_SECRET = re.compile(
    r"(?i)((?:bearer|basic)\s+|[?&](?:code|state)="
    r"|(?:access_token|refresh_token|id_token|client_secret|code_verifier)[\"']?\s*[=:]\s*[\"']?)"
    r"[\w\-.~+/%|]{6,}"
)
_TOKEN = re.compile(r"\b(?:ya29\.|1//|GOCSPX-|eyJ[\w-]+\.)[\w\-.~+/]{6,}")
"""What Google's tokens and client secrets, and everybody's JWTs, begin with."""

_about: ContextVar[dict[str, object] | None] = ContextVar("about", default=None)
"""One dict a request, so that what is added in a copied context reaches the request line too."""


def info(event: str, **facts: object) -> None:
    _logger().info(event, **facts)


def warning(event: str, **facts: object) -> None:
    _logger().warning(event, **facts)


def error(event: str, *, exc_info: BaseException | None = None, **facts: object) -> None:
    """With `exc_info`, the line carries the trace, which alerts in Cloud Error Reporting."""
    _logger().error(event, exc_info=exc_info, **facts)


@contextmanager
def request(**facts: object) -> Iterator[None]:
    """Every line written within carries `facts`, and what `about` adds."""
    token = _about.set(facts)
    try:
        yield
    finally:
        _about.reset(token)


def about(**facts: object) -> None:
    """Adds to what the request at hand is about; nothing where there is none."""
    if (known := _about.get()) is not None:
        known.update(facts)


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
            _with_the_requests_facts,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            _severity,
            _redact,
            structlog.processors.JSONRenderer(default=str),
        ],
    )


def _with_the_requests_facts(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> dict[str, Any]:
    return (_about.get() or {}) | dict(line)


def _severity(_logger: object, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    return {"severity": str(line.pop("level")).upper()} | dict(line)


def _redact(_logger: object, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    """The last line of defence: an error text of a library may quote a URL or a header."""
    return {
        key: _TOKEN.sub("…", _SECRET.sub(r"\1…", value)) if isinstance(value, str) else value
        for key, value in line.items()
    }
