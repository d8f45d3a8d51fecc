"""A folder of real and malformed mails: every one loads and is served in every format."""

from pathlib import Path

import pytest

from infra.simulator import Simulator
from tests.simulator.people import ANA, Program, decoded

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "mail"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real mails is not here")


def test_every_mail_loads_and_is_served_in_every_format(ana: Program, simulator: Simulator) -> None:
    loaded = simulator.load(ANA, FOLDER)
    served = {one.name: one.message_id for one in loaded if one.message_id}

    files = {path.name for path in FOLDER.iterdir() if path.suffix == ".eml"}
    assert set(served) == files
    assert [one.name for one in loaded if one.problem] == ["sample_output_multipart"]
    assert sorted(ana.ids(includeSpamTrash="true")) == sorted(served.values())
    for name, key in served.items():
        full = ana.read(f"/messages/{key}")
        assert full["payload"]["mimeType"], name
        shown = {header["name"].lower() for header in full["payload"]["headers"]}
        assert not simulator.message(ANA, key).facts.sender or "from" in shown, name
        for shape in ("metadata", "minimal"):
            assert ana.read(f"/messages/{key}", format=shape)["id"] == key
        raw = decoded(ana.read(f"/messages/{key}", format="raw")["raw"])
        assert raw == simulator.raw(ANA, key)


def test_a_search_for_a_sender_finds_all_of_the_senders_mail(
    ana: Program, simulator: Simulator
) -> None:
    loaded = [one for one in simulator.load(ANA, FOLDER) if one.sender]

    for sender in {one.sender for one in loaded}:
        mine = {one.message_id for one in loaded if one.sender == sender}
        assert mine <= set(ana.ids(q=f"{{from:{sender} to:{sender}}}")), sender


def test_nearly_every_mail_has_a_sender(simulator: Simulator) -> None:
    simulator.add_account(ANA)
    loaded = simulator.load(ANA, FOLDER)

    assert sum(1 for one in loaded if one.message_id and not one.sender) <= 2
