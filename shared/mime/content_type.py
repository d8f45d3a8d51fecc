"""The parameters of a Content-Type (RFC 2045 5.1)."""

import re

_PARAMETER = re.compile(
    r""";\s*([\w.-]{1,40})\s*=\s*(?:"([^"]{0,500})"|([^\s";]{0,500}))""", re.ASCII
)
_LONGEST = 4_000
"""Characters that are read."""


def parameters(value: str) -> dict[str, str]:
    """By lower-case name; of a repeated one the first counts."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value[:_LONGEST]):
        found.setdefault(name.lower(), quoted or plain)
    return found
