"""One round of a lane: which events are sent in which order, and what became of each.

Events of one subject go one after the other, subjects side by side. Nothing is stored here: a round that
is cut off is done again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice

import msgspec
from msgspec import Struct, field, structs

from shared.domain.destinations import REPLAY, Letter, refused
from shared.ports.destinations import Outcome, Outgoing, Receiver, Target, Verdict
from shared.services.events import log

SIDE_BY_SIDE = 8
"""Requests at once."""


class Round(Struct, kw_only=True):
    """What became of the letters; an event that comes from the log is a letter of no tries."""

    delivered: list[Letter] = field(default_factory=list)
    kept: list[Letter] = field(default_factory=list)
    """Refused, dead, or waiting behind such a one."""
    left: list[Letter] = field(default_factory=list)
    """Nothing was decided of them."""
    failure: Outcome | None = None
    """What ended the round: the receiver is down or gone."""
    refusal: str = ""
    """What was last said against an event."""


class Sending:
    """`letters` are in order; `gaps` are subjects with a dead letter."""

    def __init__(
        self,
        receiver: Receiver,
        target: Target,
        letters: Iterable[Letter],
        gaps: Iterable[str],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._receiver = receiver
        self._target = target
        self._now = now
        self._gaps = set(gaps)
        self._round = Round()
        self._lines: dict[str, deque[Letter]] = {}
        for letter in letters:
            self._lines.setdefault(letter.event.subject, deque()).append(letter)

    def until(self, end: datetime) -> Round:
        """Sends what may be sent until `end`."""
        self._put_behind()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            while self._lines and not self._round.failure and self._now() < end:
                batches = self._batches()
                answers = pool.map(self._sent, batches)
                for letters, outcomes in zip(batches, answers, strict=True):
                    for letter, outcome in zip(letters, outcomes, strict=True):
                        self._settle(letter, outcome)
                self._put_behind()
        self._round.left += [letter for line in self._lines.values() for letter in line]
        return self._round

    def _put_behind(self) -> None:
        """Whoever stands behind a refused event waits as long as it does."""
        now = self._now()
        for subject, line in list(self._lines.items()):
            if line and line[0].tries and line[0].retry_at > now:
                until = line[0].retry_at
                self._round.kept += [
                    one if one.tries else structs.replace(one, retry_at=until) for one in line
                ]
                line.clear()
            if not line:
                del self._lines[subject]

    def _batches(self) -> list[list[Letter]]:
        """The first of each subject, as many as may be under way at once."""
        size = self._receiver.batch
        heads = [line[0] for line in islice(self._lines.values(), SIDE_BY_SIDE * size)]
        return [heads[start : start + size] for start in range(0, len(heads), size)]

    def _sent(self, letters: Sequence[Letter]) -> Sequence[Outcome]:
        outgoing = [_outgoing(one, one.event.subject in self._gaps) for one in letters]
        return self._receiver.send(self._target, outgoing)

    def _settle(self, letter: Letter, outcome: Outcome) -> None:
        line = self._lines[letter.event.subject]
        match outcome.verdict:
            case Verdict.DELIVERED:
                self._round.delivered.append(line.popleft())
            case Verdict.REFUSED:
                self._round.refusal = outcome.answer or "refused"
                line[0] = refused(letter, self._now(), outcome.answer)
                if line[0].dead:
                    self._gaps.add(letter.event.subject)
                    self._round.kept.append(line.popleft())
            case Verdict.GONE:
                self._round.failure = outcome
            case Verdict.DOWN:
                if not self._round.failure or self._round.failure.verdict is not Verdict.GONE:
                    self._round.failure = outcome


def _outgoing(letter: Letter, after_gap: bool) -> Outgoing:
    event = letter.event
    body = msgspec.to_builtins(log.view(event))
    if after_gap:
        body["aftergap"] = True
    if letter.lane == REPLAY:
        body["replayed"] = True
    return Outgoing(event.id, event.type, event.subject, msgspec.json.encode(body))
