"""The public API, as a user's program calls it."""

import time
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
import requests
from msgspec import Struct

from infra.demo import browser
from infra.demo.failure import Failed
from infra.local.pages import Token
from shared.problems import Problem
from shared.services import connect, contacts, emails, mailboxes, messages

T = TypeVar("T")
_PAGE = 100
