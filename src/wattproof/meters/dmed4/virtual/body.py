"""The body of a virtual DMED4: what happens in it as time passes, and when.

Reading registers is a slice of an image that stays valid until the next instant at which any register changes: a
refresh of the measurements, a second of the clock, or an event. Everything else happens in ``advance``, event by event,
each at its own instant, so that one long step and many short ones lead to the same registers.
"""

from __future__ import annotations

from collections.abc import Mapping

from wattproof.meters.dmed4.models import Model
from wattproof.meters.dmed4.virtual.charge import Charge
from wattproof.meters.dmed4.virtual.cycle import POWER_UP, REBOOT
from wattproof.meters.dmed4.virtual.face import FAST, Face
from wattproof.meters.dmed4.virtual.menu import changes
from wattproof.meters.dmed4.virtual.options import Options
from wattproof.virtual.base import NEVER, SECOND, SimulationOptions
from wattproof.virtual.dc import Load
from wattproof.virtual.signing import Signer


class Body(Face):
    """What changes as time passes, from inside and outside."""

    __slots__ = ()

    def __init__(
        self,
        options: SimulationOptions,
        chosen: Options,
        kind: Model,
        serial: str,
        signer: Signer,
        seed: int,
        load: Load,
    ) -> None:
        super().__init__(options, chosen, kind, serial, signer, seed, load)
        self.charge = Charge(self)

    # time

    def advance(self, now: int) -> None:
        now += self._offset
        while self._due <= now:
            self._happen(self._due)
        self._refresh(now)

    def next_event(self) -> int | None:
        return None if self._due >= NEVER else self._due - self._offset

    def _happen(self, at: int) -> None:
        """Everything that is due at this instant."""
        self._refresh(at)
        if at >= self._power_at:
            self.power(True)
        if at >= self._reboot_at:
            self.reboot()
        if at >= self._silent_until:
            self._started()
        if at >= self._init_until:
            self._init_until = NEVER
            self.charge.initialise()
        self.access.expire(at)
        self.follow()

    def plan(self) -> None:
        """When the next thing happens by itself, and until when the image stays as it is."""
        self._due = min(
            self.electrics.boundary,
            self.charge.deadline,
            self._power_at,
            self._reboot_at,
            self._silent_until,
            self._init_until,
            later(self.clock.expires_at(), self.now),
            later(self.access.expires_at(), self.now),
        )
        self._until()

    def _until(self) -> None:
        self._fresh = min(self._due, self._main_tick + SECOND, self._fast_tick + FAST, self._second_due) - self._offset

    def _refresh(self, at: int) -> None:
        """Bring measurements and clock of the image to this instant; no event lies before it."""
        if at >= self._main_tick + SECOND:
            tick = at - (at - self._main_tick) % SECOND
            self.electrics.advance(max(tick, self.electrics.at))
            self.now, self._main_tick = tick, tick
            self.show()
        if at >= self._fast_tick + FAST:
            self._fast_tick = at - (at - self._fast_tick) % FAST
            self.now = max(self.now, self._fast_tick)
            self.sample(self._fast_tick)
        self.electrics.advance(at)
        self.now = at
        if at >= self._second_due:
            self.registers.set_clock(self.clock.seconds(at))
            self._second_due = self.clock.next_second(at)
        self._until()

    # changes

    def follow(self, *, measured: bool = True) -> None:
        """Something changed at the present moment: draw the consequences, show them, and plan anew.

        ``measured``: the main measurements are shown anew too, between their refreshes.
        """
        health, electrics = self.health, self.electrics
        health.impose()
        self.charge.poll(self.now)
        if health.not_initialised:
            self.charge.lose_keys()
        electrics.charging, electrics.counting = self.charging, self.charge.cycle is not None
        electrics.settle(turned="wiring" in self.faults, blind=health.blind)
        health.wiring = self.supplied and not self.kind.reverse and electrics.segment.power < 0
        health.operating = self.commissioned
        if measured:
            self.show()
        self._judge_fatal()
        self.present()
        self.look_out()
        self.plan()

    def _judge_fatal(self) -> None:
        """Tell the log of fatal errors that are new; a log that is full is one of them."""
        self.health.log_full = len(self.logbook.events) == self.logbook.events.maxlen
        fatal = frozenset(name for name, present in self.health.fatal().items() if present)
        new, self._fatal = fatal - self._fatal, fatal
        for name in sorted(new):
            self.note(13, name)

    def power(self, on: bool) -> None:
        """Supply off or on (8.6)."""
        self._power_at = NEVER
        if on == self.supplied:
            return
        self.supplied = self.electrics.supplied = on
        if on:
            self._begin_start(self.options.start_delay, "power")
        else:
            self._stop()

    def reboot(self) -> None:
        """Restart, as after a save of the parameters."""
        self._reboot_at = NEVER
        self.entered(REBOOT)
        if not self.supplied:
            return
        self._stop()
        self._begin_start(self.options.reboot_delay, "reboot")

    def _stop(self) -> None:
        """What is volatile is lost; what was saved counts from now on."""
        self.active = self.flash
        self.clock.timeout = self.active["P06_02"]
        self.charge.interrupt()
        self.access.forget()
        self.menu.forget()
        self.clock.synced_at = None
        self._time_high = None
        self.registers.set_area("input_json", b"")
        self.registers.set_area("input_length", b"")
        self.display_on, self.display_page = True, 1
        self._silent_until = self._init_until = self._reboot_at = NEVER

    def _begin_start(self, delay: int, cause: str) -> None:
        self._silent_until = self.now + delay
        self.note(1, cause)
        cycle = self.charge.cycle
        if cycle is not None:
            self.note(11, f"T{cycle.page}" if cycle.page else "")

    def _started(self) -> None:
        self._silent_until = NEVER
        self._init_until = self.now + self.options.init_delay
        self.health.reset()
        self.entered(POWER_UP)

    def save(self, values: Mapping[str, int], *, after: int = 0) -> None:
        """Save these parameters and restart, ``after`` so many meter nanoseconds: then they are the active ones."""
        changed = {**self.flash, **values}
        self.note(4, changes(self.flash, changed))
        self.flash = changed
        if after:
            self._reboot_at = self.now + after
        else:
            self.reboot()


def later(instant: int, now: int) -> int:
    """The instant if it is still to come."""
    return instant if instant > now else NEVER
