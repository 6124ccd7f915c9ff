"""A request on its way, how patient to be with it, and what is counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wattproof.errors import WattproofError
from wattproof.wire.modbus.framing.messages import Request


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a client is with a unit.

    ``timeout`` seconds for an answer, counted from the end of the request; ``retries`` repetitions of a read that was
    not answered (writes are never repeated: the lost one may have been done); ``pause`` seconds between an answer and
    the next request on the line.
    """

    timeout: float = 1.0
    retries: int = 2
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Wire:
    """A line with one speaker at a time. Seconds: ``character`` to send one, ``gap`` of silence before a request.

    Both are 0 where the frames travel through a socket: the converter at its end keeps the gaps.
    """

    character: float = 0.0
    gap: float = 0.0


@dataclass(slots=True)
class Statistics:
    """What happened on a link since it was made."""

    requests: int = 0
    answers: int = 0
    repeated: int = 0
    timeouts: int = 0
    late: int = 0
    damaged: int = 0
    connections: int = 0


class Job:
    """One request on its way: waiting, flying, done.

    ``marks``: the job that waits for this marker (see `wattproof.drivers.late`). ``orphan``: its caller was cancelled.
    ``problem``: what came instead of an answer. ``attempts``: how often it went out.
    """

    __slots__ = (
        "answer",
        "attempts",
        "deadline",
        "done",
        "error",
        "marks",
        "orphan",
        "pdu",
        "problem",
        "request",
        "timing",
        "unit",
        "waiter",
    )

    def __init__(self, unit: int, pdu: bytes, timing: Timing, marks: Job | None = None) -> None:
        self.unit = unit
        self.pdu = pdu
        self.timing = timing
        self.marks = marks
        self.attempts = 0
        self.deadline = 0
        self.request: Request | None = None
        self.answer: bytes | None = None
        self.error: WattproofError | None = None
        self.problem: str | None = None
        self.done = False
        self.orphan = False
        self.waiter: asyncio.Future[None] | None = None

    def finish(self, answer: bytes | None, error: WattproofError | None = None) -> None:
        self.answer, self.error, self.done = answer, error, True
        self.wake()

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)
