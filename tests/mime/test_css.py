"""Styles that may stay."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime import css
from shared.mime.sanitise import clean_html

TABLE = (
    '<table border="1" cellpadding="4" width="600" bgcolor="#19397a" style="border-collapse:collapse">'
    '<tbody><tr><th colspan="2" style="color:#fff;padding:8px 0">Head</th></tr><tr>'
    '<td valign="top" width="30%" style="border:1px solid #ccc"><font color="#ffffff" size="2">A</font>'
    "</td></tr></tbody></table>"
)


def test_a_table_keeps_its_look() -> None:
    assert clean_html(TABLE) == TABLE


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("background:#19397a", "background-color:#19397a"),
        ("background-color: rgba(0, 0, 0, .5)", "background-color:rgba(0, 0, 0, .5)"),
        ("COLOR: Red !important", "color:red"),
        ("margin:0 auto;padding:8px", "margin:0 auto;padding:8px"),
        ("font-family:'Segoe UI', Arial", "font-family:'segoe ui', arial"),
        ("border-top:solid #ccc 1px", "border-top:solid #ccc 1px"),
        ("background:url(https://evil)", ""),
        ("background:#fff url(x)", ""),
        ("background-image:url(x)", ""),
        ("position:fixed;top:0", ""),
        ("margin:-400px", ""),
        ("width:99999px", ""),
        ("width:expression(alert(1))", ""),
        ("color:\\75rl(x)", ""),
        ("transform:scale(100)", ""),
        ("z-index:9", ""),
        ("behavior:url(x)", ""),
        ("color:red;position:absolute;width:10px", "color:red;width:10px"),
        ("", ""),
        (";;:;", ""),
    ],
)
def test_of_a_style_stays_what_shapes_and_colours(style: str, kept: str) -> None:
    assert css.safe(style) == kept


def test_nothing_is_left_of_a_style_of_which_nothing_may_stay() -> None:
    assert clean_html('<p style="position:fixed">x</p><p style="">y</p>') == "<p>x</p><p>y</p>"


@given(st.text() | st.text("colrpsitn:;url()/*-#\\'\" 0px"))
def test_nothing_that_loads_or_covers_is_ever_left(style: str) -> None:
    kept = css.safe(style)
    assert not any(word in kept for word in ("url", "position", "expression", "\\", "/*", "<", '"'))


@pytest.mark.parametrize(
    "unit", ["/*", "a:", ";", "x:url(", "font-family:'", "0 ", "rgb(", "border:1px "]
)
def test_a_style_is_read_in_time_that_grows_with_its_length(unit: str) -> None:
    def cost(size: int) -> float:
        style = "color:" + unit * (size // len(unit))
        began = time.process_time()
        css.safe(style)
        css.hides(style, "p")
        css.hiding_classes(f"<style>{style}</style>" * 3)
        return time.process_time() - began

    cost(20_000)
    assert cost(400_000) < 0.2 + 40 * cost(20_000)
