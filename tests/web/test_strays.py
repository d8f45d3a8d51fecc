"""What never reaches our code is answered as everything else is."""

from pathlib import Path

import functions_framework
import pytest

from infra.functions_map import ROOT


@pytest.mark.parametrize("name", ["contacts", "sync_mailbox"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/a%0Ab", 404),
        ("POST", "/a%0Ab", 404),
        ("GET", "/robots.txt", 404),
        ("GET", "/favicon.ico", 404),
        ("TRACE", "/", 405),
        ("BREW", "/", 405),
    ],
)
def test_what_the_framework_refuses_is_a_problem_document_too(
    name: str, method: str, path: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND", "infra.embedded")
    monkeypatch.setenv("EMBEDDED_DATA", str(tmp_path))
    source = ROOT / "functions" / name / "main.py"
    app = functions_framework.create_app(name, str(source))  # type: ignore[no-untyped-call]
    answer = app.test_client().open(path, method=method)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert "frame-ancestors" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
