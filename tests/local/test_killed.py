"""Functions that are killed in the middle of their tasks: others finish them, and nothing is doubled."""

import os
import signal
import time
from collections.abc import Callable

import pytest
import requests

from infra.local.stack import Stack
from tests.local.http import add_contact, call
from tests.local.test_main_job import CONTACT, connect, send, timeline

pytestmark = pytest.mark.timeout(300)

PATIENCE = 200.0
"""Seconds. What a killed worker held is let go of after 45, and then the sweep comes every minute."""


def test_work_that_is_cut_off_is_done_once(stack: Stack) -> None:
    undisturbed = _brought_in(stack, team="globex")
    contact = add_contact(stack, CONTACT)
    _slow_down(stack, milliseconds=700)
    mailbox = connect(stack)
    email = send(stack, mailbox, subject="Re: Press demo")
    _until(lambda: _phase(stack, mailbox) == "importing" and _status(stack, email) == "sending")
    _kill(stack, "sync_mailbox", "deliver_email")
    _slow_down(stack, milliseconds=0)

    _until(lambda: _phase(stack, mailbox) == "up_to_date" and _status(stack, email) == "sent")
    call(stack, "POST", f"/mailboxes/{mailbox}/sync").raise_for_status()
    stack.wait_idle()
    assert _subjects(stack, contact) == ["Re: Press demo", *undisturbed]
    assert _control(stack, "GET", "counters").json()["messages"]["sent"] == 1


def _brought_in(stack: Stack, **who: str) -> list[str]:
    """The same mail as another team sees it, at one go."""
    contact = add_contact(stack, CONTACT, **who)
    mailbox = connect(stack, **who)
    _until(lambda: _phase(stack, mailbox, **who) == "up_to_date")
    return _subjects(stack, contact, **who)


def _kill(stack: Stack, *functions: str) -> None:
    for function in functions:
        os.kill(stack.processes[function].pid, signal.SIGKILL)
    _until(lambda: all(stack.processes[function].ended for function in functions))


def _phase(stack: Stack, mailbox: str, **who: str) -> str:
    return str(call(stack, "GET", f"/mailboxes/{mailbox}", **who).json()["sync"]["phase"])


def _status(stack: Stack, email: str) -> str:
    return str(call(stack, "GET", f"/emails/{email}").json()["status"])


def _subjects(stack: Stack, contact: str, **who: str) -> list[str]:
    return [line["subject"] for line in timeline(stack, contact, **who)]


def _slow_down(stack: Stack, *, milliseconds: int) -> None:
    """Every request to the provider."""
    _control(stack, "PUT", "latency", json={"ms": milliseconds})


def _control(stack: Stack, method: str, what: str, **more: object) -> requests.Response:
    url = f"{stack.simulator_url}/_simulator/{what}"
    answer = requests.request(method, url, timeout=30, **more)  # type: ignore[arg-type]
    answer.raise_for_status()
    return answer


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
