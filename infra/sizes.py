"""What all functions together take of a project's quota when each has as many instances as it may."""

from collections.abc import Mapping

from msgspec import Struct

from infra.functions_map import Function, FunctionsMap

NEW_PROJECT_VCPU, NEW_PROJECT_GIB = 20.0, 40.0
"""What Google lets a new project run in a region (https://cloud.google.com/run/quotas)."""
LIMIT_VCPU, LIMIT_GIB = 18.0, 36.0
"""What functions.yaml may take of it: while a release rolls out, some of the old instances serve on."""
_VCPU_BY_MIB = ((128, 0.083), (256, 0.167), (512, 0.333), (1024, 0.583), (2048, 1.0), (8192, 2.0))
"""What a function gets that names no cpu, by its memory
(https://cloud.google.com/functions/docs/configuring/memory)."""
_MIB = {"Mi": 1, "Gi": 1024}


class Size(Struct, frozen=True):
    vcpu: float
    gib: float


class Override(Struct, frozen=True):
    """Of a deployment's variable `overrides`, as far as it changes a size."""

    memory: str = ""
    cpu: str | int | float = ""
    max_instances: int = 0


def of_instance(memory: str, cpu: str) -> Size:
    mib = int(memory[:-2]) * _MIB[memory[-2:]]
    given = next((vcpu for most, vcpu in _VCPU_BY_MIB if mib <= most), 2.0)
    return Size(float(cpu or given), mib / 1024)


def total(functions: FunctionsMap, overrides: Mapping[str, Override] = {}) -> Size:
    """Of all functions at their most."""
    sizes = [
        _of(one, functions.instances(name), overrides.get(name, Override()))
        for name, one in functions.functions.items()
    ]
    return Size(sum(one.vcpu for one in sizes), sum(one.gib for one in sizes))


def _of(function: Function, instances: int, override: Override) -> Size:
    one = of_instance(override.memory or function.memory, str(override.cpu) or function.cpu)
    most = override.max_instances or instances
    return Size(one.vcpu * most, one.gib * most)
