"""A meter whose controls and faults are those of a switchboard: changes come into force now, or wait for a state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from wattproof.virtual.base import Meter
from wattproof.virtual.faults import Armed, Faults
from wattproof.virtual.switchboard import Switchboard

#: The named state that begins with every request.
REQUEST = "request"
#: A fault that answers of counters pass, and so a reason to look at each request.
GLITCH = "counter-glitch"


class SwitchedMeter(Meter):
    """``_armed`` are the changes that wait; ``_offset``: meter time ahead of the time outside, by control ``step``;
    ``_watch``: requests need more than a look at the registers."""

    __slots__ = ("_armed", "_offset", "_watch", "faults")

    faults: Faults
    _armed: list[Armed]
    _offset: int
    _watch: bool

    @property
    @abstractmethod
    def switchboard(self) -> Switchboard:
        """The closed tables of the family, and what their names do."""

    @abstractmethod
    def follow(self) -> None:
        """Something changed at the present moment: draw the consequences and plan anew."""

    def read_controls(self, controls: Mapping[str, object]) -> dict[str, object]:
        """Controls as values, in the order in which they act."""
        return self.switchboard.read_controls(controls)

    def bring(self, controls: Mapping[str, object], faults: Mapping[str, object]) -> None:
        """Bring read controls and faults into force."""
        self.switchboard.apply(self, controls, faults)  # type: ignore[arg-type]

    def released(self) -> None:
        """A change that waited for a state has come into force in the middle of something."""

    def step(self, duration: int) -> None:
        """Meter time jumps ahead by ``duration`` ns; what lies between happens in its order at the next ``advance``."""
        self._offset += duration

    def patch(
        self, now: int, controls: Mapping[str, object], faults: Mapping[str, object], when: str | None = None
    ) -> None:
        self.advance(now)
        board = self.switchboard
        if when is not None:
            board.check_when(when)
        read_controls = self.read_controls(controls)
        read_faults = board.read_faults(self, faults)  # type: ignore[arg-type]
        if when is not None:
            self._armed.append(Armed(when, read_controls, read_faults))
            self.look_out()
            return
        self.bring(read_controls, read_faults)
        self.look_out()
        self.follow()
        self.advance(now)

    def entered(self, state: str) -> None:
        """A named state begins: what was armed for it comes into force."""
        self.journal("state", {"state": state})
        due = [armed for armed in self._armed if armed.matches(state)]
        if due:
            self._armed = [armed for armed in self._armed if armed not in due]
            for armed in due:
                self.bring(armed.controls, armed.faults)
            self.look_out()
            self.released()

    def before_request(self, now: int) -> None:
        if self._watch and any(armed.when == REQUEST for armed in self._armed):
            self.advance(now)
            self.entered(REQUEST)
            self.follow()
            self.advance(now)

    def look_out(self) -> None:
        """Find out whether requests need more than a look at the registers."""
        self._watch = self.silent or GLITCH in self.faults or any(armed.when == REQUEST for armed in self._armed)
