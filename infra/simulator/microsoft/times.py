"""Times as Graph writes them."""

from infra.simulator import headers


def timestamp(milliseconds: int) -> str:
    """Of ms since 1970, in whole seconds: messages are shown no finer."""
    return headers.from_milliseconds(milliseconds).strftime("%Y-%m-%dT%H:%M:%SZ")
