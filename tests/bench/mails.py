"""A mailbox of 2,000 mails as a salesperson's may look, the same in every run."""

import base64
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

COUNT = 2_000
SMALLEST, LARGEST = 3_000, 48_000
"""Bytes of a mail; most are small."""
CUSTOMERS = tuple(f"customer{number}@client{number}.example" for number in range(20))
"""Who wrote 5 % of the mails."""
OTHERS = tuple(f"sender{number}@elsewhere{number}.example" for number in range(40))
"""Who wrote the rest."""
_SENTENCE = (
    "the offer we sent you on Monday covers delivery and a second machine for your workshop "
    "please tell us whether Straße Größe naïve façade prices include installation regards"
)
_WORDS = _SENTENCE.split()
_HEADERS = """\
Delivered-To: ana@example.com
Received: from mx.{domain} by mx.example.com with ESMTPS id {place:x}; {date}
Received: from mail.{domain} by mx.{domain} with ESMTPSA id {place:x}; {date}
Authentication-Results: mx.example.com; dkim=pass header.i=@{domain}; spf=pass; dmarc=pass
From: {name} <{sender}>
To: Ana Flores <ana@example.com>
Subject: {subject}
Date: {date}
Message-ID: <{place}@{domain}>
MIME-Version: 1.0
"""
_ALTERNATIVE = """\
Content-Type: multipart/alternative; boundary="alternative"

--alternative
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: 8bit

{text}
--alternative
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: 8bit

<html><body>{html}</body></html>
--alternative--
"""
_WITH_ATTACHMENT = """\
Content-Type: multipart/mixed; boundary="mixed"

--mixed
{alternative}
--mixed
Content-Type: application/pdf; name="offer.pdf"
Content-Disposition: attachment; filename="offer.pdf"
Content-Transfer-Encoding: base64

{data}
--mixed--
"""
_OVERHEAD = 1_000
"""Bytes of a mail that are neither text nor attachment."""


def write_mbox(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for mail in generated():
            file.write(f"From sender@example.com Thu Jan  1 00:00:00 2026\n{mail}\n")


def generated() -> Iterator[str]:
    chance = random.Random(2_000)  # noqa: S311  # the same mails every time, not secrets
    begun = datetime(2026, 1, 1, 8, tzinfo=UTC)
    for place in range(COUNT):
        customer = place % 20 == 0
        sender = CUSTOMERS[place // 20 % 20] if customer else OTHERS[place % 40]
        headers = _HEADERS.format(
            sender=sender,
            name=sender.partition("@")[0].title(),
            domain=sender.partition("@")[2],
            subject=f"{' '.join(chance.choices(_WORDS, k=6))} {place}".encode(
                "ascii", "ignore"
            ).decode(),
            place=place,
            date=format_datetime(begun + timedelta(hours=2 * place)),
        )
        yield headers + _content(chance)


def _content(chance: random.Random) -> str:
    size = int(SMALLEST * (LARGEST / SMALLEST) ** chance.random()) - _OVERHEAD
    attached = size // 2 if chance.random() < 0.1 else 0
    text = _text(chance, (size - attached) // 4)
    html = _html(text, size - attached - len(text.encode()))
    alternative = _ALTERNATIVE.format(text=text, html=html)
    if not attached:
        return alternative
    data = base64.encodebytes(chance.randbytes(attached * 3 // 4)).decode()
    return _WITH_ATTACHMENT.format(alternative=alternative, data=data)


def _text(chance: random.Random, size: int) -> str:
    words = chance.choices(_WORDS, k=size // 7 + 1)
    return "\n".join(" ".join(words[start : start + 12]) for start in range(0, len(words), 12))


def _html(text: str, size: int) -> str:
    lines = text.splitlines()
    whole = "".join(
        f'<p style="margin:0"><a href="https://x.example/">{line}</a></p>' for line in lines
    )
    repeated = whole.encode() * (size // len(whole) + 1)
    return repeated[:size].decode("utf-8", "ignore")
