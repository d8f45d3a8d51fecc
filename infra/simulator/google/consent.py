"""The pages of the consent: account chooser, scopes with tick boxes, Allow and Deny."""

from collections.abc import Sequence
from html import escape

from infra.simulator.google import scopes
from infra.simulator.http import Response
from infra.simulator.mail import Account

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; background: #f0f4f9; color: #1f1f1f; margin: 0; }
main { max-width: 34rem; margin: 3rem auto; padding: 2rem; background: #fff; border-radius: 1.5rem; }
h1 { font-weight: 400; font-size: 1.6rem; margin: 0 0 .3rem; }
fieldset { border: 0; padding: 0; margin: 1.2rem 0; } legend { font-weight: 600; padding: 0; }
label { display: flex; gap: .7rem; padding: .5rem 0; border-bottom: 1px solid #e5e5e5; cursor: pointer; }
small { color: #5f6368; display: block; overflow-wrap: anywhere; }
button { font: inherit; padding: .5rem 1.4rem; border-radius: 2rem; border: 1px solid #747775;
 background: #fff; color: #0b57d0; cursor: pointer; }
button[value=allow] { background: #0b57d0; border-color: #0b57d0; color: #fff; }
nav { display: flex; gap: .7rem; justify-content: flex-end; }
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


def _page(title: str, content: str, status: int = 200) -> Response:
    html = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><small>Simulated Google</small><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    return Response(status, html.encode(), "text/html; charset=utf-8", dict(_HEADERS))


def error(code: str, detail: str, number: int = 400) -> Response:
    """Google tells the user, and not the client, when a request cannot be trusted.

    `number` is the one on the page; the answer's status is 400 in any case.
    """
    text = f"<p>{escape(detail)}</p><p>Error {number}: <b>{escape(code)}</b></p>"
    return _page("Access blocked: authorization error", text, 400)


def ask(
    *, target: str, client_id: str, accounts: Sequence[Account], chosen: str, asked: Sequence[str]
) -> Response:
    """`target` is where the form goes: the authorization request itself, which it repeats."""
    people = "".join(_account(account, chosen) for account in accounts)
    ticks = "".join(_tick(scope) for scope in asked if scope in scopes.TICKED)
    given = "".join(f"<li>{escape(scopes.SIGN_IN[s])}" for s in asked if s in scopes.SIGN_IN)
    boxes = (
        f"<fieldset><legend>Select what it can access</legend>{ticks}</fieldset>" if ticks else ""
    )
    form = (
        f"<p><b>{escape(client_id)}</b> wants access to your Google Account</p>"
        f'<form method="post" action="{escape(target)}">'
        f"<fieldset><legend>Choose an account</legend>{people}</fieldset>{boxes}<ul>{given}</ul>"
        '<nav><button name="decision" value="deny" formnovalidate>Deny</button>'
        '<button name="decision" value="allow">Allow</button></nav></form>'
    )
    return _page("Sign in with Google", form)


def _account(account: Account, chosen: str) -> str:
    checked = " checked" if account.address == chosen else ""
    return (
        f'<label><input type="radio" name="account" value="{escape(account.address)}" required{checked}>'
        f"<span>{escape(account.name)}<small>{escape(account.address)}</small></span></label>"
    )


def _tick(scope: str) -> str:
    return (
        f'<label><input type="checkbox" name="scope" value="{escape(scope)}" checked>'
        f"<span>{escape(scopes.TICKED[scope])}<small>{escape(scope)}</small></span></label>"
    )
