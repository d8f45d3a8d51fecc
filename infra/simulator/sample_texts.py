"""What the sample mails say. Days are counted back from now."""

from msgspec import Struct

ANA, BEN, CHRIS = "ana@example.com", "ben@example.com", "chris@example.com"
MAYA = "maya.lindqvist@harbor-coffee.example"
TOMAS = "tomas@kovac-werkstatt.example"
JEANNE = "j.dupont@atelier-rive.example"
SATO = "sato@kitahama.example"
PRIYA = "priya@north-loop.example"
BUYING = "buying@greenfield.example"


class Turn(Struct, frozen=True, kw_only=True):
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    days_ago: float
    text: str
    html: str = ""
    attachments: dict[str, tuple[str, bytes]] = {}
    """File name → MIME type and content."""


class Conversation(Struct, frozen=True):
    key: str
    subject: str
    turns: tuple[Turn, ...]


class Newsletter(Struct, frozen=True):
    sender: str
    to: str
    subject: str
    days_ago: int
    text: str


_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n%%EOF\n"
)
_PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00"
    b"\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)

CONVERSATIONS = (
    Conversation(
        "press",
        "Two presses for the new bar",
        (
            Turn(
                sender=MAYA,
                to=(ANA,),
                days_ago=24.3,
                text="Hello Ana,\n\nwe open a second bar in May. Could you offer two presses, the 240 model, "
                "with delivery to Gothenburg?\n\nBest,\nMaya\n",
            ),
            Turn(
                sender=ANA,
                to=(MAYA,),
                cc=(BEN,),
                days_ago=23.9,
                text="Hello Maya,\n\nwith pleasure: the offer is attached. Ben, in copy, delivers.\n\nAna\n",
                attachments={"Offer 1042.pdf": ("application/pdf", _PDF)},
            ),
            Turn(
                sender=MAYA,
                to=(ANA,),
                cc=(BEN,),
                days_ago=21.2,
                text="Looks good. Is the 20th possible?\n\nMaya\n",
                html="<p>Looks good. Is <b>the 20th</b> possible?</p><p>Maya</p>",
            ),
            Turn(
                sender=BEN,
                to=(MAYA,),
                cc=(ANA,),
                days_ago=20.8,
                text="The 20th it is. The driver calls an hour ahead.\n\nBen\n",
            ),
            Turn(
                sender=MAYA,
                to=(BEN, ANA),
                days_ago=4.1,
                text="Both arrived in one piece. Thank you!\n\nMaya\n",
            ),
        ),
    ),
    Conversation(
        "seal",
        "Těsnění pro lis č. 7 – objednávka",
        (
            Turn(
                sender=TOMAS,
                to=(CHRIS,),
                days_ago=18.5,
                text="Dobrý den,\n\nseals for press no. 7, see photo. Kolik to bude stát?\n\nTomáš Kovač\n",
                attachments={"těsnění.png": ("image/png", _PNG)},
            ),
            Turn(
                sender=CHRIS,
                to=(TOMAS,),
                days_ago=18.1,
                text="Dobrý den Tomáš,\n\nfour seals are 36 €, shipped tomorrow.\n\nChris\n",
            ),
            Turn(sender=TOMAS, to=(CHRIS,), days_ago=15.7, text="Perfektní, děkuji!\n\nTomáš\n"),
        ),
    ),
    Conversation(
        "atelier",
        "Visite de l’atelier",
        (
            Turn(
                sender=JEANNE,
                to=(BEN,),
                days_ago=16.4,
                text="Bonjour,\n\npeut-on visiter votre atelier le mois prochain ?\n\nJeanne Dupont\n",
                html="<p>Bonjour,</p><p>peut-on visiter votre atelier le mois prochain&nbsp;?</p>"
                "<p>Jeanne Dupont</p>",
            ),
            Turn(
                sender=BEN,
                to=(JEANNE,),
                cc=(ANA, CHRIS),
                days_ago=16.0,
                text="Bonjour Madame Dupont,\n\navec plaisir. Le mardi ou le jeudi ?\n\nBen\n",
            ),
            Turn(
                sender=JEANNE,
                to=(BEN,),
                cc=(ANA, CHRIS),
                days_ago=14.9,
                text="Jeudi, s’il vous plaît.\n\nJeanne\n",
            ),
        ),
    ),
    Conversation(
        "kitahama",
        "見積もりのお願い",
        (
            Turn(
                sender=SATO,
                to=(ANA,),
                days_ago=12.2,
                text="Ana 様\n\nモデル 240 を三台、見積もりをお願いいたします。\n\n佐藤 健\n",
            ),
            Turn(
                sender=ANA,
                to=(SATO,),
                days_ago=11.8,
                text="Dear Mr Sato,\n\nthree of the 240 with your plugs: 5,970 €, see attachment.\n\nAna\n",
                attachments={"見積書.pdf": ("application/pdf", _PDF)},
            ),
            Turn(
                sender=SATO,
                to=(ANA,),
                days_ago=9.4,
                text="ありがとうございます。来週ご返事します。\n\n佐藤\n",
            ),
        ),
    ),
    Conversation(
        "demo",
        "Demo for our buyers",
        (
            Turn(
                sender=PRIYA,
                to=("team@example.com",),
                days_ago=8.6,
                text="Hi all,\n\ncould one of you show the press to our buyers next week?\n\nPriya\n",
            ),
            Turn(
                sender=ANA,
                to=(PRIYA,),
                days_ago=8.2,
                text="Hi Priya,\n\nI will. How many are you?\n\nAna\n",
            ),
            Turn(
                sender=PRIYA, to=(ANA,), days_ago=7.9, text="Five. I send an invitation.\n\nPriya\n"
            ),
        ),
    ),
    Conversation(
        "terms",
        "Terms for 2 dozen",
        (
            Turn(
                sender=BUYING,
                to=(CHRIS, BEN),
                days_ago=5.5,
                text="Dear sirs,\n\nwhat are your terms for 24 units?\n\nGreenfield\n",
            ),
            Turn(
                sender=CHRIS,
                to=(BUYING,),
                cc=(BEN,),
                days_ago=5.1,
                text="Hello,\n\n12 % off, 30 days, from 20 units on.\n\nChris Weber\n",
            ),
            Turn(
                sender=BUYING,
                to=(CHRIS,),
                cc=(BEN,),
                days_ago=0.4,
                text="Agreed. The order follows on Monday.\n\nGreenfield\n",
            ),
        ),
    ),
    Conversation(
        "lunch",
        "Lunch on Friday?",
        (
            Turn(
                sender=CHRIS,
                to=(ANA, BEN),
                days_ago=2.3,
                text="The noodle place at 12:30?\n\nChris\n",
            ),
            Turn(sender=BEN, to=(CHRIS, ANA), days_ago=2.2, text="I am in.\n\nBen\n"),
        ),
    ),
)

