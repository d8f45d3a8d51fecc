"""A mail from carl to ana with a picture in its text and a file, as it travels."""

import base64

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
REPORT = bytes(range(256)) * 9_000
MAIL = b"\r\n".join(
    [
        b"From: carl@client.example",
        b"To: ana@example.com",
        b"Subject: Report",
        b"Message-ID: <files@client.example>",
        b"Date: Fri, 20 Nov 2026 09:00:00 +0000",
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/mixed; boundary="m"',
        b"",
        b"--m",
        b'Content-Type: multipart/related; boundary="r"',
        b"",
        b"--r",
        b"Content-Type: text/html; charset=utf-8",
        b"",
        b'<p>See <img src="cid:logo@client"> and <img src="cid:nothing@client"></p>',
        b"--r",
        b"Content-Type: image/png",
        b"Content-ID: <logo@client>",
        b"Content-Transfer-Encoding: base64",
        b"",
    ]
)


def mail_with_files() -> bytes:
    return b"\r\n".join(
        [
            MAIL,
            base64.encodebytes(PICTURE),
            b"--r--",
            b"--m",
            b'Content-Type: text/html; name="../../evil.html"',
            b'Content-Disposition: attachment; filename="../../evil\xe2\x80\xae.html"',
            b"Content-Transfer-Encoding: base64",
            b"",
            base64.encodebytes(REPORT),
            b"--m--",
            b"",
        ]
    )
