"""A real browser for tests: Chromium, spoken to by WebDriver (https://www.w3.org/TR/webdriver2/).

Everything it asks of other machines goes to a proxy of ours, which writes it down and refuses it.
"""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from infra.processes.ports import HOST, free_port

PROGRAMS = ("chromium", "chromedriver")
_MAKER = (".google.com", ".googleapis.com", ".gvt1.com", ".gstatic.com")
_QUIET = (
    *(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--disable-extensions", "--disable-domain-reliability"),
)


def missing() -> str:
    """Why there is no browser here, "" when there is one."""
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    return (
        f"no {' and no '.join(absent)}: apt-get install chromium chromium-driver" if absent else ""
    )


class Browser:
    def __init__(self, session: str, pages: dict[str, str], asked: list[str], home: str) -> None:
        self._session = session
        self._pages = pages
        self._asked = asked
        self._home = home

    def show(self, body: str, *, head: str = "", policy: str = "") -> None:
        """A page of ours with `body` in it, loaded to its end; `policy` is its Content-Security-Policy."""
        self._asked.clear()
        meta = f'<meta http-equiv=Content-Security-Policy content="{policy}">' if policy else ""
        self._pages["/page"] = f"<!doctype html><meta charset=utf-8>{meta}{head}<body>{body}</body>"
        self._command("POST", "/url", url=self.url)
        self.settle()

    @property
    def url(self) -> str:
        return f"{self._home}/page"

    @property
    def remote(self) -> set[str]:
        """The hosts that it asked, or wanted to ask, since the page began to load; not ours, and not its
        maker's, whom it asks by itself."""
        return {host for host in self._asked if not host.endswith(_MAKER)}

    def run(self, script: str, *args: object) -> Any:
        """What the script returns."""
        return self._command("POST", "/execute/sync", script=script, args=list(args))

    def settle(self) -> None:
        """Until what the page began on its own account has happened: two frames, and a timer after all
        that were set before."""
        script = """const done = arguments[0];
            requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)));"""
        self._command("POST", "/execute/async", script=script, args=[])

    def address(self) -> str:
        return str(self._command("GET", "/url"))

    def windows(self) -> list[str]:
        return list(self._command("GET", "/window/handles"))

    def _command(self, method: str, path: str, **body: object) -> Any:
        answer = requests.request(method, self._session + path, json=body or None, timeout=60)
        value = answer.json()["value"]
        assert answer.ok, value
        return value


@contextmanager
def started(folder: Path) -> Iterator[Browser]:
    with ExitStack() as running:
        pages: dict[str, str] = {}
        asked: list[str] = []
        proxy = running.enter_context(_serving(_proxy(asked)))
        home = running.enter_context(_serving(_site(pages)))
        driver = running.enter_context(_driver())
        options = {
            "args": [*_QUIET, f"--user-data-dir={folder}", f"--proxy-server={HOST}:{proxy}"],
            "binary": str(shutil.which("chromium")),
        }
        capabilities = {"goog:chromeOptions": options, "unhandledPromptBehavior": "ignore"}
        made = requests.post(
            f"{driver}/session", json={"capabilities": {"alwaysMatch": capabilities}}, timeout=120
        ).json()["value"]
        session = f"{driver}/session/{made['sessionId']}"
        running.callback(requests.delete, session, timeout=60)
        yield Browser(session, pages, asked, f"http://{HOST}:{home}")


@contextmanager
def _driver() -> Iterator[str]:
    port = free_port()
    program = str(shutil.which("chromedriver"))
    with subprocess.Popen(  # noqa: S603  # the one of the system
        [program, f"--port={port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if "started successfully" in line:
                    break
            else:
                raise AssertionError("chromedriver did not start")
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer((HOST, 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _site(pages: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    class Site(_Silent):
        def do_GET(self) -> None:  # http.server's name
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Site


def _proxy(asked: list[str]) -> type[BaseHTTPRequestHandler]:
    class Proxy(_Silent):
        def refuse(self) -> None:
            host = self.path.removeprefix("http://").partition("/")[0].partition(":")[0]
            asked.append(host)
            self.send_error(502)

        do_CONNECT = do_GET = do_POST = do_HEAD = refuse  # noqa: N815  # http.server's names

    return Proxy


class _Silent(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A test says what matters."""
