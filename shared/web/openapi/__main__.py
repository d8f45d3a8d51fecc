"""Prints the description, as a release keeps it: python -m shared.web.openapi > docs/openapi/1.0.json"""

import sys

import msgspec

from shared.web import openapi

if __name__ == "__main__":
    written = msgspec.json.encode(openapi.document(), order="sorted")
    sys.stdout.write(msgspec.json.format(written, indent=1).decode() + "\n")
