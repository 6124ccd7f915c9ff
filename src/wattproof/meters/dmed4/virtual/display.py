"""The display: the text of its page (7.13). Keys and menus are described nowhere and not built (16.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from wattproof.meters.dmed4.virtual.registers import NO_TEMPERATURE

if TYPE_CHECKING:
    from wattproof.meters.dmed4.virtual.body import Body


def _scaled(raw: int, places: int, unit: str) -> str:
    return f"{Decimal(raw).scaleb(-places):f} {unit}"


def _temperature(celsius: int, fahrenheit: int, wanted: int) -> str:
    if celsius == NO_TEMPERATURE:
        return "---"
    return _scaled(fahrenheit, 1, "°F") if wanted else _scaled(celsius, 1, "°C")


def _local(meter: Body) -> datetime:
    return datetime.fromtimestamp(meter.clock.seconds(meter.now), UTC) + timedelta(minutes=meter.clock.offset)


_PAGES: Mapping[int, Callable[[Body, tuple[int, ...]], str]] = {
    1: lambda meter, shown: _scaled(shown[0], 3, "kWh"),
    2: lambda meter, shown: _scaled(shown[1], 3, "kWh"),
    3: lambda meter, shown: _scaled(shown[2], 2, "V"),
    4: lambda meter, shown: _scaled(shown[3], 4, "A"),
    5: lambda meter, shown: _scaled(shown[4], 3, "kW"),
    6: lambda meter, shown: f"{_local(meter):%Y-%m-%d}",
    7: lambda meter, shown: f"{_local(meter):%H:%M:%S}",
    8: lambda meter, shown: _temperature(shown[5], shown[6], meter.active["P02_05"]),
    9: lambda meter, shown: _temperature(shown[7], shown[8], meter.active["P02_05"]),
    10: lambda meter, shown: f"{meter.registers.number('hours_total')} h",
    11: lambda meter, shown: f"{meter.registers.number('hours_work')} h",
    12: lambda meter, shown: _scaled(shown[9], 3, "kWh"),
    13: lambda meter, shown: _scaled(shown[10], 3, "kWh"),
}


def page_text(meter: Body) -> str:
    """The text of the present page."""
    return _PAGES[meter.display_page](meter, meter.registers.measure())
