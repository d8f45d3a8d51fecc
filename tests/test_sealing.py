"""What was sealed opens for its context and key, and nothing else ever does."""

import base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.domain.errors import ConfigurationError, InvalidRequest
from shared.sealing import Sealer, new_key

OLD, NEW = bytes(32), bytes(range(32))
SEALER = Sealer([NEW])
contexts = st.text()


def refused(sealer: Sealer, sealed: str, context: str = "here") -> bool:
    try:
        sealer.open(sealed, context=context)
    except InvalidRequest as error:
        return error.reason == "unreadable_seal"
    return False


@given(plain=st.binary(), context=contexts)
def test_what_was_sealed_opens(plain: bytes, context: str) -> None:
    assert SEALER.open(SEALER.seal(plain, context=context), context=context) == plain


@given(plain=st.binary(max_size=40))
def test_a_sealed_text_is_safe_in_urls_and_hides_what_it_holds(plain: bytes) -> None:
    sealed = SEALER.seal(plain, context="here")
    assert sealed.isascii()
    assert sealed.replace("-", "").replace("_", "").isalnum()
    assert sealed != SEALER.seal(plain, context="here")


@given(one=contexts, other=contexts)
def test_another_context_is_refused(one: str, other: str) -> None:
    assume(one != other)
    assert refused(SEALER, SEALER.seal(b"plain", context=one), other)


@given(data=st.data())
def test_any_change_is_refused(data: st.DataObject) -> None:
    sealed = SEALER.seal(b"plain", context="here")
    at = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.characters().filter(lambda character: character != sealed[at]))
    assert refused(SEALER, sealed[:at] + other + sealed[at + 1 :])


@given(cut=st.integers(0, 1000))
def test_a_part_is_refused(cut: int) -> None:
    sealed = SEALER.seal(b"plain", context="here")
    assert refused(SEALER, sealed[: cut % len(sealed)])
    assert refused(SEALER, sealed[1 + cut % len(sealed) :])


@pytest.mark.parametrize("more", ["=", "==", "A", "\n", " ", "!", "é", "\0"])
def test_a_sealed_text_has_one_spelling(more: str) -> None:
    sealed = SEALER.seal(b"plain", context="here")
    assert refused(SEALER, sealed + more)
    assert refused(SEALER, more + sealed)


@given(text=st.text())
def test_any_text_at_all_is_refused_politely(text: str) -> None:
    assert refused(SEALER, text)


@given(rest=st.binary(max_size=60))
def test_any_bytes_under_a_known_key_are_refused(rest: bytes) -> None:
    known = base64.urlsafe_b64decode(SEALER.seal(b"", context="here") + "=")[:4]
    assert refused(SEALER, base64.urlsafe_b64encode(known + rest).rstrip(b"=").decode())


def test_lone_surrogates_are_refused_politely() -> None:
    assert refused(SEALER, "\ud800")
    assert refused(SEALER, SEALER.seal(b"plain", context="here"), "\ud800")


def test_older_keys_still_open_and_the_first_seals() -> None:
    before = Sealer([OLD]).seal(b"plain", context="here")
    rotated = Sealer([NEW, OLD])
    after = rotated.seal(b"plain", context="here")
    assert rotated.open(before, context="here") == b"plain"
    assert Sealer([NEW]).open(after, context="here") == b"plain"
    assert refused(Sealer([OLD]), after)


def test_a_key_no_longer_held_opens_nothing() -> None:
    assert refused(Sealer([NEW]), Sealer([OLD]).seal(b"plain", context="here"))


@pytest.mark.parametrize("keys", [[], [b""], [bytes(16)], [NEW, bytes(31)]])
def test_keys_of_another_size_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ConfigurationError):
        Sealer(keys)


def test_new_keys_differ() -> None:
    assert len({new_key() for _ in range(10)}) == 10
    assert Sealer([new_key()]).seal(b"", context="")
