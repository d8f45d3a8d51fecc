"""Who wrote a mail, and who sent it for them.

From says who wrote it and Sender who sent it (RFC 5322 3.6.2). A mailing list that cannot keep the
author's signature valid puts itself into From, as "Ann via Support", and names Ann elsewhere (Google
Groups in X-Original-From, Mailman 3 in Reply-To).
"""

from collections.abc import Mapping, Sequence

from shared.domain.mail import Address
from shared.mime import addresses

HEADERS = ("Sender", "X-Original-From")
"""What `authors` reads, with From and Reply-To."""


def authors(
    sender: tuple[Address, ...], reply_to: tuple[Address, ...], fields: Mapping[str, Sequence[str]]
) -> tuple[tuple[Address, ...], Address | None]:
    """The authors, and who sent it for them. `fields` by lower-case name."""
    if is_rewritten(sender):
        listed = sender[0]
        named = _people(fields, "x-original-from") or reply_to
        real = tuple(one for one in named if one.address != listed.address)[:1]
        if real:
            return (_named(real[0], listed),), listed
    sent_by = next(iter(_people(fields, "sender")), None)
    return sender, sent_by if sent_by and sent_by.address not in _addresses(sender) else None


def is_rewritten(sender: Sequence[Address]) -> bool:
    """Whether a list put itself in the place of the author."""
    return len(sender) == 1 and " via " in sender[0].name


def _named(author: Address, listed: Address) -> Address:
    """Where only the list's From still says what they are called."""
    name = author.name or listed.name.partition(" via ")[0].strip("'\" ")
    return Address(author.address, name)


def _addresses(people: Sequence[Address]) -> set[str]:
    return {person.address for person in people}


def _people(fields: Mapping[str, Sequence[str]], name: str) -> tuple[Address, ...]:
    values = fields.get(name)
    return addresses.parse_list(values[0]) if values else ()
