"""Calling Google: what is tried again, and Google's errors as ours."""

from collections.abc import Callable
from typing import TypeVar

from shared.domain.errors import ConfigurationError, ProviderUnavailable

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds that one try may take."""
PATIENCE = 20.0
"""Seconds after which no other try is begun, so that the last ends within the 30 of a user's request."""


def ask(service: str, call: Callable[[], T], *, repeatable: bool = True) -> T:
    """What `call` returns; tried again after errors that may pass.

    Without `repeatable`, only after those that say that nothing was done. `call` deals with the errors
    it expects; of the others an outage becomes ProviderUnavailable, a request that can never succeed
    ValueError, and a refusal, which is our deployment's fault, ConfigurationError.
    """
    from google.api_core import exceptions as google
    from google.api_core.retry import Retry, if_exception_type
    from google.auth.exceptions import GoogleAuthError

    passing = _undone() + _unclear()
    outages: tuple[type[Exception], ...] = (*passing, google.RetryError)
    again = if_exception_type(*(passing if repeatable else _undone()))
    retry = Retry(again, initial=0.1, maximum=3.0, timeout=PATIENCE)
    try:
        return retry(call)()
    except outages as error:
        raise ProviderUnavailable(f"{service}: {error}", reason="backend") from error
    except (google.InvalidArgument, google.OutOfRange) as error:
        raise ValueError(f"{service}: {error}") from error
    except (google.GoogleAPICallError, GoogleAuthError) as error:
        raise ConfigurationError(f"{service}: {error}") from error


def _undone() -> tuple[type[Exception], ...]:
    """Nothing was done."""
    from google.api_core import exceptions as google

    return google.Aborted, google.ResourceExhausted


def _unclear() -> tuple[type[Exception], ...]:
    """Something may have been done."""
    from google.api_core import exceptions as google
    from google.auth.exceptions import TransportError

    return (
        google.ServiceUnavailable,
        google.GatewayTimeout,
        google.InternalServerError,
        google.Unknown,
        google.DataLoss,
        google.Cancelled,
        TransportError,
    )
