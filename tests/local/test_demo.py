"""`make demo`: what it says happened did happen, and what it counts is true."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from infra.demo.accounting import Account, Report, doubled
from infra.demo.screen import plain
from infra.functions_map import EMBEDDED, ROOT
from infra.simulator import Loaded
from shared.providers.registry import PROVIDERS
from tests.local.conftest import ON_CLOUD

pytestmark = pytest.mark.timeout(300)

BOTH = pytest.mark.parametrize("backend", [EMBEDDED, ON_CLOUD])
REAL = ROOT.parent / "shared" / "data" / "mail"


# -- the whole of it --------------------------------------------------------------------------------


@BOTH
def test_the_simulators_own_mail(tmp_path: Path, backend: str) -> None:
    said, report = told(tmp_path, BACKEND=backend)

    assert report.backend == backend
    assert report.loaded == report.stored + report.named > 0
    assert (report.lost, report.doubled, report.sent) == (0, 0, len(report.providers))
    assert all("is of the team" in one.reason for one in report.named_mails)
    for spoken in ("Timeline of", "sending", "sent", "still once after another sync", "none lost"):
        assert spoken in said


def test_files_of_every_kind_are_on_a_timeline_or_named(tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    mails.mkdir()
    for name, sender in (("a.eml", "Ann <ann@a.example>"), ("b.txt", "bo@b.example")):
        (mails / name).write_text(f"From: {sender}\nSubject: {name}\n\nHello")
    again = "From x Thu Jan  1 00:00:00 2026\nFrom: Ann <ann@a.example>\nSubject: more\n\nHi\n\n"
    (mails / "c.mbox").write_text(again * 3)
    (mails / "d.eml").write_text("Subject: from nobody\n\nHello")
    (mails / "e.eml").write_text("From: A <a@-c.example>\n\nHello")
    (mails / "f.eml").write_text("")

    _, report = told(tmp_path, MAIL=str(mails))

    assert (report.loaded, report.stored, report.named) == (7, 5, 2)
    reasons = {one.mail: one.reason for one in report.named_mails}
    assert "names no address" in reasons["d.eml"]
    assert "cannot be a contact" in reasons["e.eml"]
    assert [one.mail for one in report.not_loaded] == ["f.eml"]
    assert sum(share.loaded for share in report.providers.values()) == 7
    assert set(report.providers) == set(PROVIDERS)


@pytest.mark.skipif(not REAL.is_dir(), reason="the folder of real mails is not beside the project")
@BOTH
def test_real_and_malformed_mails_are_all_accounted_for(tmp_path: Path, backend: str) -> None:
    _, report = told(tmp_path, MAIL=str(REAL), BACKEND=backend)

    assert report.loaded == len(list(REAL.glob("*.eml"))) == report.stored + report.named
    assert (report.lost, report.doubled) == (0, 0)
    assert [one.mail for one in report.named_mails] == ["error_emails__bad_encoded_subject.eml"]
    assert [one.mail for one in report.not_loaded] == ["sample_output_multipart"]


# -- ending early -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "status", "said"),
    [
        ({"MAIL": "nowhere.mbox"}, 2, "MAIL names nowhere.mbox"),
        ({"REPORT": "no/such/folder.json"}, 2, "REPORT names no/such/folder.json"),
        ({"MAX_RECIPIENTS": "none"}, 2, "Settings: MAX_RECIPIENTS must be"),
        ({"BACKEND": "infra.elsewhere"}, 2, "BACKEND names 'infra.elsewhere'"),
        ({"MAIL": "hollow"}, 1, "There is no mail in"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, environment: dict[str, str], status: int, said: str
) -> None:
    (tmp_path / "hollow").mkdir()

    with demo(tmp_path, environment) as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == status
    assert errors.startswith(f"\ndemo: {said}")
    assert errors.count("\n") == 2


def test_settings_of_real_providers_do_not_reach_it(tmp_path: Path) -> None:
    real = {"GOOGLE_CLIENT_ID": "real", "PUBLIC_URL": "https://crm.example.com", "AUTH_ISSUER": "x"}
    _, report = told(tmp_path, **real)
    assert report.sent > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path, {}) as process:
        assert process.stdout
        while "Contacts" not in process.stdout.readline():
            pass
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (130, "\ndemo: stopped; nothing is left behind.\n")


def told(folder: Path, **environment: str) -> tuple[str, Report]:
    """What it said and reported, having come to a good end."""
    with demo(folder, environment | {"REPORT": "report.json"}) as process:
        said, errors = process.communicate(timeout=280)
    assert (process.returncode, errors) == (0, ""), said
    return said, msgspec.json.decode((folder / "report.json").read_bytes(), type=Report)


@contextmanager
def demo(folder: Path, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Run in `folder`, which need not be the project's; its temporary files must be gone at the end."""
    own = folder / "temporary"
    own.mkdir()
    kept = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(own),
        "COLUMNS": "120",
    }
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "infra.demo"],
        cwd=folder,
        env=kept | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
    assert list(own.iterdir()) == []


# -- its arithmetic ---------------------------------------------------------------------------------


def account(*senders: str) -> Account:
    mails = [
        Loaded(account="me@x.example", name=f"{number}.eml", message_id=str(number), sender=sender)
        for number, sender in enumerate(senders)
    ]
    team = frozenset({"me@x.example"})
    return Account(provider="google", address="me@x.example", team=team, mails=mails)


def test_a_mail_that_is_missing_without_a_reason_is_lost() -> None:
    report = Report(backend="b")
    mine = account("a@x.example", "b@x.example", "")

    report.add(
        mine,
        stored=lambda mail: mail.name == "0.eml",
        reason=lambda mail: mine.reason(mail, passed_by="", refused={}),
    )

    assert (report.loaded, report.stored, report.named, report.lost) == (3, 1, 1, 1)
    assert report.lost_mails == ["1.eml"]
    assert not report.adds_up


def test_every_line_that_links_to_a_mail_again_is_doubled() -> None:
    assert doubled([["m1", "m2"], ["m1"]]) == 0
    assert doubled([["m1", "m2", "m1"], ["m3", "m3", "m3"]]) == 3
    assert not Report(backend="b", doubled=1).adds_up


def test_what_sync_noted_comes_before_what_the_mail_looks_like() -> None:
    (mail,) = (mine := account("")).mails
    assert mine.reason(mail, passed_by="too large", refused={}) == "Sync passed it by: too large"


def test_a_mail_cannot_steer_the_terminal() -> None:
    assert plain("a\x1b]0;title\x07b\x9bc\r\nd") == "a ]0;title b c  d"
