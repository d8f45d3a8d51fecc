"""Requests that reach no function of ours: what the framework around us refuses by itself.

It routes paths by patterns that a newline, for one, does not fit, and would answer with a page.
"""

from flask import current_app, has_app_context
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from shared.domain.errors import InvalidRequest, NotFound
from shared.web import answers


def claim() -> None:
    """Answers them too, in the application that loads us; without one there are none."""
    if has_app_context():
        current_app.register_error_handler(HTTPException, _answer)


def _answer(error: HTTPException) -> Response:
    from flask import request

    return answer(error, request)


def answer(error: HTTPException, request: Request) -> Response:
    if error.response is not None or (error.code or 500) >= 500:
        refused = answers.refusal(error)
    elif error.code == 404:
        refused = answers.refusal(
            NotFound("There is nothing at this path.", reason="path_not_found")
        )
    else:
        refused = answers.refusal(InvalidRequest("This is no request that can be understood."))
    return answers.secured(request, refused)
