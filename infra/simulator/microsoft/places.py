"""From labels to folders: a message of Microsoft's lies in exactly one."""

from collections.abc import Iterable

from infra.simulator.mail import PLACES, is_place

ROOT = ""
"""The path of msgfolderroot."""
WELL_KNOWN = {
    "inbox": ("INBOX", "Inbox"),
    "drafts": ("DRAFT", "Drafts"),
    "sentitems": ("SENT", "Sent Items"),
    "deleteditems": ("TRASH", "Deleted Items"),
    "junkemail": ("SPAM", "Junk Email"),
    "archive": ("ARCHIVE", "Archive"),
    "outbox": ("OUTBOX", "Outbox"),
    "msgfolderroot": (ROOT, "Top of Information Store"),
}
"""By Graph's name for it: the path, which is a label, and what its owner sees."""
_TITLES = dict(WELL_KNOWN.values())


def place(labels: Iterable[str]) -> str:
    """The path of the one folder these labels mean: without any it is the archive."""
    found = [label for label in labels if is_place(label)]
    first = [label for label in ("DRAFT", "TRASH", "SPAM") if label in found]
    own = [label for label in found if label not in PLACES]
    last = [label for label in ("SENT", "INBOX") if label in found]
    return next(iter([*first, *own, *last]), "ARCHIVE")


def title(path: str) -> str:
    return _TITLES.get(path) or path.rpartition("/")[2]


def parent(path: str) -> str:
    """Of "Customers/Harbor" it is "Customers", of everything at the top the root."""
    return path.rpartition("/")[0]


def lineage(path: str) -> list[str]:
    """A path and all above it, the root aside."""
    pieces = path.split("/")
    return ["/".join(pieces[: end + 1]) for end in range(len(pieces))]
