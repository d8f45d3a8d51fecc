"""terraform/functions.yaml, typed: which functions there are, and what each is granted."""

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import yaml
from msgspec import Meta, Struct

from shared.config import Setting, Settings, declared
from shared.domain.errors import ConfigurationError, InvalidRequest
from shared.ports.declarations import Use
from shared.ports.secrets import Ring
from shared.providers.registry import declarations
from shared.web import decoding

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "terraform" / "functions.yaml"

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
Count = Annotated[int, Meta(ge=1)]


class Trigger(Enum):
    HTTP = "http"
    TASK = "task"
    SCHEDULE = "schedule"


EMBEDDED, CLOUD = "infra.embedded", "shared.gcp"
"""The backends that are ours, as BACKEND names them."""
_BACKENDS = {
    EMBEDDED: ("EMBEDDED_DATA",),
    CLOUD: ("GOOGLE_CLOUD_PROJECT", "DEPLOYMENT"),
}
"""What a backend needs of every function; other modules get nothing of their own."""
_BY_ROLE = {
    "documents": ("FIRESTORE_DATABASE", "FIRESTORE_EMULATOR_HOST"),
    **dict.fromkeys(("keys", "secrets", "erase"), ("SECRET_MANAGER_EMULATOR_HOST",)),
    "enqueue": (
        *("FUNCTIONS_URL", "TASKS_LOCATION", "TASKS_QUEUES", "TASKS_INVOKERS"),
        "CLOUD_TASKS_EMULATOR_HOST",
    ),
}
"""And what the cloud needs for the role."""
_INVOKER = ("INVOKER_ISSUER", "INVOKER_JWKS_URL", "INVOKER_AUDIENCE", "INVOKER_EMAIL")
_BY_TRIGGER = {
    Trigger.HTTP: (
        "AUTH_ISSUER",
        "AUTH_AUDIENCE",
        "AUTH_JWKS_URL",
        "AUTH_TEAM_CLAIM",
        "AUTH_USER_CLAIM",
        "AUTH_ROLE_CLAIM",
        "ALLOWED_ORIGINS",
        "USER_REQUESTS_PER_MINUTE",
        "TEAM_REQUESTS_PER_MINUTE",
    ),
    Trigger.TASK: _INVOKER,
    Trigger.SCHEDULE: _INVOKER,
}


class Function(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    trigger: Trigger
    public: bool = False
    """Whether anybody may call it; it then asks for a user's token itself."""
    memory: Annotated[str, Meta(pattern=r"^\d+(Mi|Gi)$")]
    timeout: Annotated[int, Meta(ge=1, le=3600)]
    """Seconds."""
    cpu: Annotated[str, Meta(pattern=r"^(\d+(\.\d+)?)?$")] = ""
    """vCPUs; "" for what Google gives with the memory, which is less than one below 2Gi."""
    concurrency: Count = 1
    """Calls that one instance serves at once: its THREADS."""
    instances: Count | None = None
    """At most that many; see `FunctionsMap.instances` for those that do not say."""
    schedule: str = ""
    queue: str = ""
    env: tuple[str, ...] = ()
    """Settings of shared/config.py."""
    providers: tuple[Use, ...] = ()
    """What it wants of the providers, which say themselves which settings that takes."""
    keys: tuple[Ring, ...] = ()
    """The rings of sealing keys that it opens and seals with."""
    enqueue: tuple[str, ...] = ()
    """The queues that it fills."""
    roles: tuple[Literal["documents", "secrets", "erase"], ...] = ()

    @property
    def granted(self) -> tuple[str, ...]:
        """All its roles in roles.yaml: also those that come with a ring of keys or a queue."""
        with_keys = ("keys",) if self.keys else ()
        return (*self.roles, *with_keys, *(("enqueue",) if self.enqueue else ()))

    def grants(self, backend: str = CLOUD) -> frozenset[str]:
        """The settings it may see when `backend` keeps everything; by default those of the cloud."""
        needed = ("BACKEND", *_BACKENDS.get(backend, ()), *_BY_TRIGGER[self.trigger])
        for role in self.granted if backend == CLOUD else ():
            needed += _BY_ROLE[role]
        return frozenset((*self.env, *(one.name for one in self._of_providers()), *needed))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Those of its settings that only it and its like may read."""
        return tuple(dict.fromkeys(one.name for one in self._of_providers() if one.form.secret))

    def _of_providers(self) -> list[Setting]:
        return [
            setting
            for provider in declarations().values()
            for use in self.providers
            for setting in provider.variables_of(use)
        ]


class Queue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Backoffs in seconds."""

    dispatches_per_second: Count
    concurrent: Count
    max_attempts: Count
    min_backoff: Count
    max_backoff: Count


class FunctionsMap(Struct, frozen=True, forbid_unknown_fields=True):
    runtime: Annotated[str, Meta(pattern=r"^python3\d+$")]
    """The Python that Google runs the functions with."""
    functions: dict[Name, Function]
    queues: dict[Name, Queue]

    def triggered_by(self, trigger: Trigger) -> dict[str, Function]:
        return {name: one for name, one in self.functions.items() if one.trigger is trigger}

    def instances(self, name: str) -> int:
        """At most: as many as its queue calls at once, and one of a scheduled one, since Cloud Scheduler
        begins a run only once the last one ended."""
        function = self.functions[name]
        if function.queue:
            return math.ceil(self.queues[function.queue].concurrent / function.concurrency)
        return function.instances or 1

    def grants(self) -> frozenset[str]:
        """The settings that any function may see."""
        return frozenset().union(*(one.grants() for one in self.functions.values()))


def load(path: Path = PATH) -> FunctionsMap:
    """Raises ConfigurationError naming everything that is wrong with the map."""
    try:
        found = decoding.value(yaml.safe_load(path.read_text()), FunctionsMap)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from error
    except InvalidRequest as error:
        raise _wrong(path, [f"{one.pointer} {one.detail}" for one in error.errors]) from None
    if problems := [
        f"/functions/{name} {problem}"
        for name, function in found.functions.items()
        for problem in _contradictions(function, found.queues)
    ]:
        raise _wrong(path, problems)
    return found


def _wrong(path: Path, problems: Iterable[str]) -> ConfigurationError:
    return ConfigurationError(f"{path.name}: {'; '.join(problems)}.")


def _contradictions(function: Function, queues: Mapping[str, Queue]) -> Iterable[str]:
    if bool(function.schedule) != (function.trigger is Trigger.SCHEDULE):
        yield "must have a schedule exactly when that is its trigger"
    if function.public and function.trigger is not Trigger.HTTP:
        yield "must not be public: only functions for users are"
    if (function.instances is None) == (function.trigger is Trigger.HTTP):
        yield "must say its instances exactly when its trigger is http"
    if function.concurrency > 1 and float(function.cpu or 0) < 1:
        yield "must have a cpu of 1 or more for a concurrency above 1"
    if bool(function.queue) != (function.trigger is Trigger.TASK):
        yield "must have a queue exactly when its trigger is task"
    if unknown := [name for name in function.enqueue if name not in queues]:
        yield f"fills {', '.join(unknown)}, which is not among /queues"
    if function.queue and function.queue not in queues:
        yield f"names the queue {function.queue!r}, which is not among /queues"
    if unknown := [name for name in function.env if name not in declared(Settings)]:
        yield f"is granted {', '.join(unknown)}, which shared/config.py does not know"
