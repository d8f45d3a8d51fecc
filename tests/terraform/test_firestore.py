"""The database is made of indexes.yaml."""

from typing import Any

import yaml

from infra.functions_map import ROOT
from tests.terraform.workspace import Deployed

INDEXES: dict[str, Any] = yaml.safe_load((ROOT / "terraform" / "indexes.yaml").read_text())


def fields(deployed: Deployed) -> dict[tuple[str, str], dict[str, Any]]:
    found = [one.values for one in deployed.all("firestore_field")]
    return {(one["collection"], one["field"]): one for one in found}


def test_no_collection_is_indexed_by_default(deployed: Deployed) -> None:
    made = fields(deployed)
    assert {name for name, field in made if field == "*"} == set(INDEXES["collections"])
    for name in INDEXES["collections"]:
        assert made[name, "*"]["index_config"] == [{"indexes": []}]


def test_every_single_field_index_is_made(deployed: Deployed) -> None:
    wanted = {
        (one["collection"], one["field"], one["order"], one["scope"]) for one in INDEXES["fields"]
    }
    made = {
        (*key, index["order"], index["query_scope"])
        for key, one in fields(deployed).items()
        for index in one["index_config"][0]["indexes"]
    }
    assert made == wanted


def test_documents_expire_where_it_says_so_and_nowhere_else(deployed: Deployed) -> None:
    made = {key for key, one in fields(deployed).items() if one["ttl_config"]}
    assert made == {(one["collection"], one["field"]) for one in INDEXES["ttl"]}


def test_every_composite_index_is_made(deployed: Deployed) -> None:
    made = {
        (
            one.values["collection"],
            one.values["query_scope"],
            tuple(
                ("-" if field["order"] == "DESCENDING" else "") + field["field_path"]
                for field in one.values["fields"]
            ),
        )
        for one in deployed.all("firestore_index")
    }
    assert made == {
        (one["collection"], one["scope"], tuple(one["fields"])) for one in INDEXES["composites"]
    }


def test_it_is_backed_up_every_day_and_any_minute_can_be_read(deployed: Deployed) -> None:
    schedule = deployed.one("firestore_backup_schedule")
    assert schedule["retention"] == f"{14 * 24 * 3600}s"
    assert schedule["daily_recurrence"] == [{}]
    database = deployed.one("firestore_database")
    assert database["point_in_time_recovery_enablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
