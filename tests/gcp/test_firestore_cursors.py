"""Page cursors come back from strangers."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequest
from shared.gcp.firestore import Documents
from shared.ports.documents import Query, Write
from tests.gcp.test_firestore import HOME, put


def test_a_cursor_tells_nobody_whose_it_is(store: Documents) -> None:
    for id in "abc":
        put(store, id, n=1)
    cursor = store.query(Query(HOME, order_by=("n",), limit=1)).next
    plain = base64.urlsafe_b64decode(cursor + "==")
    assert b"teams" not in plain
    assert b"test-" not in plain


def forged(*parts: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(parts)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        forged([1], "../../t2/things/x"),
        forged([1], "a/b/c"),
        forged([1], ""),
        forged([1], 7),
        forged([], "a"),
        forged([1, 2], "a"),
        forged([b"bytes"], "a"),
        forged([2**64 - 1], "a"),
        forged([1], "__a__"),
        forged([1]),
        forged("1", "a"),
        base64.urlsafe_b64encode(b"\x91" * 5000).rstrip(b"=").decode(),
    ],
)
def test_a_forged_cursor_is_refused(store: Documents, cursor: str) -> None:
    put(store, "a", n=1)
    with pytest.raises(InvalidRequest):
        store.query(Query(HOME, order_by=("n",), after=cursor))


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.lists(
        st.none() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.lists(st.none()),
        max_size=2,
    ),
    path=st.text(max_size=8),
)
def test_whatever_a_cursor_says_a_query_stays_where_it_is(
    store: Documents, values: list[Any], path: str
) -> None:
    put(store, "mine", n=1)
    store.write(Write("put", "teams/t2/things/theirs", {"n": 1}))
    try:
        page = store.query(Query(HOME, order_by=("n",), after=forged(values, path)))
    except InvalidRequest:
        return
    assert {document.path for document in page.documents} <= {f"{HOME}/mine"}
