"""Mails from files and folders."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.simulator import Simulator, headers, loading
from tests.simulator.people import ANA, BEN, mail

MBOX = (
    b"From carl@client.example Fri Nov 20 09:00:00 2026\nFrom: carl@client.example\nSubject: One\n\n"
    b"Text\n\n>From here on\n>>From there\nFrom me in 2026\n\n"
    b"From dora@client.example Fri Nov 20 10:00:00 2026\r\n"
    b"From: dora@client.example\r\nSubject: Two\r\n\r\nMore\r\n"
)


def found(folder: Path, files: dict[str, bytes]) -> dict[str, loading.Found]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return {one.name: one for one in loading.mails(folder)}


def test_a_folder_gives_its_mails_and_names_what_is_none(tmp_path: Path) -> None:
    mails = found(
        tmp_path,
        {
            "a.eml": mail("A"),
            "b.EML": mail("B"),
            "c.txt": mail("C"),
            "deep/er/d.eml": mail("D"),
            "plain": mail("E"),
            "LICENSE": b"MIT License\n\nPermission is hereby granted",
            ".hidden.eml": mail("no"),
            ".git/x.eml": mail("no"),
            "image.png": b"\x89PNG",
            "empty.eml": b"",
            "empty": b"",
            "notes.txt": b"Buy milk\n",
        },
    )

    assert {name for name, one in mails.items() if one.raw} == {
        "a.eml", "b.EML", "c.txt", "deep/er/d.eml", "plain",
    }  # fmt: skip
    assert {name: one.problem for name, one in mails.items() if one.problem} == {
        "empty.eml": "empty: there is no mail in it",
        "empty": "empty: there is no mail in it",
        "notes.txt": "no mail: none of the headers a mail has",
    }


@pytest.mark.parametrize("name", ["box.mbox", "box", "box.txt"])
def test_an_mbox_gives_each_of_its_mails_under_a_number(tmp_path: Path, name: str) -> None:
    mails = found(tmp_path, {name: MBOX})

    assert list(mails) == [f"{name}#1", f"{name}#2"]
    assert mails[f"{name}#1"].raw.endswith(
        b"Text\n\nFrom here on\n>From there\nFrom me in 2026\n\n"
    )
    assert mails[f"{name}#2"].raw.startswith(b"From: dora@client.example\r\n")


def test_an_eml_with_an_mbox_line_is_one_mail(tmp_path: Path) -> None:
    mails = found(tmp_path, {"one.eml": MBOX})

    assert list(mails) == ["one.eml"]
    assert mails["one.eml"].raw.startswith(b"From: carl@client.example\n")


def test_a_file_can_be_loaded_alone_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.dat").write_bytes(mail())

    assert [one.name for one in loading.mails(tmp_path / "x.dat")] == ["x.dat"]


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        list(loading.mails(tmp_path / "nowhere"))


def test_loaded_mail_lies_where_its_date_and_its_sender_say(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.add_account(ANA)
    dates = {
        "dated": "Date: Fri, 20 Nov 2026 09:00:00 +0100\n",
        "received": "Date: yesterday\nReceived: from x by y;\n Thu, 19 Nov 2026 08:00:00 +0000\n",
        "undated": "",
    }
    for name, lines in dates.items():
        (tmp_path / f"{name}.eml").write_text(f"From: Carl <CARL@x.example>\n{lines}\nHi")
    (tmp_path / "own.eml").write_text(f"From: {ANA}\nTo: carl@x.example\n\nHi")

    loaded = {one.name: one for one in simulator.load(ANA, tmp_path)}

    at = {
        name: datetime.fromtimestamp(simulator.message(ANA, one.message_id).at / 1000, UTC)
        for name, one in loaded.items()
    }
    assert loaded["dated.eml"].sender == "carl@x.example"
    assert at["dated.eml"] == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert at["received.eml"] == datetime(2026, 11, 19, 8, tzinfo=UTC)
    assert abs((at["undated.eml"] - simulator.clock.now()).total_seconds()) < 1
    assert simulator.message(ANA, loaded["own.eml"].message_id).labels == ("SENT",)
    assert simulator.message(ANA, loaded["dated.eml"].message_id).labels == ("INBOX",)


def test_accounts_that_share_a_folder_take_turns(tmp_path: Path, simulator: Simulator) -> None:
    for number in range(5):
        (tmp_path / f"{number}.eml").write_bytes(mail(str(number)))
    names = []
    for turn, account in enumerate((ANA, BEN)):
        simulator.add_account(account)
        shared = simulator.load(account, tmp_path, turn=turn, of=2)
        names.append([one.name for one in shared])

    assert names == [["0.eml", "2.eml", "4.eml"], ["1.eml", "3.eml"]]


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("jane@x.example <eve@y.example>", ("eve@y.example",)),
        ("A <jane@x.example> B <eve@y.example>", ("eve@y.example",)),
        ('"jane@x.example <z>" <eve@y.example>', ("eve@y.example",)),
        ("jane@x.example, eve@y.example", ("jane@x.example", "eve@y.example")),
        ("jane@x.example eve@y.example", ("jane@x.example", "eve@y.example")),
        ("Jane Doe jane@x.example", ("jane@x.example",)),
        ("'jane@x.example'", ("jane@x.example",)),
        ("o'neil@x.example", ("o'neil@x.example",)),
    ],
)
def test_people_are_found_where_a_mail_client_sees_them(
    value: str, addresses: tuple[str, ...]
) -> None:
    assert headers.people([value]).addresses == addresses
