"""Gmail's search language, as far as we speak it, and where a search stands."""

import re
from collections.abc import Iterator
from itertools import chain

import msgspec
from msgspec import Struct

from shared.domain.errors import ProviderRejected
from shared.mime.addresses import spellings
from shared.ports.providers import IdPage, Near, Search
from shared.providers.progress import Trail

MOST_RECIPIENTS = 5
"""So many are enough to find a mail by."""
SLACK_SECONDS = 60
"""Google's clock and ours differ."""
_PLAIN = re.compile(r"[\w.+@=/%&'-]+")
"""Characters that mean nothing of their own to Gmail's search."""


class Position(Struct):
    """A page token: Gmail's own, and what its pages have brought so far."""

    token: str = ""
    trail: Trail = msgspec.field(default_factory=Trail)

    @classmethod
    def parse(cls, page: str) -> "Position":
        token, walked, trail = page.rpartition(" ")
        try:
            return cls(token, msgspec.json.decode(trail, type=Trail)) if walked else cls(page)
        except msgspec.DecodeError:
            raise ProviderRejected("This is no page of a search.", reason="bad_page") from None

    def __str__(self) -> str:
        return f"{self.token} {msgspec.json.encode(self.trail).decode()}"


def page(at: Position, found: IdPage) -> IdPage:
    """`found` behind `at`, with a token of ours; none when the pages lead nowhere."""
    if not found.next:
        return found
    if at.trail.circles(found.ids) or found.next == at.token:
        return IdPage(found.ids, incomplete=True)
    return IdPage(found.ids, str(Position(found.next, at.trail)))


def query(search: Search) -> str:
    """`q` of messages.list: mail with any of the addresses in any role, of any age or since a time."""
    terms = [f"{{{' '.join(_anywhere(search.addresses))}}}"] if search.addresses else []
    if search.since:
        terms.append(f"after:{int(search.since.timestamp()) - 1}")
    return " ".join(terms)


def among_sent(near: Near) -> str:
    """`q` for sent mail to these recipients since then; of all sent mail where nothing is known."""
    to = [
        f"{role}:{_quoted(one)}"
        for address in near.to[:MOST_RECIPIENTS]
        for one in spellings(address)
        for role in ("to", "cc", "bcc")
    ]
    terms = ["in:sent", *([f"{{{' '.join(to)}}}"] if to else [])]
    if near.since:
        terms.append(f"after:{int(near.since.timestamp()) - SLACK_SECONDS}")
    return " ".join(terms)


def _anywhere(addresses: tuple[str, ...]) -> Iterator[str]:
    for address in chain.from_iterable(map(spellings, addresses)):
        for role in ("from", "to", "cc", "bcc"):
            yield f"{role}:{_quoted(address)}"


def _quoted(address: str) -> str:
    """Braces and spaces are harmless within quotes, and only a quote could end them."""
    return address if _PLAIN.fullmatch(address) else '"' + address.replace('"', " ") + '"'
