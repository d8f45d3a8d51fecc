"""The functions that users call, as they are."""

import importlib

from infra.functions_map import Trigger, load
from shared.web.endpoints import Api
from shared.web.routing import Route


def api_of(name: str) -> Api:
    api = importlib.import_module(f"functions.{name}.main").api
    assert isinstance(api, Api)
    return api


def all_routes() -> list[tuple[Api, Route]]:
    apis = map(api_of, load().triggered_by(Trigger.HTTP))
    return [(api, route) for api in apis for route in api.routes]
