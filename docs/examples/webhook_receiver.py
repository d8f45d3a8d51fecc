"""A receiver of webhooks that verifies each (https://www.standardwebhooks.com) and takes it once.

    WEBHOOK_SECRETS="whsec_…" python docs/examples/webhook_receiver.py events.sqlite3 8765

Several secrets, space separated, are all good: so one is rotated without a gap. An event is stored before
it is answered for; a repetition is known by its id, and answered for without being stored again.
"""

import base64
import hashlib
import hmac
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300
"""Seconds that a request may be old: later, somebody else may be sending it once more."""
LARGEST = 1 << 20


def is_genuine(
    secrets: Sequence[str], id: str, timestamp: str, signatures: str, body: bytes
) -> bool:
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{id}.{timestamp}.".encode() + body
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        wanted = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        if any(hmac.compare_digest(wanted.encode(), one.encode()) for one in signatures.split()):
            return True
    return False


def server(secrets: Sequence[str], file: str, port: int) -> ThreadingHTTPServer:
    with closing(sqlite3.connect(file)) as kept:
        kept.execute("CREATE TABLE IF NOT EXISTS events (id PRIMARY KEY, body)")

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # as the standard library calls it
            length = min(int(self.headers.get("Content-Length") or 0), LARGEST)
            id, body = self.headers.get("webhook-id", ""), self.rfile.read(length)
            stamp = self.headers.get("webhook-timestamp", "")
            signatures = self.headers.get("webhook-signature", "")
            if not is_genuine(secrets, id, stamp, signatures, body):
                self.send_error(401)
                return
            with closing(sqlite3.connect(file)) as kept, kept:
                kept.execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (id, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return ThreadingHTTPServer(("127.0.0.1", port), Receiver)


if __name__ == "__main__":
    server(os.environ["WEBHOOK_SECRETS"].split(), sys.argv[1], int(sys.argv[2])).serve_forever()
