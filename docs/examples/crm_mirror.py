"""A CRM that mirrors every contact's timeline, by asking GET /events what happened.

    MAILBRIDGE_URL=http://127.0.0.1:8080 MAILBRIDGE_TOKEN=… python docs/examples/crm_mirror.py mirror.sqlite3

What an event is about is read anew, and stored together with the place in the log: it may be stopped at
any moment and goes on where it was.
"""

import json
import os
import sqlite3
import sys
from typing import Any

import requests


class Mirror:
    def __init__(self, url: str, token: str, file: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._kept = sqlite3.connect(file)
        self._kept.execute("CREATE TABLE IF NOT EXISTS timelines (contact PRIMARY KEY, activities)")
        self._kept.execute("CREATE TABLE IF NOT EXISTS place (one PRIMARY KEY, after)")

    def step(self, wait: int = 20) -> bool:
        """One page of events; whether there was anything."""
        place = self._kept.execute("SELECT after FROM place").fetchone()
        page = self._get("/events", after=place[0], wait=wait) if place else None
        if page is None:  # the first time, or the place is older than events are kept
            page = self._get("/events", after="latest") or {}
            contacts = {one["id"] for one in self._all("/contacts", "contacts")}
        else:
            contacts = {one["data"].get("contact_id", "") for one in page["events"]} - {""}
            if any(one["type"].startswith(("mailbox.", "thread.")) for one in page["events"]):
                contacts |= {one["id"] for one in self._all("/contacts", "contacts")}
        with self._kept:  # all of it, or nothing
            for contact in contacts:
                lines = self._all(f"/contacts/{contact}/timeline", "activities")
                self._kept.execute(
                    "REPLACE INTO timelines VALUES (?, ?)", (contact, json.dumps(lines))
                )
            self._kept.execute("REPLACE INTO place VALUES (1, ?)", (page["after"],))
        return bool(contacts)

    def timeline(self, contact: str) -> list[dict[str, Any]]:
        query = "SELECT activities FROM timelines WHERE contact = ?"
        found = self._kept.execute(query, (contact,)).fetchone()
        return json.loads(found[0]) if found else []

    def _all(self, path: str, items: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while page := self._get(path, page_token=token):  # of what is deleted there is no page
            found += page[items]
            if not (token := page["next_page_token"]):
                break
        return found

    def _get(self, path: str, **query: Any) -> dict[str, Any] | None:
        """None for what is gone."""
        answer = self._http.get(self._url + path, params=query, timeout=60)
        if answer.status_code in {404, 410}:
            return None
        answer.raise_for_status()
        return dict(answer.json())


if __name__ == "__main__":
    mirror = Mirror(os.environ["MAILBRIDGE_URL"], os.environ["MAILBRIDGE_TOKEN"], sys.argv[1])
    while True:
        mirror.step()
