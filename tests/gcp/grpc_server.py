"""A gRPC server for one of Google's services, from nothing but the client library's own classes."""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]
from msgspec import Struct

T = TypeVar("T")


class Refused(Exception):
    """A call that ends with a status."""

    def __init__(self, code: str, message: str) -> None:
        """`code` is a status by name: NOT_FOUND, ALREADY_EXISTS …"""
        super().__init__(message)
        self.status = grpc.StatusCode[code]


class Method(Struct, frozen=True):
    path: str
    """/package.Service/Method"""
    read: Callable[[bytes], Any]

    @property
    def name(self) -> str:
        """As the client's Python method: create_secret."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.path.rpartition("/")[2]).lower()


class _Recorder(grpc.Channel):  # type: ignore[misc]
    """A channel that notes what a transport can call: it sets up all its methods when it is made."""

    def __init__(self) -> None:
        self.methods: list[Method] = []

    def unary_unary(self, path: str, request_serializer: Any, *_: Any, **__: Any) -> None:
        kind = getattr(request_serializer, "__self__", None)  # IAM's and others' are plain messages
        if kind is not None:
            self.methods.append(Method(path, kind.deserialize))

    unary_stream = stream_unary = stream_stream = subscribe = unsubscribe = close = unary_unary
    __enter__ = __exit__ = unary_unary


@contextmanager
def serving(service: object, transport: type) -> Iterator[str]:
    """host:port of a server that answers the transport's methods by those of `service` of the same
    name: a request message in, a response message out, or Refused."""
    recorder = _Recorder()
    transport(channel=recorder)
    handlers = {
        method.path: _handler(method, getattr(service, method.name))
        for method in recorder.methods
        if hasattr(service, method.name)
    }
    server = grpc.server(ThreadPoolExecutor(32, "grpc"))
    server.add_generic_rpc_handlers((_Handlers(handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, handlers: dict[str, Any]) -> None:
        self._handlers = handlers

    def service(self, call: Any) -> Any:
        return self._handlers.get(call.method)  # None is answered by UNIMPLEMENTED


def _handler(method: Method, answer: Callable[[Any], Any]) -> Any:
    def handle(request: Any, context: Any) -> Any:
        try:
            return answer(request)
        except Refused as error:
            context.abort(error.status, str(error))

    return grpc.unary_unary_rpc_method_handler(handle, method.read, _written)


def _written(message: Any) -> bytes:
    raw = type(message).pb(message) if hasattr(type(message), "pb") else message
    data: bytes = raw.SerializeToString()
    return data


def page(found: Sequence[T], size: int, token: str) -> tuple[list[T], str]:
    """A page of a list, and the token of the next. At most 25,000 of them on one."""
    first = int(token or 0)
    end = first + min(size or 25_000, 25_000)
    return list(found[first:end]), str(end) if end < len(found) else ""
