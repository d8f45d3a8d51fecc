"""A person at a consent page: chooses the account, leaves every box ticked, allows."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from infra.demo.failure import Failed


def consent(authorization_url: str, account: str) -> bytes:
    """Follows the pages to our callback; the body of its answer. Raises Failed."""
    try:
        with requests.Session() as browser:
            done = _allow(browser, authorization_url, account)
    except requests.RequestException as error:
        raise Failed(f"The consent broke off ({type(error).__name__}).") from error
    if done.status_code != 200:
        raise Failed(f"The consent ended with status {done.status_code}: {done.text[:300]}")
    return done.content


def _allow(browser: requests.Session, authorization_url: str, account: str) -> requests.Response:
    page = browser.get(authorization_url, timeout=30)
    form = _Form(account)
    form.feed(page.text)
    if not form.chosen:
        raise Failed(f"The consent page does not offer {account} (status {page.status_code}).")
    return browser.post(urljoin(page.url, form.action), data=form.fields, timeout=30)


class _Form(HTMLParser):
    """The fields that a browser would send."""

    def __init__(self, account: str) -> None:
        super().__init__()
        self._account = account
        self.action = ""
        self.chosen = False
        self.fields: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given.get("action", "")
        elif tag == "input":
            self._input(given)
        elif tag == "button" and given.get("value") == "allow":
            self.fields.append((given["name"], given["value"]))

    def _input(self, given: dict[str, str]) -> None:
        kind, value = given.get("type", "text"), given.get("value", "")
        mine = kind == "radio" and value == self._account
        self.chosen = self.chosen or mine
        if mine or kind == "hidden" or (kind == "checkbox" and "checked" in given):
            self.fields.append((given["name"], value))
