"""Commands about tariffs: source, active tariff, calendar, scripts (abb-meters.md 1.15, 2.10, 2.16, 3.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wattproof.metering.tariffs import SELECTORS, TARIFF_SELECTORS, SpecialDay, output_of
from wattproof.meters.abb.rows import GOLD, SILVER
from wattproof.meters.abb.virtual.commanding import Commanded, checked
from wattproof.meters.abb.virtual.refusals import Reason, Refusal, denied, out_of_range
from wattproof.meters.abb.virtual.tariffing import TARIFFS, Source


class TariffCommands(Commanded):
    """Each acts at once; what is not possible is refused."""

    __slots__ = ()

    def set_tariff(self, tariff: int) -> None:
        """Activate a tariff by communication."""
        self._need(SILVER, "tariffs")
        if tariff not in TARIFFS:
            raise out_of_range(f"tariff {tariff} is not possible: write 1 to 4")
        if self.tariffing.source is not Source.COMMUNICATION:
            raise denied("the tariff is not switched by communication")
        self.registers.switch(tariff)

    def set_tariff_source(self, source: int) -> None:
        """0 clock, 1 communication, 2 inputs."""
        self._need(SILVER, "tariffs")
        if source not in tuple(Source) or (source == Source.CLOCK and self.variant.level < GOLD):
            raise out_of_range(f"tariff source {source} is not possible")
        self.tariffing.source = Source(source)
        self._tariffs_changed()

    def set_tariff_inputs(self, tariffs: Sequence[int]) -> None:
        """The tariffs of the combinations of inputs 4 and 3: off off, off on, on off, on on; one to four."""
        self._need(SILVER, "tariffs")
        if not 1 <= len(tariffs) <= 4 or any(tariff not in TARIFFS for tariff in tariffs):
            raise out_of_range(f"tariffs {list(tariffs)} are not possible: write one to four of 1 to 4")
        self.tariffing.inputs = tuple(tariffs)
        self._tariffs_changed()

    def _tariffs_changed(self) -> None:
        self.decide_tariff()
        self._changed()
        self.plan()

    def write_passive(self, **tables: Any) -> None:
        """Tables of the passive calendar: ``name``, ``seasons``, ``weeks``, ``days``."""
        self._need(GOLD, "calendar")
        checked(self.tariffing.calendar.write_passive, **tables)

    def activate_calendar(self) -> None:
        """The passive calendar becomes the active one."""
        self._need(GOLD, "calendar")
        if "activate-fails" in self.faults:
            raise Refusal(Reason.HARDWARE, "the calendar cannot be activated")
        self.tariffing.calendar.activate()
        self._tariffs_changed()

    def activate_calendar_at(self, seconds: int | None) -> None:
        """The passive calendar becomes the active one at a local time; ``None``: never."""
        self._need(GOLD, "calendar")
        self.tariffing.activation = seconds
        self._tariffs_changed()

    def insert_special_day(self, entry: SpecialDay) -> None:
        """A special day, in place of another one with its index."""
        self._need(GOLD, "calendar")
        self.tariffing.calendar.insert(entry)
        self._tariffs_changed()

    def delete_special_day(self, index: int) -> None:
        """Forget a special day."""
        self._need(GOLD, "calendar")
        if not self.tariffing.calendar.delete(index):
            raise out_of_range(f"there is no special day {index}")
        self._tariffs_changed()

    def write_special_days(self, entries: Iterable[SpecialDay]) -> None:
        """All special days."""
        self._need(GOLD, "calendar")
        checked(self.tariffing.calendar.write_special, entries)
        self._tariffs_changed()

    def execute_script(self, selector: int) -> None:
        """A script of 2.16, as a client does."""
        self._need(GOLD, "scripts")
        if selector not in SELECTORS:
            raise out_of_range(f"script {selector} is not possible: write 1 to 12")
        if selector in TARIFF_SELECTORS:
            self.set_tariff(selector)
            return
        port, state = output_of(selector)
        if not self.ports.put(port, state):
            raise denied(f"output {port} is not switched by communication")
