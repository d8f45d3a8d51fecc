"""Where the new text of a mail ends."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime import quotes
from shared.mime.sanitise import shown
from shared.mime.text import rendered

NEW = "What I say now.\n\n"


@pytest.mark.parametrize(
    "old",
    [
        "On Mon, Ana wrote:\n> older\n> text",
        "On Mon, 2 Nov 2026 at 10:17, Ana Souza <ana@example.com>\nwrote:\n\n> older",
        "Am 02.11.2026 um 10:17 schrieb Ana:\n> älter",
        "Le lun. 2 nov. 2026 à 10:17, Ana <ana@example.com> a écrit :\n> plus vieux",
        "El lun, 2 nov 2026, Ana escribió:\n> viejo",
        "2026年11月2日 Ana 写道：\n> 旧",
        "> older without a word",
        "-----Original Message-----\nFrom: Ana\nwhatever",
        "-----Ursprüngliche Nachricht-----\nVon: Ana",
        "________________________________\nFrom: Ana\nSent: Monday\nTo: Jane\nSubject: x\n\nolder",
        "Von: Ana\nGesendet: Montag\nAn: Jane\nBetreff: x\n\nälter",
        "On Mon, Ana wrote:\nwhat a program did not mark",
    ],
)
def test_the_new_text_ends_where_the_quoted_one_begins(old: str) -> None:
    assert quotes.in_text(NEW + old) == len(NEW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing old at all",
        "> only old",
        "On Mon, Ana wrote:\n> only old",
        "> asked\n\nanswered below",
        "> one\nyes\n> two\nno",
        "From: Mark <mark@mail.example>\nTo: John <john@mail.example>\nis what it said",
        "I wrote: this is mine",
        "Dear Ana,\nFrom: the start I liked it",
        "-- \nAnn\n555-1234",
    ],
)
def test_what_was_written_anew_is_not_folded_away(text: str) -> None:
    assert quotes.in_text(text) is None


def test_of_answers_between_the_lines_only_the_rest_is_folded() -> None:
    text = "> one\nyes\n> two\nno\n> three"
    assert quotes.in_text(text) == text.index("> three")


HTML = {
    "Gmail": '<div>New</div><br><div class="gmail_quote gmail_quote_container"><div class="gmail_attr">'
    "On Mon, Ana wrote:<br></div><blockquote class=gmail_quote>older</blockquote></div>",
    "Thunderbird": '<p>New</p><div class="moz-cite-prefix">On Mon, Ana wrote:<br></div>'
    '<blockquote type="cite">older</blockquote>',
    "Apple Mail": '<div>New</div><div><br><blockquote type="cite"><div>On Mon, Ana wrote:</div>older'
    "</blockquote></div>",
    "Outlook on the web": '<div>New</div><div id="appendonsend"></div><hr tabindex="-1">'
    '<div id="divRplyFwdMsg"><b>From:</b> Ana</div><div>older</div>',
    "Outlook for Windows": "<p>New</p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;"
    "padding:3.0pt 0in 0in 0in'><p><b>From:</b> Ana</p></div></div><p>older</p>",
    "Outlook for Mac": '<div>New</div><span id="OLK_SRC_BODY_SECTION">From: Ana<div>older</div></span>',
    "Yahoo": '<div>New</div><div class="yahoo_quoted" id="yahoo_quoted_1"><div>Ana wrote</div>older</div>',
}


@pytest.mark.parametrize("client", HTML)
def test_every_clients_own_mark_ends_the_new_text(client: str) -> None:
    html, text = shown(HTML[client]), rendered(HTML[client])
    assert html.quoted_from is not None
    assert text.quoted_from is not None
    assert rendered(html.html[: html.quoted_from]).text.strip() == "New"
    assert text.text[: text.quoted_from].strip() == "New"
    assert "older" in text.text
    assert "older" in html.html
    assert html.html[html.quoted_from :].startswith("<")
    assert 'class="quoted"' in html.html[html.quoted_from :].partition(">")[0]


@pytest.mark.parametrize(
    "html",
    [
        "<p>Nothing old",
        "<blockquote>a saying</blockquote><p>and what I think of it",
        '<div class="gmail_quote">---------- Forwarded message</div>',
        '<p class="quoted">Not yours to say',
    ],
)
def test_html_that_ends_with_new_text_is_not_folded(html: str) -> None:
    assert shown(html).quoted_from is None
    assert rendered(html).quoted_from is None


@given(st.text("On wrote:>\n From-_ab ", max_size=200))
def test_the_fold_lies_at_the_begin_of_a_line(text: str) -> None:
    at = quotes.in_text(text)
    assert at is None or text[at - 1] == "\n"


@pytest.mark.parametrize(
    "unit",
    [
        "On a\n",
        "On On wrote ",
        "From: a\n",
        "> a\nb\n",
        "_" * 70 + "\n",
        "wrote:\n",
        "-" * 20 + "\n",
        ">",
    ],
)
def test_finding_it_takes_time_that_grows_with_the_length(unit: str) -> None:
    def cost(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        quotes.in_text(text)
        return time.process_time() - began

    cost(20_000)
    assert cost(400_000) < 0.2 + 40 * cost(20_000)
