"""text/plain; format=flowed (RFC 3676): lines that were broken to be sent, joined again."""

from collections.abc import Iterator


def joined(text: str, *, delsp: bool = False) -> str:
    """Paragraphs as their writer typed them. A line that ends with a space goes on in the next one of
    the same quote depth; with `delsp` that space was added and goes away (Apple Mail, for URLs and
    languages without spaces). Quoted lines keep one ">" for each level; the "-- " of a signature
    and an empty line stand alone."""
    return "\n".join(_paragraphs(text, delsp))


def _paragraphs(text: str, delsp: bool) -> Iterator[str]:
    parts: list[str] = []
    depth = 0
    for line in text.replace("\r\n", "\n").split("\n"):
        unquoted = line.lstrip(">")
        deep = len(line) - len(unquoted)
        content = unquoted.removeprefix(" ")  # space-stuffed (4.4)
        if parts and (deep != depth or content in {"", "-- "}):
            yield _quoted(parts, depth)
            parts = []
        depth = deep
        flows = content.endswith(" ") and content != "-- "
        parts.append(content[:-1] if flows and delsp else content)
        if not flows:
            yield _quoted(parts, depth)
            parts = []
    if parts:
        yield _quoted(parts, depth)


def _quoted(parts: list[str], depth: int) -> str:
    text = "".join(parts)
    return f"{'>' * depth} {text}" if depth and text else ">" * depth + text
