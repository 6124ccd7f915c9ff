"""The body of a virtual BSM: what happens in it as time passes, and how its registers show that.

Reading registers is a slice of an image that stays valid until the next instant at which any register changes: a
second of operation, a digit of energy, or an event. Everything else happens in ``advance``, event by event, each at
its own instant, so that one long step and many short ones lead to the same registers.
"""

from __future__ import annotations

from wattproof.meters.bsm.virtual.display import SECOND
from wattproof.meters.bsm.virtual.face import UNSTAMPED, Face
from wattproof.meters.bsm.virtual.machine import POWER_UP
from wattproof.virtual.base import NEVER
from wattproof.virtual.switchboard import nanoseconds

SERVICE_TIME = 60 * SECOND


class Body(Face):
    """What changes as time passes, from inside and outside."""

    __slots__ = ()

    # time

    def advance(self, now: int) -> None:
        while self._due <= now + self._offset:
            self._happen(self._due)
        self._refresh(now + self._offset)

    def next_event(self) -> int | None:
        return None if self._due >= NEVER else self._due - self._offset

    def _happen(self, at: int) -> None:
        """Everything that is due at this instant, the electrical world first."""
        self.electrics.advance(at)
        self._now = at
        if at >= self._power_at:
            self.power(True)
        if at >= self._silent_until:
            self._silent_until = NEVER
            self.look_out()
            self.entered(POWER_UP)
        if at >= self._service_until:
            self._service_until = NEVER
            self.present()
        contactor = self.electrics.contactor
        if contactor is not None:
            contactor.advance(at)
        if at >= self.clock.expires_at():
            self.clock.lose()
        self.follow()

    def plan(self) -> None:
        """When the next thing happens by itself, and until when the image stays as it is."""
        self._due = min(
            self.electrics.next_event(),
            self.maker.deadline,
            self.clock.expires_at(),
            self._power_at,
            self._silent_until,
            self._service_until,
        )
        self._until()

    def _until(self) -> None:
        self._fresh = min(self._due, self._tick, self._digit, self._round_at) - self._offset

    def _refresh(self, at: int) -> None:
        """Bring seconds and energies of the image to this instant; no event lies before it."""
        self.electrics.advance(at)
        self._now = at
        if at >= self._tick:
            if self.electrics.noisy:
                self.settle()
            os = self.clock.os(at)
            self.registers.set_seconds(os, self.clock.epoch(os))
            self._tick = self.clock.next_tick(at)
        if self._dirty:
            self.show()
        elif at >= self._digit:
            self._show_energy()
        if at >= self._round_at:
            self.present()
        self._until()

    def settle(self) -> None:
        """After any change: what flows and what the inputs see; the registers follow when somebody looks."""
        electrics, clock = self.electrics, self.clock
        contactor = electrics.contactor
        if contactor is not None:
            slow = self.faults.get("contactor-slow")
            contactor.delay = self.options.contactor_delay if slow is None else nanoseconds(slow)
            electrics.jam(self.faults)
            contactor.energise(self.output, self._now)
        electrics.settle(self.faults, clock)
        if self.supplied and (level := self._level()) != self.di:
            self.di = level
            self.di_stamp = clock.stamp(clock.os(self._now))
        self._dirty = True

    def _level(self) -> int:
        """DI: high while the contactor is open (BD-17); 0 without wiring."""
        if "feedback-lost" in self.faults:
            return 0
        if self.di_control is not None:
            return int(self.di_control)
        if self.electrics.contactor is None:
            return 0
        return int(self.electrics.contactor.closed == ("feedback-inverted" in self.faults))

    # changes

    def demand(self, on: bool) -> None:
        """The switching demand of DO (12.1); a change is stamped."""
        if on != self.demanded:
            self.demanded = on
            self.do_stamp = self.clock.stamp(self.clock.os(self._now))
            self.settle()

    def power(self, on: bool) -> None:
        """Supply off or on (section 18). A running creation is lost, volatile values are, counters stay."""
        self._power_at = NEVER
        if on == self.supplied:
            return
        self.supplied = self.electrics.supplied = on
        if on:
            self._power_up()
        else:
            self._power_down()
        self.look_out()
        self.settle()

    def _power_down(self) -> None:
        self.maker.abandon()
        self.clock.stop(self._now)
        self.demanded = False
        self._service_until = self._round_at = self._silent_until = NEVER
        if self.electrics.contactor is not None:
            self.electrics.contactor.release()

    def _power_up(self) -> None:
        self.clock.start(self._now)
        self.demanded = False
        self.count_start()
        self.di_stamp = self.do_stamp = UNSTAMPED
        self.di = self._level()
        self.registers.forget(self.options.profile)
        self.display.restart(self._now)
        self._silent_until = self._now + self.options.start_delay
        self.present()

    def count_start(self) -> None:
        """PDCnt, and RCnt up to CM 1.2, count a start after a power failure; no reserved number is used again."""
        counters = self.counters
        counters.power_downs += 1
        counters.response = max(counters.response, counters.reserved) + int(self.options.profile.counts_starts)
        counters.reserved = counters.response

    def follow(self) -> None:
        """Something changed at the present moment: draw the consequences and plan anew."""
        self.settle()
        self.maker.poll(self._now)
        self.plan()
