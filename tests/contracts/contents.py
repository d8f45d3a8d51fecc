"""Mails of our own writing, one of a kind, and what a person sees of each in any mail program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.mail import Kind


@dataclass(frozen=True)
class Seen:
    """What must be found; what is not named is not looked at."""

    text: Sequence[str] = ()
    """Each stands in the text."""
    html: Sequence[str] = ()
    not_shown: Sequence[str] = ()
    """In neither form."""
    attachments: Sequence[str] | None = ()
    """Their names; None leaves them open."""
    inline: Sequence[str] = ()
    """Content ids of those that are."""
    subject: str = ""
    sender: str = ""
    sent_by: str = ""
    kind: Kind = Kind.PERSON
    closed: str = ""
    meeting: str = ""
    new: str = ""
    """The text up to what is quoted."""


def single(content_type: str, body: str | bytes, *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else body.encode()
    top = [
        "From: Pat Moss <pat@client.example>",
        "To: Ana <ana@example.com>",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
        "MIME-Version: 1.0",
    ]
    names = {header.partition(":")[0].lower() for header in headers}
    kept = [line for line in top if line.partition(":")[0].lower() not in names]
    given = [f"Content-Type: {content_type}"] if content_type else []
    head = "\r\n".join((*kept, *headers, *given, "", ""))
    return head.encode("utf-8", "surrogateescape") + data.replace(b"\r\n", b"\n").replace(
        b"\n", b"\r\n"
    )


def part(content_type: str, body: str | bytes, *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else body.encode()
    return "\r\n".join((f"Content-Type: {content_type}", *headers, "", "")).encode() + data


def parts(kind: str, *inner: bytes, mark: str = "m1") -> tuple[str, bytes]:
    body = b"".join(b"--%s\r\n%s\r\n" % (mark.encode(), one) for one in inner)
    return f'multipart/{kind}; boundary="{mark}"', body + f"--{mark}--\r\n".encode()


def multi(kind: str, *inner: bytes, headers: Sequence[str] = ()) -> bytes:
    return single(*parts(kind, *inner), *headers)


def nested(kind: str, *inner: bytes, mark: str) -> bytes:
    return part(*parts(kind, *inner, mark=mark))


PLAIN, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
SAYS = part(PLAIN, "What it says.")
SAYS_HTML = part(HTML, "<p>What it says.</p>")
PNG = part(
    "image/png", "x", "Content-ID: <logo@x>", "Content-Disposition: inline; filename=logo.png"
)
PDF = part(
    "application/pdf; name=offer.pdf", "x", "Content-Disposition: attachment; filename=offer.pdf"
)
INVITE = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:u1
DTSTART:20261105T090000Z
DTEND:20261105T093000Z
SUMMARY:Kick-off
DESCRIPTION:What to bring
END:VEVENT
END:VCALENDAR
"""


def deep(levels: int) -> bytes:
    inner = SAYS
    for level in range(levels):
        inner = nested("mixed", inner, mark=f"d{level}")
    return multi("mixed", inner)