NEWSLETTERS = (
    Newsletter(
        "news@workshop-weekly.example",
        ANA,
        "Workshop Weekly: seven jigs worth having",
        17,
        "This week: jigs.",
    ),
    Newsletter(
        "news@workshop-weekly.example",
        ANA,
        "Workshop Weekly: sharpen it yourself",
        10,
        "This week: stones.",
    ),
    Newsletter(
        "billing@cloud-ledger.example",
        BEN,
        "Your invoice for last month",
        13,
        "Your invoice is ready: 29 €.",
    ),
    Newsletter(
        "hello@trade-fair.example",
        CHRIS,
        "Stand 14 is waiting for you",
        3,
        "Trade fair: doors open at nine.",
    ),
)

BOUNCE = """\
--b1
Content-Type: text/plain; charset=utf-8

Your message to old@greenfield.example was not delivered: the address does not exist.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; old@greenfield.example
Action: failed
Status: 5.1.1

--b1
Content-Type: message/rfc822

From: Ben Okoro <ben@example.com>
To: old@greenfield.example
Subject: Spring offer
Message-ID: <offer.7@example.com>

Dear all, our offer for spring.

--b1--
"""
"""A delivery status notification (RFC 3464), as mail servers write them."""

EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//North Loop//Calendar//EN
METHOD:REQUEST
BEGIN:VEVENT
UID:demo-1@north-loop.example
DTSTAMP:{now:%Y%m%dT%H%M%SZ}
DTSTART:{start:%Y%m%dT130000Z}
DURATION:PT45M
SUMMARY:Press demo
ORGANIZER;CN=Priya Raman:mailto:priya@north-loop.example
ATTENDEE;RSVP=TRUE:mailto:ana@example.com
END:VEVENT
END:VCALENDAR
"""
"""A meeting request (RFC 5546), to be formatted with `now` and `start`, in UTC."""
