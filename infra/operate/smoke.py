"""Is what was deployed alive, and closed? Asked from outside, as a stranger."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import msgspec
import requests
from msgspec import Struct

from shared.ports.clock import Clock
from shared.web import openapi
from shared.web.endpoints import Api, PrivateApi
from shared.web.problems import Problem

TIMEOUT = 30.0
"""Seconds; a first start may take some."""
PATIENCE = timedelta(minutes=2)
"""A new right to call takes about that long until it holds everywhere."""
PAUSE = 5.0

Ask = Callable[[str, str], requests.Response]
"""Method and URL."""


class Seen(Struct, frozen=True):
    function: str
    url: str
    ok: bool
    said: str


def check(urls: Mapping[str, str], clock: Clock, ask: Ask | None = None) -> list[Seen]:
    """One for each function. Those that do not answer as they must are asked again for PATIENCE."""
    ask = ask or _request
    seen: dict[str, Seen] = {}
    deadline = clock.now() + PATIENCE
    while waiting := {name: urls[name] for name in urls if name not in seen or not seen[name].ok}:
        if seen:
            if clock.now() > deadline:
                break
            clock.sleep(PAUSE)
        with ThreadPoolExecutor(len(waiting)) as pool:
            found = pool.map(partial(look, ask=ask), waiting, waiting.values())
            seen |= {answer.function: answer for answer in found}
    return [seen[name] for name in urls]


def look(function: str, url: str, ask: Ask) -> Seen:
    api = openapi.endpoint(function)
    try:
        if isinstance(api, PrivateApi):
            ok, said = _private(ask("POST", url))
        else:
            ok, said = _public(*_refused(api, url, ask))
    except requests.RequestException as error:
        ok, said = False, f"does not answer: {type(error).__name__}"
    return Seen(function, url, ok, said)


def _refused(api: Api, url: str, ask: Ask) -> tuple[requests.Response, int]:
    """The answer to something that our own code refuses, and the status that it must have."""
    route = next((one for one in api.routes if not one.public), None)
    if route is None:  # no token is asked for, and no path of theirs has this method
        return ask("DELETE", url), 405
    path = re.sub(r"\{\w+\}", "x", route.path).rstrip("/")
    return ask(route.method, url + path), 401


def _private(answer: requests.Response) -> tuple[bool, str]:
    """Google itself must turn strangers away, before any code of ours runs."""
    if problem := _problem(answer):
        return False, f"lets strangers in: it answered itself ({problem.status} {problem.title})"
    if answer.status_code in {403, 404}:  # 404 is for who comes from outside where that is closed
        return True, "closed to strangers"
    return False, f"answered {answer.status_code}, not 403"


def _public(answer: requests.Response, expected: int) -> tuple[bool, str]:
    if (problem := _problem(answer)) is None:
        return False, f"answered {answer.status_code}, and not by itself"
    if answer.status_code == expected:
        return True, "open, and asks who calls" if expected == 401 else "open"
    return False, f"{problem.status} {problem.title}: {problem.detail}"


def _problem(answer: requests.Response) -> Problem | None:
    """None when the answer is not of our code."""
    if answer.headers.get("Content-Type", "") != "application/problem+json":
        return None
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except msgspec.MsgspecError:
        return None
    return problem if problem.type.startswith("urn:mailbridge:") else None


def _request(method: str, url: str) -> requests.Response:
    return requests.request(method, url, timeout=TIMEOUT, allow_redirects=False)
