"""What a file of a mail is called when nobody named it, and which files hide what was written."""

from collections.abc import Mapping

_NAMES = {
    "application/ms-tnef": "winmail.dat",
    "application/pgp-encrypted": "version.txt",
    "application/pgp-signature": "signature.asc",
    "application/pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-signature": "smime.p7s",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "read-receipt.txt",
    "text/calendar": "invite.ics",
    "text/html": "text.html",
    "text/plain": "text.txt",
    "text/rfc822-headers": "headers.txt",
    "text/x-amp-html": "amp.html",
}
_SMIME = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}

CLOSED = {
    "encrypted": "This mail is encrypted. Open it in the mail program that has its key.",
    "signed": "This mail is signed with S/MIME, and its text lies inside the signed file. "
    "Open it in a mail program.",
    "winmail": "This mail was written in a format of Outlook's own, and its text lies inside "
    "winmail.dat.",
}
"""What stands in the place of a text that we cannot open, by `Content.closed`."""

EMPTY = "This mail was made to hold several parts, and holds none."


def unnamed(kind: str, subject: str = "") -> str:
    """An attached mail goes by its subject, as in most mail programs."""
    if kind == "message/rfc822":
        return f"{subject or 'noname'}.eml"
    return _NAMES.get(kind, "noname")


def closed(kind: str, parameters: Mapping[str, str]) -> str:
    """Whether a part hides the mail in itself, as in `Content.closed`; "" when it is only a file."""
    if kind in _SMIME:
        return (
            "signed" if parameters.get("smime-type", "").lower() == "signed-data" else "encrypted"
        )
    return "winmail" if kind in _TNEF else ""
