"""One World an instance, its parts made when first used, and only once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path

import pytest

from shared import bootstrap
from shared.bootstrap import World, once
from shared.config import Settings
from shared.domain.errors import ConfigurationError


class Slow:
    def __init__(self) -> None:
        self.made = 0
        self.together = threading.Barrier(4)

    @once
    def part(self) -> object:
        self.made += 1
        return object()

    def ask(self) -> object:
        self.together.wait(10)
        return self.part


def test_a_part_is_made_once_however_many_ask_at_once() -> None:
    slow = Slow()
    with ThreadPoolExecutor(4) as threads:
        parts = {id(part.result()) for part in [threads.submit(slow.ask) for _ in range(4)]}
    assert (len(parts), slow.made) == (1, 1)


def test_a_part_that_could_not_be_made_is_tried_again() -> None:
    tries: Iterator[Exception | str] = iter([ConfigurationError("not yet"), "made"])

    class Late:
        @once
        def part(self) -> str:
            if isinstance(found := next(tries), Exception):
                raise found
            return found

    late = Late()
    with pytest.raises(ConfigurationError):
        _ = late.part
    assert late.part == late.part == "made"


def test_the_backend_is_the_module_that_the_setting_names(tmp_path: Path) -> None:
    world = World(Settings(backend="infra.embedded", embedded_data=str(tmp_path)))
    world.secrets.put("name", b"value")
    assert world.secrets.get("name") == b"value"
    assert list(tmp_path.iterdir())
    world.backend.close()  # type: ignore[attr-defined]


def test_a_backend_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"BACKEND names 'infra\.nowhere'"):
        _ = World(Settings(backend="infra.nowhere")).documents


def test_making_a_world_touches_nothing(tmp_path: Path) -> None:
    World(Settings(backend="infra.embedded", embedded_data=str(tmp_path / "data")))
    assert not list(tmp_path.iterdir())


def test_an_instance_has_one_world_once_its_settings_are_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bootstrap._this_instance.cache_clear()
    monkeypatch.setenv("GMAIL_URL", "not a url")
    with pytest.raises(ConfigurationError, match="GMAIL_URL"):
        bootstrap.this_instance()
    monkeypatch.delenv("GMAIL_URL")
    assert bootstrap.this_instance() is bootstrap.this_instance()
    bootstrap._this_instance.cache_clear()


def test_the_clock_tells_utc() -> None:
    assert World(Settings()).clock.now().tzinfo is UTC
