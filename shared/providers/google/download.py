"""A file out of Gmail's JSON, without holding all of it.

attachments.get answers `{"size": …, "data": "…"}`, the data in URL-safe base64 and up to 35 MB long.
"""

import base64
import re
from collections.abc import Iterable, Iterator

from shared.domain.errors import ProviderUnavailable

_BEGIN = re.compile(rb'"data"\s*:\s*"')
_END = re.compile(rb"[^A-Za-z0-9_+/\r\n-]")
"""The closing quote, padding, or its escape."""
_LONGEST_HEAD = 100_000
"""Bytes before the data; Gmail writes some dozens."""


def decoded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The file. Raises ProviderUnavailable when the answer ends before it does."""
    head, left, begun = b"", b"", False
    for piece in pieces:
        if not begun:
            head += piece
            begin = _BEGIN.search(head)
            if begin is None:
                if len(head) > _LONGEST_HEAD:
                    break
                continue
            begun, piece = True, head[begin.end() :]  # noqa: PLW2901
        end = _END.search(piece)
        left += piece[: end.start()] if end else piece
        whole = len(left) if end else len(left) // 4 * 4
        if whole:
            yield base64.urlsafe_b64decode(left[:whole] + b"=" * (-whole % 4))
        left = left[whole:]
        if end:
            return
    raise ProviderUnavailable("Gmail's answer was cut short.")
