"""Calling Google: what is tried again, and Google's errors as ours."""

from collections.abc import Callable
from typing import TypeVar

from shared.domain.errors import ConfigurationError, ProviderUnavailable

T = TypeVar("T")

TIMEOUT = 15.0
"""Seconds that one try may take."""
PATIENCE = 25.0
"""Seconds after which no other try is made; a user's request has 30."""


def ask(service: str, call: Callable[[], T], *, repeatable: bool = True) -> T:
    """What `call` returns; tried again after errors that may pass.

    Without `repeatable`, only after those that say that nothing was done. `call` deals with the errors
    it expects; of the others an outage becomes ProviderUnavailable, a request that can never succeed
    ValueError, and a refusal, which is our deployment's fault, ConfigurationError.
    """
    from google.api_core import exceptions as google
    from google.auth.exceptions import GoogleAuthError, TransportError

    undone = (google.Aborted, google.ResourceExhausted)
    unclear = (
        google.ServiceUnavailable,
        google.GatewayTimeout,
        google.InternalServerError,
        google.Unknown,
        google.DataLoss,
        google.Cancelled,
        TransportError,
    )
    try:
        return _tried(call, (*undone, *unclear) if repeatable else undone)
    except (*undone, *unclear, google.RetryError) as error:
        raise ProviderUnavailable(f"{service}: {error}", reason="backend") from error
    except (google.InvalidArgument, google.OutOfRange) as error:
        raise ValueError(f"{service}: {error}") from error
    except (google.GoogleAPICallError, GoogleAuthError) as error:
        raise ConfigurationError(f"{service}: {error}") from error


def _tried(call: Callable[[], T], passing: tuple[type[Exception], ...]) -> T:
    from google.api_core.retry import Retry, if_exception_type

    retry = Retry(if_exception_type(*passing), initial=0.1, maximum=3.0, timeout=PATIENCE)
    return retry(call)()
