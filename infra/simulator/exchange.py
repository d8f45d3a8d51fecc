"""From a request to an answer: the route, the fault that strikes, the counters."""

import threading
from collections.abc import Callable
from urllib.parse import unquote
from uuid import uuid4

from infra.simulator.faults import Fault, Switchboard
from infra.simulator.http import Dropped, Refused, Request, Response, Route, Router, json_response
from infra.simulator.meters import Meters

CONTROL = "/_simulator/"
"""Paths of the simulator's own; no fault, latency or counter touches them."""


class Exchange:
    def __init__(self, faults: Switchboard, meters: Meters) -> None:
        self._faults = faults
        self._meters = meters
        self._router = Router([])
        self._stopping = threading.Event()

    def open(self, routes: list[Route]) -> None:
        self._router = Router(routes)

    def stop(self) -> None:
        """Ends every delay."""
        self._stopping.set()

    def answer(self, request: Request) -> Response:
        """One HTTP request. Raises Dropped."""
        if request.path.startswith(CONTROL):
            return self.call(request)
        self._meters.count("requests", "")
        return self.call(request, self._faults.latency_ms)

    def call(self, request: Request, latency_ms: int = 0) -> Response:
        """One call of an API, alone or as an item of a batch. Raises Dropped."""
        try:
            route = self._router.find(request)
        except Refused as refused:
            return refused.response
        if route is None:
            return json_response({"error": "not found"}, 404)
        if request.path.startswith(CONTROL):
            return _handle(route, request)
        return self._counted(route, request, latency_ms)

    def _counted(self, route: Route, request: Request, latency_ms: int) -> Response:
        self._meters.count("calls", route.name)
        try:
            with route.hold(request):
                self._wait(latency_ms)
                response = self._faulty(route, request)
        except Refused as refused:
            response = refused.response
        except Dropped:
            self._meters.count("failures", f"{route.name} dropped")
            raise
        if response.status >= 400:
            self._meters.count("failures", f"{route.name} {response.status}")
        return response

    def _faulty(self, route: Route, request: Request) -> Response:
        fault = self._faults.take(route.name, route.who(request), unquote(request.target))
        if fault is None:
            return _handle(route, request)
        self._wait(fault.delay_ms)
        # JSON cut short is an answer to a call that went well.
        happens = (
            fault.effect or not fault.fails or (fault.answer == "malformed" and not fault.status)
        )
        response = _handle(route, request) if happens else Response()
        if fault.drop:
            raise Dropped
        if fault.answer in {"endless", "circle"}:
            return route.endless(request, "circle" if fault.answer == "circle" else uuid4().hex)
        return _spoilt(fault, response, route.failure) if fault.fails else response

    def _wait(self, milliseconds: int) -> None:
        if milliseconds:
            self._stopping.wait(milliseconds / 1000)


def _handle(route: Route, request: Request) -> Response:
    try:
        return route.handle(request)
    except Refused as refused:
        return refused.response


def _spoilt(
    fault: Fault, response: Response, failure: Callable[[int, str, str], Response]
) -> Response:
    if fault.status:
        response = failure(fault.status, fault.reason, fault.message)
    if fault.answer == "html":
        page = b"<!DOCTYPE html><title>Error</title><p>That's an error. That's all we know.\n"
        response = Response(fault.status or 502, page, "text/html; charset=UTF-8")
    elif fault.answer == "empty":
        response = Response(fault.status or 502, b"", "text/html; charset=UTF-8")
    elif fault.answer == "malformed":
        response.body = response.body[: max(1, len(response.body) // 2)]
    if fault.retry_after is not None:
        wait = fault.retry_after if isinstance(fault.retry_after, str) else f"{fault.retry_after:g}"
        response.headers = response.headers | {"Retry-After": wait}
    return response