CONTENTS: Mapping[str, tuple[bytes, Seen]] = {
    # Which parts are the text.
    "HTML alone": (single(HTML, "<p>Only <b>HTML</b></p>"), Seen(("Only HTML",), ("<b>HTML</b>",))),
    "HTML as the only alternative": (multi("alternative", SAYS_HTML), Seen(("What it says.",))),
    "text and HTML": (
        multi("alternative", SAYS, SAYS_HTML),
        Seen(("What it says.",), ("<p>What it says.</p>",)),
    ),
    "HTML before text": (
        multi("alternative", SAYS_HTML, SAYS),
        Seen(("What it says.",), ("<p>What it says.</p>",)),
    ),
    "a list's footer as one more alternative": (
        multi("alternative", SAYS, SAYS_HTML, part(PLAIN, "-- \nThe list")),
        Seen(("What it says.", "The list"), ("What it says.", "The list")),
    ),
    "a list's footer behind it": (
        multi("mixed", nested("alternative", SAYS, SAYS_HTML, mark="a"), part(PLAIN, "The list")),
        Seen(("What it says.", "The list"), ("What it says.", "The list")),
    ),
    "text, then HTML below it": (
        multi("mixed", SAYS, part(HTML, "<p>Gateway</p>")),
        Seen(("What it says.", "Gateway"), ("What it says.", "Gateway")),
    ),
    "text around a file": (
        multi("mixed", SAYS, PDF, part(PLAIN, "And more.")),
        Seen(("What it says.", "And more."), attachments=("offer.pdf",)),
    ),
    "a named text that is all": (
        single('text/plain; name="m.txt"', "All of it.", 'Content-Disposition: inline; filename="m.txt"'),
        Seen(("All of it.",)),
    ),
    "a named text below another": (
        multi("mixed", SAYS, part('text/plain; name="notes.txt"', "Notes")),
        Seen(("What it says.",), not_shown=("Notes",), attachments=("notes.txt",)),
    ),
    "a named HTML that is first": (
        multi("related", part('text/html; name="m.html"', "<p>All of it.</p>"), PNG),
        Seen(("All of it.",), attachments=("logo.png",), inline=("logo@x",)),
    ),
    "a text that is a file": (
        multi("mixed", SAYS, part("text/plain", "Log", "Content-Disposition: attachment")),
        Seen(("What it says.",), not_shown=("Log",), attachments=("text.txt",)),
    ),
    "no type at all": (single("", "What it says."), Seen(("What it says.",))),
    "text/enriched alone": (
        single("text/enriched", "<bold>Hello</bold>\nall 1 << 2"),
        Seen(("Hello all 1 < 2",), not_shown=("bold",)),
    ),
    "text/enriched beside HTML": (
        multi("alternative", part("text/enriched", "<bold>Rich</bold>"), part(HTML, "<p>Rich</p>")),
        Seen(("Rich",), ("<p>Rich</p>",)),
    ),
    "AMP beside HTML": (
        multi("alternative", SAYS, part("text/x-amp-html", "<html amp>AMP</html>"), SAYS_HTML),
        Seen(("What it says.",), not_shown=("AMP",)),
    ),
    "AMP alone": (single("text/x-amp-html", "<html amp>AMP</html>"), Seen(attachments=("amp.html",))),
    "a type nobody knows": (single("text/x-strange", "Strange"), Seen(attachments=("noname",))),
    "a group without parts": (
        single("multipart/mixed; boundary=m1", "Written all the same."),
        Seen(("Written all the same.",)),
    ),
    "a group of nothing": (single("multipart/mixed; boundary=m1", "--m1--"), Seen(("holds none",))),
    "a group whose parts nobody can tell": (
        single("multipart/mixed", "--m1\nContent-Type: text/plain\n\nWritten.\n--m1--"),
        Seen(("Written.",)),
    ),
    "sixty levels": (deep(50), Seen(("What it says.",))),
    "a hundred and fifty levels": (deep(150), Seen(attachments=("noname",))),
    "two types, the second of which is true": (
        single(
            'multipart/alternative; boundary="other"',
            parts("alternative", SAYS, SAYS_HTML)[1],
            'Content-Type: multipart/alternative; boundary="m1"',
        ),
        Seen(("What it says.",), ("<p>What it says.</p>",)),
    ),
    "a body of six megabytes": (
        single(HTML, "<p>Begin</p>" + f"<p>{'line of text ' * 100}</p>\n" * 4_700 + "<p>The end</p>"),
        Seen(("Begin", "The end"), ("The end",)),
    ),
    # What is hidden, and what stands in a text.
    "a preheader": (
        single(HTML, '<div style="display:none">SECRET</div><p>News</p>'),
        Seen(("News",), not_shown=("SECRET",)),
    ),
    "a title and conditional comments": (
        single(HTML, "<head><title>SECRET</title></head><!--[if mso]>SECRET<![endif]--><p>News"),
        Seen(("News",), not_shown=("SECRET",)),
    ),
    "plain text with what looks like HTML": (
        single(PLAIN, "Mark <mark@x.example>\na < b && c > d\n<script>no</script>\n  two  spaces"),
        Seen(("<mark@x.example>", "a < b && c > d", "<script>no</script>", "  two  spaces")),
    ),
    "flowed text": (
        single("text/plain; format=flowed", "One line \ngoes on.\n\n> old \n> too\n"),
        Seen(("One line goes on.", "> old too"), new="One line goes on."),
    ),
    "flowed text with added spaces": (
        single("text/plain; format=flowed; delsp=yes", "https://x.example/a/ \nb  \nend"),
        Seen(("https://x.example/a/b end",)),
    ),
    # Charsets.
    "Japanese without a label": (single("text/plain", b"\x1b$B$3$l\x1b(B"), Seen(("これ",))),
    "Japanese with NEC's own characters": (
        single("text/plain; charset=iso-2022-jp", b"\x1b$B-!-j\x1b(B"),
        Seen(("①㈱",)),
    ),
    "Shift_JIS with NEC's own characters": (
        single("text/plain; charset=shift_jis", "①髙".encode("cp932")),
        Seen(("①髙",)),
    ),
    "a charset in HTML alone": (
        single("text/html", '<meta charset="gb2312"><p>你好，朋友'.encode("gbk")),
        Seen(("你好，朋友",)),
    ),
    "Chinese without a label": (
        single("text/plain", "关于付款的问题".encode("gbk")),
        Seen(("关于付款的问题",)),
    ),
    "Russian under a wrong label": (
        single("text/plain; charset=no-such", "Привет, как дела".encode("koi8-r")),
        Seen(("Привет, как дела",)),
    ),
    "a raw subject": (
        single("text/plain; charset=gb2312", "你好".encode("gbk"), *[
            b"Subject: \xba\xcf\xcd\xac 2026".decode("utf-8", "surrogateescape")
        ]),
        Seen(("你好",), subject="合同 2026"),
    ),
    "words cut inside a character": (
        single(PLAIN, "x", "Subject: =?utf-8?B?w4Q=?= =?utf-8?Q?_B=C3?= =?UTF-8?Q?=B6?="),
        Seen(("x",), subject="Ä Bö"),
    ),
    # Files.
    "a logo and a file": (
        multi("mixed", nested("related", part(HTML, '<img src="cid:logo@x">Hi'), PNG, mark="r"), PDF),
        Seen(("Hi",), ("cid:logo@x",), attachments=("logo.png", "offer.pdf"), inline=("logo@x",)),
    ),
    "a picture without disposition": (
        multi("related", part(HTML, '<img src="cid:1%40x">Hi'),
              part("image/png; name=i.png", "x", "Content-ID: <1@x>")),
        Seen(("Hi",), attachments=("i.png",), inline=("1@x",)),
    ),
    "a picture that the HTML shows and calls attached": (
        multi("mixed", part(HTML, "<img src='cid:a'>Hi"), part(
            "image/png; name=i.png", "x", "Content-ID: <a>", "Content-Disposition: attachment")),
        Seen(("Hi",), attachments=("i.png",), inline=("a",)),
    ),
    "files nobody named": (
        multi("mixed", SAYS, part("application/pdf", "x"), part("image/png", "x")),
        Seen(("What it says.",), attachments=("noname", "noname")),
    ),
    "an attached mail": (
        multi("mixed", SAYS, part("message/rfc822", "Subject: Inner\r\n\r\nInside")),
        Seen(("What it says.",), not_shown=("Inside",), attachments=("Inner.eml",)),
    ),
    "winmail.dat": (
        single("application/ms-tnef; name=winmail.dat", "x", "Content-Disposition: attachment"),
        Seen(("winmail.dat",), attachments=("winmail.dat",), closed="winmail"),
    ),
    "encrypted S/MIME": (
        single("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "x"),
        Seen(("encrypted",), attachments=("smime.p7m",), closed="encrypted"),
    ),
    "opaque signed S/MIME": (
        single("application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", "x"),
        Seen(("signed",), attachments=("smime.p7m",), closed="signed"),
    ),
    "PGP/MIME": (
        multi("encrypted", part("application/pgp-encrypted", "Version: 1"),
              part("application/octet-stream; name=encrypted.asc", "x")),
        Seen(("encrypted",), attachments=None, closed="encrypted"),
    ),
    "PGP in the text": (
        single(PLAIN, "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----"),
        Seen(("BEGIN PGP",), closed="encrypted"),
    ),
    "clear signed": (
        multi("signed", SAYS, part("application/pgp-signature", "x")),
        Seen(("What it says.",), attachments=("signature.asc",)),
    ),
    # Kinds.
    "a bounce": (
        multi("report; report-type=delivery-status", SAYS,
              part("message/delivery-status", "Reporting-MTA: dns; x\r\n\r\nAction: failed"),
              part("message/rfc822", "Subject: Hi\r\n\r\nHi"),
              headers=("From: MAILER-DAEMON@client.example", "Auto-Submitted: auto-replied")),
        Seen(("What it says.",), attachments=("delivery-status.txt", "Hi.eml"), kind=Kind.BOUNCE),
    ),
    "a bounce in plain words": (
        single(PLAIN, "Sorry.", "Subject: failure notice", "From: MAILER-DAEMON@client.example"),
        Seen(("Sorry.",), kind=Kind.BOUNCE),
    ),
    "an automatic reply": (
        single(PLAIN, "I am away.", "Auto-Submitted: auto-replied"),
        Seen(("I am away.",), kind=Kind.AUTO_REPLY),
    ),
    "a newsletter": (
        single(PLAIN, "News.", "List-Id: <news.client.example>", "Precedence: bulk"),
        Seen(("News.",), kind=Kind.BULK),
    ),
    "an invitation alone": (
        single("text/calendar; method=REQUEST; charset=utf-8", INVITE),
        Seen(("What to bring",), kind=Kind.INVITATION, meeting="Kick-off"),
    ),
    "an invitation beside text": (
        multi("alternative", SAYS, SAYS_HTML, part("text/calendar; method=REQUEST", INVITE)),
        Seen(("What it says.",), not_shown=("What to bring",), kind=Kind.INVITATION, meeting="Kick-off"),
    ),
    "a calendar that is a file": (
        multi("mixed", SAYS, part("text/calendar; name=a.ics", INVITE, "Content-Disposition: attachment")),
        Seen(("What it says.",), attachments=("a.ics",)),
    ),
    # Authors.
    "a group that put itself into From": (
        single(PLAIN, "x", "From: 'Pat Moss' via Help <help@group.example>",
               "Reply-To: help@group.example", "X-Original-From: Pat Moss <pat@client.example>"),
        Seen(("x",), sender="pat@client.example", sent_by="help@group.example"),
    ),
    "a list that answers to its author": (
        single(PLAIN, "x", "From: Pat Moss via List <list@lists.example>",
               "Reply-To: Pat Moss <pat@client.example>"),
        Seen(("x",), sender="pat@client.example", sent_by="list@lists.example"),
    ),
    "an assistant who sends": (
        single(PLAIN, "x", "From: Boss <boss@client.example>", "Sender: Pat <pat@client.example>"),
        Seen(("x",), sender="boss@client.example", sent_by="pat@client.example"),
    ),
    "a phone's address": (
        single(PLAIN, "x", "From: Taro <taro..yama.@phone.example>"),
        Seen(("x",), sender="taro..yama.@phone.example"),
    ),
    "an address with a character nobody sees": (
        single(PLAIN, "x", "From: Pat <p\u200bat@client.example>"),
        Seen(("x",), sender="pat@client.example"),
    ),
    # Quotes.
    "an answer in text": (
        single(PLAIN, "New.\n\nOn Mon, Ana wrote:\n> old\n> text"),
        Seen(("New.", "> old"), new="New."),
    ),
    "an answer in HTML": (
        single(HTML, '<p>New.</p><div class="gmail_quote">On Mon, Ana wrote:<blockquote>old</blockquote>'),
        Seen(("New.", "old"), ("old", 'class="quoted"'), new="New."),
    ),
}  # fmt: skip
