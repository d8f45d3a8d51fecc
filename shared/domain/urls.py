"""URLs that others give us, read by one strict parser: what it takes, every browser reads the same way."""

import re
from urllib.parse import urlencode

from msgspec import Struct

_URL = re.compile(
    r"""(?P<scheme>https?)://
    (?P<host>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])
    (?::(?P<port>[0-9]{1,5}))?
    (?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?)
    (?P<query>(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)""",
    re.VERBOSE,
)
_DEFAULT_PORT = {"http": "80", "https": "443"}


class Url(Struct, frozen=True):
    """`query` is with its question mark, "" where there is none."""

    scheme: str
    hostname: str
    """Without the brackets of an IPv6 address."""
    origin: str
    """scheme://host[:port] as browsers write it: without the port that the scheme has anyway."""
    path: str
    query: str

    def with_query(self, fields: dict[str, str]) -> str:
        more = urlencode(fields)
        joiner = "" if self.query == "?" else "&" if self.query else "?"
        return f"{self.origin}{self.path}{self.query}{joiner}{more}"


def parse(text: str) -> Url:
    """Raises ValueError for all that is no http or https URL in its plainest spelling: lower case up to
    the path, nobody's name before the host, no fragment, nothing that must be escaped."""
    found = _URL.fullmatch(text)
    if not found or int(found["port"] or 0) > 65535:
        raise ValueError("must be a URL such as https://crm.example.com/mail, without a fragment")
    scheme, host, port = found["scheme"], found["host"], found["port"]
    own_port = f":{port}" if port and port != _DEFAULT_PORT[scheme] else ""
    return Url(
        scheme=scheme,
        hostname=host.strip("[]"),
        origin=f"{scheme}://{host}{own_port}",
        path=found["path"],
        query=found["query"],
    )
