"""Google's batch format: many GETs in one multipart/mixed request, each with an answer of its own.

https://developers.google.com/workspace/gmail/api/guides/batch
"""

import re
from collections.abc import Sequence

from shared.providers.http import Answer
from shared.providers.waits import retry_after

CONTENT_TYPE = "multipart/mixed; boundary=mailbridge"
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_NUMBER = re.compile(rb"content-id:\s*<?response-(\d+)", re.IGNORECASE)
_STATUS = re.compile(rb"\s*HTTP/[\d.]+ (\d{3})")
_RETRY = re.compile(rb"\nretry-after:\s*([^\r\n]+)", re.IGNORECASE)


def body(paths: Sequence[str]) -> bytes:
    """A request that GETs `paths`, which must be URL-quoted: nothing in them is escaped here."""
    parts = [
        "--mailbridge\r\nContent-Type: application/http\r\n"
        f"Content-ID: <{number}>\r\n\r\nGET {path} HTTP/1.1\r\n\r\n\r\n"
        for number, path in enumerate(paths)
    ]
    return ("".join(parts) + "--mailbridge--\r\n").encode("ascii")


def answers(whole: Answer, count: int) -> list[Answer | None]:
    """Each call's answer in the order asked, None where none came."""
    found: list[Answer | None] = [None] * count
    boundary = _BOUNDARY.search(whole.content_type)
    if boundary is None:
        return found
    delimiter = b"--" + (boundary[1] or boundary[2]).encode("latin-1", "replace")
    for part in whole.body.split(delimiter)[1:]:
        number, answer = _part(part)
        if answer is not None and 0 <= number < count:
            found[number] = answer
    return found


def _part(part: bytes) -> tuple[int, Answer | None]:
    """A part is three blocks: its own headers, the answer's head, the answer's body."""
    blocks = _BLANK.split(part, maxsplit=2)
    number = _NUMBER.search(blocks[0])
    status = _STATUS.match(blocks[1]) if len(blocks) > 1 else None
    if number is None or status is None:
        return -1, None
    wait = _RETRY.search(blocks[1])
    answer = Answer(
        status=int(status[1]),
        content_type="application/json",
        retry_after=retry_after(wait[1].decode("latin-1")) if wait else None,
        body=blocks[2].strip() if len(blocks) > 2 else b"",
    )
    return int(number[1]), answer
