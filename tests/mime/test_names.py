"""Names of strangers' things."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.mail import Address, Envelope
from shared.mime import names


@pytest.mark.parametrize(
    ("sent", "saved"),
    [
        ("offer.pdf", "offer.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\offer.pdf", "offer.pdf"),
        ("/", "noname"),
        ("..", "noname"),
        (".bashrc", "bashrc"),
        ("a\0b\r\n.pdf", "ab.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("in\u200bvoice\ufeff.pdf", "invoice.pdf"),
        ("utf-8''%e2%82%ac%20rates.pdf", "€ rates.pdf"),
        ("utf-8'en'..%2f..%2fpasswd", "passwd"),
        ("iso-8859-1''f%fcr.txt", "für.txt"),
        ("100%'s.txt", "100%'s.txt"),
        ("a:b|c?.txt", "a_b_c_.txt"),
        ("x. ", "x"),
        ("é" * 400 + ".pdf", "é" * 146 + ".pdf"),
        ("😀.png", "😀.png"),
        ("משלוח.pdf", "משלוח.pdf"),
    ],
)
def test_a_file_is_saved_under_the_last_part_of_its_name(sent: str, saved: str) -> None:
    assert names.file(sent) == saved


@given(st.text())
def test_no_file_leaves_its_folder_or_hides_its_ending(sent: str) -> None:
    saved = names.file(sent)
    assert saved
    assert saved not in {".", ".."}
    assert not set(saved) & set("/\\")
    assert {unicodedata.category(character) for character in saved}.isdisjoint(
        {"Cc", "Cs", "Zl", "Zp"}
    )
    assert {unicodedata.bidirectional(character) for character in saved}.isdisjoint(
        {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    )


def test_nobodys_name_or_subject_turns_what_stands_beside_it() -> None:
    envelope = Envelope(
        provider_id="1",
        at=datetime(2026, 11, 20, tzinfo=UTC),
        subject="Re: \u202egnp.exe",
        snippet="\u2066x\u2069",
        sender=(Address("eve@x.example", "Eve \u202e\u05d0"),),
        references=("<a@x>",),
    )
    shown = names.shown(envelope)
    assert (shown.subject, shown.snippet) == ("Re: gnp.exe", "x")
    assert shown.sender == (Address("eve@x.example", "Eve \u05d0"),)
    assert shown.references == ("<a@x>",)
    assert envelope.subject == "Re: \u202egnp.exe", "what is stored stays as it came"


@pytest.mark.parametrize(
    "name", ["Ana\r\nBcc: x@y.example", "Ana\u202efdp", "Ana\x00", "Ana\u2028", "a" * 201]
)
def test_a_name_that_a_user_gives_is_one_line_that_reads_as_it_is_written(name: str) -> None:
    with pytest.raises(ValueError, match="must"):
        names.given(name)


@given(st.text(max_size=300))
def test_whatever_an_account_is_called_it_stands_in_a_header(name: str) -> None:
    shown = names.one_line(name)
    assert names.one_line(shown) == shown
    assert not set(shown) & set("\r\n\0\u202e\u2028")
    if len(name) <= 200:
        names.given(shown)


def test_a_name_that_a_user_gives_keeps_its_letters() -> None:
    assert names.given(" Ana-Sofía 李 👩‍💼 ") == "Ana-Sofía 李 👩‍💼"
