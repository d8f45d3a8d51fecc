"""What the doctor finds: each check ends in a sentence, and says how to mend what is not right."""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from msgspec import Struct

from infra.operate.google import SIGN_IN, Refused, SignedOut
from shared.domain.errors import ConfigurationError


class State(Enum):
    OK = "ok"
    MEND = "mend"
    BY_HAND = "by hand"
    """Nobody but a person can see it."""
    UNKNOWN = "unknown"
    """It could not be seen from here now."""


class Finding(Struct, frozen=True):
    state: State
    said: str
    to_do: str = ""


class Check(NamedTuple):
    name: str
    look: Callable[[], Finding]


def ok(said: str) -> Finding:
    return Finding(State.OK, said)


def mend(said: str, to_do: str) -> Finding:
    return Finding(State.MEND, said, to_do)


def by_hand(said: str, to_do: str) -> Finding:
    return Finding(State.BY_HAND, said, to_do)


def unknown(said: str, to_do: str) -> Finding:
    return Finding(State.UNKNOWN, said, to_do)


def run(checks: Iterable[Check]) -> Iterable[tuple[str, Finding]]:
    """Each one's finding; what stops one check stops no other, and is never taken for ok."""
    for check in checks:
        try:
            yield check.name, check.look()
        except SignedOut:
            yield check.name, unknown("Only who is signed in can see it.", SIGN_IN)
        except ConfigurationError as error:
            yield check.name, mend(error.detail, "")
        except Refused as error:
            yield check.name, unknown(f"Google refused to say ({error.status}): {error.detail}", "")
        except (LookupError, TypeError, ValueError) as error:  # an answer in a form nobody foresaw
            yield check.name, unknown(f"The answer was not understood: {error!r}", "")
