"""Times as Graph writes them."""

from infra.simulator import head


def moment(milliseconds: int) -> str:
    """Of ms since 1970, in whole seconds: messages are shown no finer."""
    return head.from_milliseconds(milliseconds).strftime("%Y-%m-%dT%H:%M:%SZ")
