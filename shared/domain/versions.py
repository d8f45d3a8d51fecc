"""Which version of a thing a caller has seen, and whether a change of it may still be made.

A view that has the field `etag` says its version, and the answer has it as its ETag. A handler with
the parameter `if_match: IfMatch` hands the caller's If-Match to its service, which checks it against
what it is about to change, and writes only if that is still there.
"""

from msgspec import Struct

from shared.domain import ids
from shared.domain.errors import PreconditionFailed, PreconditionRequired


def etag(*changeable: object, shown: tuple[object, ...] = ()) -> str:
    """Of everything an answer depends on: the versions of its records, and who looks at it how.

    `shown` is what the answer has besides and callers do not change, such as the progress of a sync:
    it makes another version, and stands in nobody's way.
    """
    tag = ids.derived("etag", *map(str, changeable))
    return f"{tag}.{ids.derived('shown', *map(str, shown))}" if shown else tag


class IfMatch(Struct, frozen=True):
    """The condition of RFC 9110, 13.1.1."""

    tags: tuple[str, ...] | None = None
    """None when the caller says nothing, ("*",) when any version will do."""

    @property
    def exact(self) -> bool:
        """Whether it matters that nothing changes between looking and writing."""
        return self.tags is not None and "*" not in self.tags

    def check(self, etag: str, *, required: bool = False) -> None:
        """Raises PreconditionFailed for another version, PreconditionRequired where one must be named."""
        if self.tags is None:
            if required:
                raise PreconditionRequired(
                    "Send the `etag` of what you have seen as If-Match, so that nobody's change is lost.",
                    reason="if_match_missing",
                )
        elif "*" not in self.tags and _changeable(etag) not in map(_changeable, self.tags):
            raise PreconditionFailed(
                "This was changed meanwhile: read it again, and repeat your change on that.",
                reason="changed_meanwhile",
                facts={"etag": etag},
            )


ANY = IfMatch(("*",))
"""Of a caller who did not look before."""


def _changeable(etag: str) -> str:
    return etag.partition(".")[0]
