"""Gmail's search language, as far as we speak it."""

import re
from collections.abc import Iterator
from itertools import chain

from shared.mime.addresses import spellings
from shared.ports.providers import Search

_PLAIN = re.compile(r"[\w.+@=/%&'-]+")
"""Characters that mean nothing of their own to Gmail's search."""


def query(search: Search) -> str:
    """`q` of messages.list: mail with any of the addresses in any role, of any age or since a time."""
    terms = [f"{{{' '.join(_anywhere(search.addresses))}}}"] if search.addresses else []
    if search.since:
        terms.append(f"after:{int(search.since.timestamp()) - 1}")
    return " ".join(terms)


def _anywhere(addresses: tuple[str, ...]) -> Iterator[str]:
    for address in chain.from_iterable(map(spellings, addresses)):
        for role in ("from", "to", "cc", "bcc"):
            yield f"{role}:{_quoted(address)}"


def _quoted(address: str) -> str:
    """Braces and spaces are harmless within quotes, and only a quote could end them."""
    return address if _PLAIN.fullmatch(address) else '"' + address.replace('"', " ") + '"'
