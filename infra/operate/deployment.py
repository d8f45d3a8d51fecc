"""What stands in the cloud for one environment, as Terraform's outputs tell it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from shared.domain.errors import ConfigurationError


class Deployment(Struct, frozen=True):
    deployment: str
    """The name that all its resources carry."""
    project: str
    region: str
    database: str
    redirect_uri: str
    function_urls: dict[str, str]
    """By the functions' names in the map."""
    queues: dict[str, str]
    """The names in the map, and in the cloud."""
    invokers: dict[str, str] = {}
    """The service account that each queue calls its function as, by the queue's name in the map."""

    def service(self, function: str) -> str:
        """Cloud Run's name of it: the last part of its URL, as Cloud Functions spells services."""
        name = urlsplit(self.function_urls[function]).path.rpartition("/")[2]
        return name.lower().replace("_", "-")


def from_outputs(outputs: Mapping[str, Mapping[str, Any]], environment: str) -> Deployment:
    """Raises ConfigurationError when there is nothing yet."""
    if not outputs:
        raise ConfigurationError(
            f"Nothing is deployed to {environment} yet: make deploy ENVIRONMENT={environment}"
        )
    values = {name: output["value"] for name, output in outputs.items()}
    try:
        return msgspec.convert(values, Deployment)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"The outputs of {environment} are not those of these sources ({error}): "
            f"make deploy ENVIRONMENT={environment}"
        ) from error
