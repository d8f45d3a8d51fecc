"""All functions together fit into what a new project may run, with room for more."""

import re

import pytest

from infra import sizes
from infra.functions_map import ROOT, load
from infra.sizes import LIMIT_GIB, LIMIT_VCPU, Override, Size

MAP = load()


def test_they_fit_into_a_new_project() -> None:
    total = sizes.total(MAP)
    assert total.vcpu <= LIMIT_VCPU < sizes.NEW_PROJECT_VCPU
    assert total.gib <= LIMIT_GIB < sizes.NEW_PROJECT_GIB


def test_the_readme_says_how_much_that_is() -> None:
    text = (ROOT / "terraform" / "README.md").read_text()
    (said,) = re.findall(r"together ([\d.]+) vCPU and ([\d.]+) GiB", text)
    total = sizes.total(MAP)
    assert said == (f"{total.vcpu:.1f}", f"{total.gib:.1f}")


@pytest.mark.parametrize(
    ("memory", "cpu", "vcpu", "gib"),
    [
        ("256Mi", "", 0.167, 0.25),
        ("512Mi", "", 0.333, 0.5),
        ("1Gi", "", 0.583, 1.0),
        ("2Gi", "", 1.0, 2.0),
        ("300Mi", "", 0.333, 300 / 1024),
        ("512Mi", "2", 2.0, 0.5),
        ("16Gi", "", 2.0, 16.0),
    ],
)
def test_a_cpu_that_is_not_named_goes_with_the_memory(
    memory: str, cpu: str, vcpu: float, gib: float
) -> None:
    assert sizes.of_instance(memory, cpu) == Size(vcpu, gib)


def test_a_deployments_own_sizes_count() -> None:
    plain = sizes.total(MAP)
    more = sizes.total(MAP, {"sweep": Override(memory="1Gi", cpu="1", max_instances=3)})
    before = sizes.of_instance(MAP.functions["sweep"].memory, MAP.functions["sweep"].cpu)
    assert more.vcpu - plain.vcpu == pytest.approx(3 - before.vcpu)
    assert more.gib - plain.gib == pytest.approx(3 - before.gib)


def test_a_task_function_can_be_called_as_often_as_its_queue_calls_and_a_little_more() -> None:
    """A call that finds no free thread is refused, and slows the whole queue down."""
    for name, function in MAP.functions.items():
        if function.queue:
            calls = MAP.queues[function.queue].concurrent
            assert calls <= function.concurrency * MAP.instances(name)
