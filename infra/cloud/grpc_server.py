"""A gRPC server for one of Google's services, made of the client library's own message classes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar, get_type_hints

import grpc  # type: ignore[import-untyped]

T = TypeVar("T")

THREADS = 32


class Refused(Exception):
    """A call that ends with a status."""

    def __init__(self, code: str, message: str) -> None:
        """`code` is a status by name: NOT_FOUND, ALREADY_EXISTS …"""
        super().__init__(message)
        self.status = grpc.StatusCode[code]


@contextmanager
def serving(service: object, name: str) -> Iterator[str]:
    """host:port of a server of the service `name` (package.Service).

    Its methods are those of `service` that take one `request`: `create_secret` is CreateSecret, reads
    the message that `request` is annotated with, and returns the answer or raises Refused.
    """
    handlers = {
        f"/{name}/{_camel(method)}": _handler(getattr(service, method), hints["request"])
        for method in dir(service)
        if "request" in (hints := _hints(getattr(service, method)))
    }
    server = grpc.server(ThreadPoolExecutor(THREADS, "grpc"))
    server.add_generic_rpc_handlers((_Handlers(handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def page(found: Sequence[T], size: int, token: str) -> tuple[list[T], str]:
    """A page of a list, and the token of the next. At most 25,000 of them on one."""
    first = int(token or 0)
    end = first + min(size or 25_000, 25_000)
    return list(found[first:end]), str(end) if end < len(found) else ""


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, handlers: dict[str, Any]) -> None:
        self._handlers = handlers

    def service(self, call: Any) -> Any:
        return self._handlers.get(call.method)  # None is answered by UNIMPLEMENTED


def _hints(method: Any) -> dict[str, Any]:
    return get_type_hints(method) if callable(method) and not isinstance(method, type) else {}


def _camel(method: str) -> str:
    return "".join(word.title() for word in method.split("_"))


def _handler(answer: Callable[[Any], Any], request: Any) -> Any:
    def handle(asked: Any, context: Any) -> Any:
        try:
            return answer(asked)
        except Refused as error:
            context.abort(error.status, str(error))

    return grpc.unary_unary_rpc_method_handler(handle, request.deserialize, _written)


def _written(message: Any) -> bytes:
    raw = type(message).pb(message) if hasattr(type(message), "pb") else message
    data: bytes = raw.SerializeToString()
    return data
