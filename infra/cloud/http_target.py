"""Calls what a task of `infra.cloud.cloud_tasks_server` names, as Cloud Tasks does."""

from collections.abc import Callable
from datetime import timedelta

import requests
from google.cloud.tasks_v2 import types

from infra.cloud.cloud_tasks_server import CloudTasks
from infra.cloud.queues import Delivery
from infra.delivery.dispatcher import Dispatcher
from infra.issuer import Issuer

TOKEN_LIFETIME = timedelta(hours=1)


def dispatcher(
    server: CloudTasks, issuer: Issuer, route: Callable[[str], str] = lambda url: url
) -> Dispatcher[Delivery]:
    """`issuer` signs the tasks' tokens. `route` gives the address behind a task's URL: a gateway in
    front of the functions takes off the headers that only Cloud Tasks may send."""

    def deliver(delivery: Delivery) -> int:
        status = _call(delivery, issuer, route(delivery.call.url))
        server.answered(delivery, status)
        return status

    return Dispatcher(lambda: server.queues, deliver)


def _call(delivery: Delivery, issuer: Issuer, address: str) -> int:
    """The status; redirects are not followed. Raises requests.RequestException."""
    call = delivery.call
    headers = {name: value for name, value in call.headers.items() if not _reserved(name)}
    headers |= {"User-Agent": "Google-Cloud-Tasks"} | delivery.headers
    if "oidc_token" in call:
        headers["Authorization"] = f"Bearer {_token(call, issuer)}"
    answer = requests.request(
        types.HttpMethod(call.http_method).name,
        address,
        data=call.body,
        headers=headers,
        timeout=delivery.deadline.total_seconds(),
        allow_redirects=False,
    )
    return answer.status_code


def _token(call: types.HttpRequest, issuer: Issuer) -> str:
    email = call.oidc_token.service_account_email
    claims = {"email": email, "email_verified": True, "sub": email, "azp": email}
    return issuer.token(call.oidc_token.audience or call.url, TOKEN_LIFETIME, claims)


def _reserved(header: str) -> bool:
    """Nobody else may speak for Cloud Tasks."""
    return header.lower().startswith(("x-google-", "x-appengine-", "x-cloudtasks-"))
