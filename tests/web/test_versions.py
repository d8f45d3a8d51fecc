"""ETag and If-Match: nobody's change is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import records
from shared.domain.errors import PreconditionFailed, PreconditionRequired
from shared.domain.versions import ANY, IfMatch, etag
from tests.web.conftest import Person
from tests.web.functions import all_routes


@given(st.text(), st.text(), st.text())
def test_another_version_another_tag_and_what_is_only_shown_does_not_matter(
    one: str, other: str, shown: str
) -> None:
    seen = IfMatch((etag(one, shown=(shown,)),))
    seen.check(etag(one))
    seen.check(etag(one, shown=(shown, "more")))
    if one != other:
        with pytest.raises(PreconditionFailed):
            seen.check(etag(other))


def test_who_says_nothing_passes_unless_it_is_required() -> None:
    IfMatch().check(etag(1))
    ANY.check(etag(1), required=True)
    with pytest.raises(PreconditionRequired):
        IfMatch().check(etag(1), required=True)


def draft(person: Person) -> str:
    body = {"mailbox_id": person.ids["mailbox_id"], "draft": True, "subject": "One"}
    return f"/emails/{person.send('POST', '/emails', body).json['id']}"


def test_whatever_has_an_id_says_its_version_in_lists_too(person: Person) -> None:
    draft(person)
    for kind in ("contacts", "mailboxes", "emails"):
        listed = person.send("GET", f"/{kind}").json[kind][0]
        shown = person.send("GET", f"/{kind}/{listed['id']}")
        assert shown.headers["ETag"] == f'"{listed["etag"]}"'


def test_a_draft_changes_only_as_it_was_seen(person: Person) -> None:
    path = draft(person)
    seen = person.send("GET", path).headers["ETag"]
    assert person.send("PATCH", path, {"subject": "Two"}).status_code == 428
    changed = person.send("PATCH", path, {"subject": "Two"}, headers={"If-Match": seen})
    assert (changed.status_code, changed.json["subject"]) == (200, "Two")

    stale = person.send("PATCH", path, {"subject": "Three"}, headers={"If-Match": seen})
    assert (stale.status_code, stale.json["type"]) == (412, "urn:mailbridge:precondition-failed")
    assert f'"{stale.json["etag"]}"' == changed.headers["ETag"]
    for tags in (f'"x", {changed.headers["ETag"]}', "*"):
        answer = person.send("PATCH", path, {"subject": "Four"}, headers={"If-Match": tags})
        assert answer.status_code == 200
        changed = answer


@pytest.mark.parametrize("tags", ['"x"', 'W/"x"', "", '"', '""', '"x" y', "\x80"])
def test_any_other_tag_is_another_version(person: Person, tags: str) -> None:
    path = draft(person)
    headers = {"If-Match": tags}
    assert person.send("PATCH", path, {"subject": "Two"}, headers=headers).status_code == 412
    for action in ("send", "cancel"):
        assert person.send("POST", f"{path}/{action}", headers=headers).status_code == 412
    assert person.send("DELETE", path, headers=headers).status_code == 412


def test_a_sync_that_goes_on_does_not_stand_in_the_way_of_a_mailboxs_settings(
    person: Person,
) -> None:
    id = person.ids["mailbox_id"]
    seen = person.send("GET", f"/mailboxes/{id}").headers["ETag"]
    records.syncs(person.world.documents).update(id, last_error="slow")
    assert person.send("GET", f"/mailboxes/{id}").headers["ETag"] != seen
    named = person.send("PATCH", f"/mailboxes/{id}", {"name": "Work"}, headers={"If-Match": seen})
    assert (named.status_code, named.json["name"]) == (200, "Work")
    again = person.send("PATCH", f"/mailboxes/{id}", {"name": "Home"}, headers={"If-Match": seen})
    assert again.status_code == 412
    gone = person.send("DELETE", f"/mailboxes/{id}", headers={"If-Match": seen})
    assert gone.status_code == 412
    assert person.send("GET", f"/mailboxes/{id}").json["state"] == "connected"


def test_every_change_of_one_thing_takes_the_version_that_was_seen() -> None:
    missing = [
        f"{route.method} {api.name}{route.path}"
        for api, route in all_routes()
        if route.method in {"PATCH", "PUT", "DELETE"} and "if_match" not in route.takes
    ]
    assert missing == []
