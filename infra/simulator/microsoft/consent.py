"""The pages of the login: account chooser, permissions, Accept and Cancel, and what goes wrong."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from infra.simulator.http import Response
from infra.simulator.mail import Account
from infra.simulator.microsoft import aadsts, scopes

_STYLE = """
body { font: 15px/1.45 "Segoe UI", system-ui, sans-serif; background: #f2f2f2; color: #1b1b1b; margin: 0; }
main { max-width: 27rem; margin: 3rem auto; padding: 2.5rem; background: #fff; box-shadow: 0 2px 6px #0003; }
h1 { font-weight: 600; font-size: 1.5rem; margin: .6rem 0; }
fieldset { border: 0; padding: 0; margin: 1.2rem 0; } legend { font-weight: 600; padding: 0; }
label { display: flex; gap: .7rem; padding: .6rem 0; border-bottom: 1px solid #e1e1e1; cursor: pointer; }
small { color: #616161; display: block; overflow-wrap: anywhere; } li { margin: .3rem 0; }
button { font: inherit; padding: .4rem 2rem; border: 0; background: #ccc; color: #000; cursor: pointer; }
button[value=allow] { background: #0067b8; color: #fff; }
nav { display: flex; gap: .4rem; justify-content: flex-end; }
"""
_SUBMIT = "document.forms[0].submit()"
_SUBMIT_HASH = base64.b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def page(title: str, content: str, status: int = 200, script: str = "'none'") -> Response:
    html = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><small>Simulated Microsoft</small><h1>{escape(title)}</h1>{content}"
        "</main></body></html>"
    )
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {script}; frame-ancestors 'none'"
    headers = _HEADERS | {"Content-Security-Policy": policy}
    return Response(status, html.encode(), "text/html; charset=utf-8", headers)


def error(number: str, detail: str = "") -> Response:
    """Told to the user, and not to the client, when a request cannot be trusted."""
    sentence = escape(aadsts.description(number, detail))
    text = f"<p>Sorry, but we're having trouble signing you in.</p><p>{sentence}</p>"
    return page("Sign in", text, 400)


def failure(status: int, reason: str = "", message: str = "") -> Response:
    """An armed fault's page."""
    told = aadsts.description(reason) if reason.isdecimal() else "Please try again."
    sentence = escape(message or told)
    return page("Sign in", f"<p>We're having trouble signing you in.</p><p>{sentence}</p>", status)


def ask(
    *,
    target: str,
    app: str,
    accounts: Sequence[Account],
    chosen: str,
    asked: Sequence[str],
    needing_admin: frozenset[str],
) -> Response:
    """`target` is where the form goes: the authorization request itself, which it repeats."""
    people = "".join(
        _account(account, chosen, account.address in needing_admin) for account in accounts
    )
    wanted = "".join(_permission(scope) for scope in asked)
    form = (
        f"<p><b>{escape(app)}</b> (unverified) would like to:</p>"
        f'<form method="post" action="{escape(target)}"><ul>{wanted}</ul>'
        f"<fieldset><legend>Pick an account</legend>{people}</fieldset>"
        '<nav><button name="decision" value="deny" formnovalidate>Cancel</button>'
        '<button name="decision" value="allow">Accept</button></nav></form>'
    )
    return page("Permissions requested", form)


def post_back(redirect_uri: str, fields: Mapping[str, str]) -> Response:
    """response_mode=form_post: a form that sends itself."""
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    form = (
        f'<form method="post" action="{escape(redirect_uri)}">{inputs}'
        f"<noscript><button>Continue</button></noscript></form><script>{_SUBMIT}</script>"
    )
    return page("Working…", form, script=f"'sha256-{_SUBMIT_HASH}'")


def _account(account: Account, chosen: str, needs_admin: bool) -> str:
    checked = " checked" if account.address == chosen else ""
    note = "<small>Need admin approval</small>" if needs_admin else ""
    return (
        f'<label><input type="radio" name="account" value="{escape(account.address)}" required{checked}>'
        f"<span>{escape(account.name)}<small>{escape(account.address)}</small>{note}</span></label>"
    )


def _permission(scope: str) -> str:
    """All or nothing: there is no box to untick."""
    hidden = f'<input type="hidden" name="scope" value="{escape(scope)}">'
    return f"<li>{escape(scopes.KNOWN[scope])}<small>{escape(scope)}</small>{hidden}</li>"
