"""text/enriched (RFC 1896) to the plain text it formats."""

import re

_COMMAND = re.compile(r"<(/?)([a-z0-9-]{0,60})>", re.IGNORECASE)
_NEWLINES = re.compile(r"\n+")


def to_plain(text: str) -> str:
    """Commands are dropped, what they are told (`<param>`) too; one line end is a space, more are one
    less; `<<` is a "<". Inside `<nofill>` lines stay."""
    shown: list[str] = []
    told = filled = 0
    for piece in re.split(r"(<<)", text.replace("\r\n", "\n")):
        if piece == "<<":
            shown.append("" if told else "<")
            continue
        end = 0
        for command in _COMMAND.finditer(piece):
            shown.append("" if told else _filled(piece[end : command.start()], filled))
            step = -1 if command[1] else 1
            told = max(0, told + step * (command[2].lower() == "param"))
            filled = max(0, filled + step * (command[2].lower() == "nofill"))
            end = command.end()
        shown.append("" if told else _filled(piece[end:], filled))
    return "".join(shown).strip()


def _filled(text: str, nofill: int) -> str:
    if nofill:
        return text
    return _NEWLINES.sub(lambda run: " " if len(run[0]) == 1 else run[0][1:], text)
