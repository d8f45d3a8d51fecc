"""graph.microsoft.com, put together: what an access token opens."""

from collections.abc import Callable

from infra.simulator.http import Request, Response, Route
from infra.simulator.meters import Meters
from infra.simulator.microsoft.batch import Batch
from infra.simulator.microsoft.calls import Calls
from infra.simulator.microsoft.delta import Delta
from infra.simulator.microsoft.directory import Directory
from infra.simulator.microsoft.folders import Folders
from infra.simulator.microsoft.limits import Limits, Throttle
from infra.simulator.microsoft.messages import Messages
from infra.simulator.microsoft.resource import Library
from infra.simulator.microsoft.sending import Sending
from infra.simulator.microsoft.tokens import Tokens
from infra.simulator.postoffice import PostOffice


class Graph:
    def __init__(
        self,
        *,
        office: PostOffice,
        tokens: Tokens,
        directory: Directory,
        limits: Limits,
        meters: Meters,
        call: Callable[[Request], Response],
    ) -> None:
        """`call` answers one item of a batch."""
        throttle = Throttle(limits, office.clock, meters)
        calls = Calls(office, tokens, directory, throttle)
        library = Library(office)
        self.folders = Folders(calls, office)
        messages = Messages(calls, library, self.folders, directory, limits)
        self._parts = (
            # Before messages: "delta" could be a message's id.
            Delta(calls, messages, self.folders, limits),
            messages,
            self.folders,
            Sending(calls, office, limits),
            Batch(calls, throttle, call),
        )

    def routes(self) -> list[Route]:
        return [route for part in self._parts for route in part.routes()]
