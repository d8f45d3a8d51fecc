"""The hardest scenes of the services, played again on the Google Cloud backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.simulator import Simulator
from tests.gcp import emulator
from tests.gcp.cloud import servers
from tests.gcp.world import CloudWorld
from tests.services import (
    conftest,
    test_crashes,
    test_emails,
    test_sync,
    test_vault,
)
from tests.services import test_disconnecting as scenes_of_disconnecting
from tests.vendors import VENDORS, Vendor
from tests.world import FakeClock

pytestmark = [
    pytest.mark.skipif(bool(emulator.missing()), reason=emulator.missing()),
    pytest.mark.timeout(600),
]

simulator = conftest.simulator
scene = test_crashes.scene
mailbox_id, write = test_emails.mailbox_id, test_emails.write
mailbox = test_vault.mailbox

test_first_sync = test_crashes.test_sync_mailbox_first_sync
test_following_changes = test_crashes.test_sync_mailbox_following_changes
test_an_expired_cursor = test_crashes.test_sync_mailbox_after_its_cursor_expired
test_delivering = test_crashes.test_deliver_email
test_writing = test_crashes.test_writing_an_email_with_an_idempotency_key
test_confirming = test_crashes.test_confirming_a_connection
test_disconnecting = test_crashes.test_disconnecting
test_clearing_away = scenes_of_disconnecting.test_death_anywhere_leaves_nothing_half_done
test_two_workers_on_one_mailbox = test_sync.test_two_workers_at_once_on_one_mailbox_one_works
test_two_workers_on_one_email = test_emails.test_two_workers_at_once_send_once
test_one_refresh_for_200_workers = test_vault.test_many_workers_in_many_instances_make_one_refresh
test_one_refusal_for_60_workers = test_vault.test_many_workers_hear_of_a_grants_end_by_one_request
test_a_schedule_that_dies = (
    test_sync.test_dispatch_enqueues_every_due_mailbox_once_though_it_dies_in_the_middle
)


@pytest.fixture(autouse=True)
def _on_google_cloud(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    """The scenes make their worlds themselves, by this name."""
    for module in (test_crashes, test_emails, test_sync, test_vault):
        monkeypatch.setattr(module, "LocalWorld", CloudWorld)
    monkeypatch.setattr(servers().cloud_tasks, "clock", clock)


@pytest.fixture
def vendor() -> Vendor:
    return VENDORS["google"]


@pytest.fixture
def world(tmp_path: Path, simulator: Simulator, clock: FakeClock) -> Iterator[CloudWorld]:
    made = CloudWorld(tmp_path, simulator, clock)
    yield made
    made.backend.close()
