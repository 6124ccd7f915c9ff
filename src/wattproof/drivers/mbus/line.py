"""One M-Bus line: a request out, its answer in, silence and pauses in between. Whoever calls has the line for itself.

Nothing is repeated and nothing judged here but where an answer begins and ends (abb-meters.md 1.1, 1.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from wattproof.drivers.exclusive import ExclusiveLine, LineStatistics, Opener, blocking_opener_of, opener_of
from wattproof.drivers.mbus.timing import LineTiming
from wattproof.errors import Disconnected
from wattproof.io.link import ByteLink
from wattproof.io.trace import Trace
from wattproof.io.url import MeterURL
from wattproof.model.clock import Clock
from wattproof.wire.mbus.frames import SELECTED, Ack, Frame
from wattproof.wire.mbus.master import Exchange, Outcome, Steps
from wattproof.wire.mbus.receivers import Damaged, Echo, Expect, MasterReceiver
from wattproof.wire.mbus.timing import Pause, Wait

T = TypeVar("T")
#: Says why a whole frame is not the answer, ``""`` if it is.
Judge = Callable[[Frame], str]
#: Seconds by which timers of event loops may be late; nobody should rest longer than the answer takes.
GRAIN = 0.0005
#: Seconds beyond the longest answer after which a line that never falls silent is spoken on all the same.
PATIENCE = 1.0


@dataclass(slots=True)
class Statistics(LineStatistics):
    """The same for M-Bus: good answers, and bytes that were none."""

    answers: int = 0
    damaged: int = 0


def _any(frame: Frame) -> str:
    return ""


class Line(ExclusiveLine[Statistics]):
    """A bus at the end of a byte stream, opened when it is needed and again after it has ended.

    ``echo``: whether what is sent comes back, ``None`` finds out. ``timing`` may be changed between exchanges.
    """

    def __init__(
        self, opener: Opener, *, name: str, clock: Clock, timing: LineTiming | None = None, echo: bool | None = None
    ) -> None:
        super().__init__(opener, Statistics(), name=name, clock=clock)
        self.timing = timing or LineTiming()
        self._receiver = MasterReceiver()
        self._echo = Echo(echo)
        self._quiet_until = 0

    @property
    def network(self) -> bool:
        return self.timing.network

    def pause(self, seconds: float) -> None:
        """Keep silent for so long from now on, before whatever is sent next."""
        self._quiet_until = max(self._quiet_until, self._after(seconds))

    async def exchange(self, step: Exchange, judge: Judge = _any) -> Outcome:
        """Send the request of a step and return what comes back: the answer, damaged bytes, or ``None``.

        A frame that ``judge`` does not take is passed over, and the answer still waited for.

        Raises:
            Unreachable: there is no connection.
            Disconnected: it ended while the answer was awaited.
        """
        if step.pause is Pause.REPETITION:
            self.pause(self.timing.pause(step.pause))
        link = await self._connected()
        await self._keep_quiet(link)
        data = step.request.encode()
        self._receiver.expecting(step.expect)
        self._echo.sent(data)
        self.statistics.requests += 1
        try:
            await link.send(data)
            # A character more: the first byte of the answer is heard when its last bit has come.
            sending = (len(data) + 1) * self.timing.character
            self._quiet_until = first = self._after(sending + self.timing.wait(step.wait))
            if step.wait is Wait.NONE:
                self.pause(sending + self.timing.pause(Pause.BEFORE_REQ_UD2))
                return None
            outcome = await self._await_answer(link, step.expect, first, judge)
            # Several meters may be selected, and a second E5 would be taken for the answer to the next request.
            crowded = step.expect is Expect.ACK and step.request.address == SELECTED
            if outcome is not None and (step.settle or crowded):
                outcome = await self._settle(link, outcome)
            return self._account(outcome)
        except Disconnected:
            self._link = None
            await link.close()
            raise

    async def run(self, steps: Steps[T]) -> T:
        """Carry out a procedure, and give its result."""
        try:
            step = next(steps)
            while True:
                step = steps.send(await self.exchange(step))
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _after(self, seconds: float) -> int:
        return self.clock.now() + round(seconds * 1e9)

    async def _await_answer(self, link: ByteLink, expect: Expect, first: int, judge: Judge) -> Outcome:
        """Until the answer is whole, or damaged, or ``first`` has passed without its first byte."""
        whole = first + round(self.timing.longest * 1e9)
        receiver, gap, character = self._receiver, self.timing.gap, round(self.timing.character * 1e9)
        begun, other, taken, origin = False, "", 0, whole
        while True:
            left = ((whole if begun else first) - self.clock.now()) / 1e9
            data = await link.receive(min(left, gap) if begun else left) if left > 0 else b""
            if not data and (begun or left <= 0):
                return receiver.gap() or (Damaged(other) if other else None)
            heard = self._echo.receive(data)
            if isinstance(heard, Damaged):
                return heard
            begun = begun or bool(heard)
            taken += len(heard)
            origin = min(origin, link.heard - taken * character)
            outcome = receiver.receive(heard)
            if isinstance(outcome, Damaged):
                return outcome
            if outcome is not None:
                other = judge(outcome)
                if not other:
                    return outcome
                receiver.expecting(expect)
                begun, taken, origin = False, 0, whole
            elif begun and not self.timing.network and (missing := receiver.missing()) > 1:
                # Until it can be whole there is nothing to look at.
                end = min(origin + (taken + missing) * character, whole)
                await link.rest(max(0.0, (end - self.clock.now()) / 1e9 - GRAIN))

    async def _settle(self, link: ByteLink, outcome: Outcome) -> Outcome:
        """Listen on until nobody speaks any more; what comes behind an answer is of another meter."""
        until = self._after(self.timing.longest)
        while (left := (until - self.clock.now()) / 1e9) > 0:
            data = await link.receive(min(left, self.timing.gap))
            if not data:
                break
            outcome = self._receiver.receive(data) or outcome
        return outcome

    def _account(self, outcome: Outcome) -> Outcome:
        """Count an outcome, and be silent afterwards as long as it asks for."""
        statistics = self.statistics
        self._quiet_until = 0
        if outcome is None:
            statistics.silences += 1
        elif isinstance(outcome, Damaged):
            statistics.damaged += 1
            self.pause(self.timing.pause(Pause.NONE))
        else:
            statistics.answers += 1
            acknowledged = isinstance(outcome, Ack)
            self.pause(self.timing.pause(Pause.BEFORE_REQ_UD2 if acknowledged else Pause.AFTER_TELEGRAM))
        return outcome

    async def _keep_quiet(self, link: ByteLink) -> None:
        """Wait until the pause is over and nobody else speaks; what comes meanwhile is dropped: noise, or late."""
        silence = round(self.timing.silence * 1e9)
        patience = self._after(PATIENCE + self.timing.longest)
        while True:
            now = self.clock.now()
            ready = max(self._quiet_until, min(link.heard + silence, patience) if link.heard else 0)
            if ready <= now:
                break
            await self.clock.sleep((ready - now) / 1e9)
        if link.discard():
            self.statistics.late += 1


def line_of(url: MeterURL, *, timing: LineTiming | None = None, trace: Trace | None = None, clock: Clock) -> Line:
    """The line of an address on the running event loop; it connects when the first request is sent."""
    return _line(url, opener_of(url, clock=clock, trace=trace), timing, clock)


def blocking_line_of(
    url: MeterURL, *, timing: LineTiming | None = None, trace: Trace | None = None, clock: Clock
) -> Line:
    """The same without an event loop: no method of the line ever suspends."""
    return _line(url, blocking_opener_of(url, clock=clock, trace=trace), timing, clock)


def _line(url: MeterURL, opener: Opener, timing: LineTiming | None, clock: Clock) -> Line:
    return Line(opener, name=url.place, clock=clock, timing=timing or LineTiming.of(url), echo=url.switch("echo"))
