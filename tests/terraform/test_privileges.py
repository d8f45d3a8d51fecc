"""Least privilege: what roles.yaml allows is what the code asks Google for, and the README says it."""

import re

from infra import privileges
from infra.functions_map import ROOT, load
from infra.privileges import Roles

NEEDED = {
    "batch_get_documents": ["datastore.entities.get"],
    "run_query": ["datastore.entities.get", "datastore.entities.list"],
    "run_aggregation_query": ["datastore.entities.get", "datastore.entities.list"],
    "commit": [
        "datastore.entities.create",
        "datastore.entities.delete",
        "datastore.entities.get",  # a condition on a document that is not written
        "datastore.entities.update",
    ],
    "access_secret_version": ["secretmanager.versions.access"],
    "add_secret_version": ["secretmanager.versions.add"],
    "create_secret": ["secretmanager.secrets.create"],
    "delete_secret": ["secretmanager.secrets.delete"],
    "destroy_secret_version": ["secretmanager.versions.destroy"],
    "list_secret_versions": ["secretmanager.versions.list"],
    # With a token of an account in it, a task also asks for the right to act as that account.
    "create_task": ["cloudtasks.tasks.create", "iam.serviceAccounts.actAs"],
}
"""What Google asks for, by the calls of its client libraries (each service's "Access control" page)."""


def calls() -> set[str]:
    """The calls that shared/gcp makes."""
    source = "\n".join(file.read_text() for file in (ROOT / "shared" / "gcp").glob("*.py"))
    return set(re.findall(r"client(?:\(\))?\.(\w+)(?=[(,])", source)) - {"close"}


def permissions(roles: Roles) -> list[str]:
    return [permission for one in roles.permissions.values() for permission in one.permissions]


def test_the_roles_allow_what_the_code_asks_for_and_no_more() -> None:
    assert calls() == set(NEEDED)
    needed = {permission for call in calls() for permission in NEEDED[call]}
    assert needed == set(permissions(privileges.load_roles()))


def test_every_role_of_the_map_is_there_and_every_set_is_used() -> None:
    roles = privileges.load_roles()
    assert {role for one in load().functions.values() for role in one.granted} == set(roles.roles)
    rings = {ring for one in load().functions.values() for ring in one.keys}
    assert rings == set(roles.rings)
    assert {one for sets in roles.roles.values() for one in sets} == set(roles.permissions)


def test_no_permission_is_given_without_a_limit_but_the_one_that_has_none() -> None:
    """Google checks secrets.create before there is a name to check."""
    unlimited = [
        permission
        for one in privileges.load_roles().permissions.values()
        if one.scope == "project"
        for permission in one.permissions
    ]
    assert unlimited == ["secretmanager.secrets.create"]


def test_only_functions_that_use_tokens_can_read_them() -> None:
    """They are those that also have the provider's client secret, without which a token is no use."""
    for name, one in load().functions.items():
        assert ("secrets" in one.roles) <= bool(one.secrets), name


def test_no_role_reaches_policies_keys_or_whole_services() -> None:
    for one in permissions(privileges.load_roles()):
        assert not re.search(r"\*|setIam|[a-z]+\.admin|serviceAccountKeys|getAccessToken", one)


def test_the_readme_has_the_table_of_today() -> None:
    text = privileges.README.read_text()
    assert privileges.renewed(text) == text, "renew it with: python -m infra.privileges"


def test_each_row_says_what_a_taken_over_function_could_do() -> None:
    """Each set, ring, queue and secret of a function has its row, which is never without an answer."""
    table = privileges.table(load(), privileges.load_roles()).partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert all(row[-1] for row in rows)
    for name, function in load().functions.items():
        start = next(number for number, row in enumerate(rows) if row[0] == f"`{name}`")
        length = next(
            (n for n, row in enumerate(rows[start + 1 :], 1) if len(row) == 4), len(rows) - start
        )
        mays = {row[-3] for row in rows[start : start + length]}
        assert {f"ring `{ring}`" for ring in function.keys} <= mays
        assert {f"`enqueue` {queue}" for queue in function.enqueue} <= mays
        assert {f"read `{secret}`" for secret in function.secrets} <= mays
        assert len(mays) == length, "a row twice"


def test_whoever_fills_a_queue_is_said_to_reach_its_functions() -> None:
    table = privileges.table(load(), privileges.load_roles())
    (row, *_) = [line for line in table.splitlines() if "`enqueue` deliver" in line]
    assert "have `deliver_email` called with a body of their choice" in row
