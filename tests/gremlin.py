"""Kills a worker at a chosen point between two effects on the world."""

from collections.abc import Callable
from typing import Any, cast

from shared.domain.mailboxes import Account
from shared.ports.world import World


class Killed(BaseException):
    """As by SIGKILL: nothing catches it, nothing is cleaned up."""


class Gremlin:
    """Counts effects of a haunted World and kills before (even) or after (odd) the chosen one."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at = kill_at
        self.points = 0

    def haunt(self, world: World) -> World:
        """`world`, whose every write, secret, task and provider call is a place to die."""
        return cast("World", _HauntedWorld(world, self))

    def pass_by(self) -> None:
        self.points += 1
        if self.points == self.kill_at:
            raise Killed


class _Haunted:
    """An object whose chosen methods may kill before and after they did their work."""

    def __init__(self, inner: Any, gremlin: Gremlin, names: set[str]) -> None:
        self._inner = inner
        self._gremlin = gremlin
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._haunted(found) if name in self._names else found

    def _haunted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._gremlin.pass_by()
            result = method(*args, **kwargs)
            self._gremlin.pass_by()
            return result

        return call


class _HauntedWorld:
    def __init__(self, world: World, gremlin: Gremlin) -> None:
        self.documents = _Haunted(world.documents, gremlin, {"write", "transaction"})
        self.secrets = _Haunted(world.secrets, gremlin, {"put", "create", "delete"})
        self.tasks = _Haunted(world.tasks, gremlin, {"enqueue"})
        self.providers = _HauntedProviders(world, gremlin)
        self.receivers = _HauntedReceivers(world, gremlin)
        self.clock = world.clock
        self.sealer = world.sealer
        self.settings = world.settings


class _HauntedReceivers:
    def __init__(self, world: World, gremlin: Gremlin) -> None:
        self._world = world
        self._gremlin = gremlin

    def get(self, kind: str) -> Any:
        return _Haunted(self._world.receivers.get(kind), self._gremlin, {"send"})


class _HauntedProviders:
    def __init__(self, world: World, gremlin: Gremlin) -> None:
        self._world = world
        self._gremlin = gremlin

    def get(self, name: str) -> Any:
        return _HauntedProvider(self._world.providers.get(name), self._gremlin)


class _HauntedProvider(_Haunted):
    MAIL = {"cursor", "changes", "search", "envelopes", "mails"} | {
        "prepare",
        "prepared",
        "dispatch",
        "outcome",
        "discard",
    }

    def __init__(self, inner: Any, gremlin: Gremlin) -> None:
        super().__init__(inner, gremlin, set())
        self.oauth = _Haunted(inner.oauth, gremlin, {"finish", "refresh", "revoke"})

    def mail(self, account: Account, tokens: Any) -> _Haunted:
        return _Haunted(self._inner.mail(account, tokens), self._gremlin, self.MAIL)
