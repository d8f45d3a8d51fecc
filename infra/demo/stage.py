"""Where the story plays: a running stack, a signed-in user, the simulated providers, a screen."""

from infra.demo.api import User
from infra.demo.failure import Failed
from infra.demo.screen import Screen
from infra.demo.simulated import Simulated
from infra.local.stack import Stack
from shared.domain import ids
from shared.services.timelines.contacts import ActivityView

PATIENCE = 120.0
"""Seconds without any progress after which something is given up."""
POLL = 0.02


class Stage:
    def __init__(self, stack: Stack, screen: Screen) -> None:
        """Raises Failed."""
        self.stack = stack
        self.screen = screen
        self.simulated = Simulated(stack.simulator_url)
        # A team that nobody met: on a real project the last demo's is still there.
        self.user = User(stack.url, "ana", f"demo-{ids.random()}")
        self.contacts: dict[str, str] = {}
        """Address → contact id."""

    def close(self) -> None:
        self.user.close()

    def settle(self) -> None:
        """Returns when no task is left to do. Raises Failed."""
        try:
            self.stack.wait_idle(PATIENCE)
        except TimeoutError as error:
            raise Failed(f"The task queue does not come to rest: {error}.") from error

    def timeline(self, contact: str) -> list[ActivityView]:
        """All of it, newest first."""
        return list(self.user.timeline(self.contacts[contact]))

    def timelines(self) -> dict[str, list[ActivityView]]:
        """Everybody's, by address."""
        return {contact: self.timeline(contact) for contact in self.contacts}
