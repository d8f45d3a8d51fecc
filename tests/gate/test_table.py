"""Every route gives everybody what the table says, and no word more."""

import pytest

from tests.gate.stage import Stage
from tests.gate.table import BESIDES, SITUATIONS, TABLE, VIEWERS, violations
from tests.web.functions import all_routes

ROUTES = {f"{route.method} /{api.name}{route.path.rstrip('/')}" for api, route in all_routes()}


def test_the_table_names_every_route_and_no_other() -> None:
    assert {row.route for row in TABLE} == ROUTES


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_everybody_gets_what_the_table_says(stage: Stage, route: str) -> None:
    assert list(violations(stage, [row for row in TABLE if row.route == route])) == []


def test_the_canaries_are_there_to_be_seen(stage: Stage) -> None:
    """Without them the table would hold for an empty house."""
    situation = SITUATIONS["everything"]
    stage.set(situation.visibility, situation.thread, situation.widest, shared=False)
    claims, _ = VIEWERS["owner"]
    mail = stage.ask(claims, "GET", "/messages/{message}").shown
    line = stage.ask(claims, "GET", "/contacts/{carl}/timeline").shown
    assert {"subject", "body", "file", "bcc"} <= mail
    assert {"subject", "snippet", "message"} <= line


@pytest.mark.parametrize("check", BESIDES, ids=lambda check: check.__name__)
def test_beside_the_table(stage: Stage, check) -> None:  # type: ignore[no-untyped-def]
    assert check(stage) == ""
