"""Reading a BSM through its optical interface: modes A and C on demand, D0 by listening (bsm.md 21.6).

Only the code list of this interface is published (manual 9.7), so the reader takes any identification, order and
number format. A readout whose check character is wrong is asked for once more and then reported as damaged: its
numbers never become readings.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from wattproof.errors import FrameError, ResponseTimeout, UnknownName
from wattproof.io.link import BlockingLink, ByteLink, DescriptorLink, DescriptorStream
from wattproof.io.opening import open_link, open_link_blocking
from wattproof.io.trace import Trace, TracedLink
from wattproof.io.url import MeterURL
from wattproof.meters.bsm.points import MAP
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.model.values import Quality
from wattproof.wire.iec62056 import (
    NAK,
    Acknowledge,
    Damaged,
    Data,
    DataSet,
    Identification,
    ReaderReceiver,
    Request,
    sending_time,
)

#: Seconds without a byte after which an answer counts as missing: 1500 ms of the standard and the time of a line.
PATIENCE = 3.0
#: Seconds in which a D0 packet has to begin: some periods of the slower list.
PACKET_PATIENCE = 15.0
#: Seconds that one message may take from its request on: a long readout at 300 bit/s.
LONGEST = 120.0
#: Bytes after which a stream that never makes sense is given up.
BABBLE = 200_000
OPENING_RATES = {"a": 300, "c": 300, "d0": 2400}

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{0,18})?\Z")
#: Units of the wire: unit of the reading and decimal exponent between them.
UNITS = {
    "kWh": ("Wh", 3),
    "Wh": ("Wh", 0),
    "MWh": ("Wh", 6),
    "kW": ("W", 3),
    "W": ("W", 0),
    "V": ("V", 0),
    "A": ("A", 0),
    "Hz": ("Hz", 0),
    "ms": ("ms", 0),
    "imp/kWh": ("imp/kWh", 0),
}


@dataclass(frozen=True, slots=True)
class Line:
    """What a code means: the point of the same value on Modbus, or a name of the optical head alone.

    ``unit`` is what a number has that comes without one; ``None``: the value is a text.
    """

    point: str
    unit: str | None = None
    exponent: int = 0

    @property
    def quantity(self) -> str:
        """Name of the quantity, as the Modbus driver calls it."""
        block, _, name = self.point.partition(".")
        return name if block == "optical" else MAP.find(self.point)[0].point.quantity.name


def _phases(first: int, names: str, unit: str, exponent: int = 0) -> dict[str, Line]:
    return {
        f"{first + 20 * number}.7.0": Line(f"ac_meter.{name}", unit, exponent)
        for number, name in enumerate(names.split())
    }


#: By canonical code (manual 9.7).
LINES: dict[str, Line] = {
    "F.F.0": Line("bs_meter.ErrM"),
    "C.1.1": Line("optical.customer"),
    "C.1.0": Line("bs_meter.SNM"),
    "0.0.1": Line("optical.address"),
    "0.2.0": Line("bs_meter.VrM"),
    "15.7.0": Line("ac_meter.W", "kW"),
    **_phases(21, "WphA WphB WphC", "kW"),
    "1.8.1": Line("ac_meter.TotWhImp", "kWh"),
    "1.8.0": Line("ac_meter.TotWhImp", "kWh"),
    **_phases(32, "PhVphA PhVphB PhVphC", "V"),
    "25.7.0": Line("ac_meter.A", "A"),
    **_phases(31, "AphA AphB AphC", "A"),
    **_phases(33, "PFphA PFphB PFphC", "", 2),
    "14.7.0": Line("ac_meter.Hz", "Hz"),
    "C.7.0": Line("bs_meter.PDCnt", ""),
    "0.3.2": Line("optical.s0_pulses", "imp/kWh"),
    "0.3.3": Line("optical.s0_duration", "ms"),
    "1.0.0": Line("optical.local_time"),
    "1.8.0*198": Line("bs_meter.RCR", "kWh"),
}
_PERCENT = "%"


def reading(item: DataSet, time: datetime | None) -> Reading:
    """One data set as a reading; a number that is none has quality invalid and no value.

    Energy and power come in Wh and W, the power factor in percent, as over Modbus. ``raw`` is the text as sent.
    """
    code = item.canonical
    line = LINES.get(code, Line(f"optical.{code or 'unnamed'}", None))
    raw = item.value if item.unit is None else f"{item.value}*{item.unit}"
    value, unit, quality = _judge(line, item, known=code in LINES)
    return Reading(line.point, line.quantity, value, unit, f"1-0:{code}" if code else None, quality, time, raw)


def _judge(line: Line, item: DataSet, known: bool) -> tuple[Decimal | str | None, str, Quality]:
    if line.unit is None and (known or item.unit is None):
        return _text(line, item.value)
    sent = item.unit if item.unit is not None else line.unit or ""
    unit, exponent = UNITS.get(sent, (sent, 0))
    if line.exponent and not sent:
        unit, exponent = _PERCENT, line.exponent
    if not _NUMBER.match(item.value):
        return None, unit, Quality.INVALID
    return Decimal(item.value).scaleb(exponent), unit, Quality.GOOD


def _text(line: Line, value: str) -> tuple[str | None, str, Quality]:
    if line.point != "optical.local_time":
        return value, "", Quality.GOOD
    if set(value) == {"0"}:
        return None, "", Quality.MISSING
    try:
        return datetime.strptime(value, "%y%m%d%H%M%S").isoformat(), "", Quality.GOOD  # noqa: DTZ007 - local, no zone sent
    except ValueError:
        return None, "", Quality.INVALID


Message = TypeVar("Message", Identification, Data)
_NAMES: dict[type, str] = {Identification: "identification", Data: "data"}


def _find(text: str) -> list[str]:
    """Names of the points that a text means: a point, its bare name, a whole instance, or a code."""
    wanted = text.strip().replace("/", ".").lower()
    code = DataSet(text.strip(), "").canonical
    if code in LINES:
        return [LINES[code].point]
    points = list(dict.fromkeys(line.point for line in LINES.values()))
    found = [name for name in points if wanted in (name.lower(), *name.lower().split("."))]
    if found:
        return found
    raise UnknownName(f"the optical interface has no point {text!r}; it has {', '.join(points)}")


def _missing(name: str, time: datetime) -> Reading:
    code, line = next((code, line) for code, line in LINES.items() if line.point == name)
    unit, _ = UNITS.get(line.unit or "", (_PERCENT if line.exponent else line.unit or "", 0))
    return Reading(name, line.quantity, None, unit, f"1-0:{code}", Quality.MISSING, time, None)


def _device(url: MeterURL) -> tuple[int, Callable[[int], None]]:
    """A serial device, opened, and the function that changes its bit rate."""
    from wattproof.io.serial import SerialSettings, open_device, set_line

    settings = SerialSettings.of(url)
    descriptor = open_device(url.path, settings)
    return descriptor, lambda baudrate: set_line(descriptor, url.path, replace(settings, baudrate=baudrate))


class OpticalDriver:
    """Asks or listens at one optical head.

    Args:
        link: the byte stream, one byte a character.
        mode: ``a`` or ``c`` (both ask; the identification decides), ``d0`` listens.
        serial: serial number to be asked for by name; empty asks whoever is there.
        patience: seconds without a byte after which an answer counts as missing.
        set_rate: sets the bit rate of a serial device; ``None`` on sockets and pseudo-terminals.
    """

    def __init__(
        self,
        link: ByteLink,
        *,
        mode: str = "c",
        serial: str = "",
        patience: float = PATIENCE,
        set_rate: Callable[[int], None] | None = None,
    ) -> None:
        self._link = link
        self._mode = mode
        self._serial = serial
        self._patience = patience
        self._set_rate = set_rate
        self._identification: Identification | None = None
        self._heard: deque[object] = deque()
        self._latest: tuple[DataSet, ...] = ()

    @classmethod
    async def open(cls, url: MeterURL, *, trace: Trace | None = None) -> OpticalDriver:
        """The driver of a URL, on the running event loop.

        Raises:
            Unreachable: no connection, or no such device.
        """
        if url.host is not None or url.scheme == "pty":
            return cls._of(await open_link(url), url, None, trace)
        descriptor, set_rate = _device(url)
        return cls._of(DescriptorLink(descriptor, url.place), url, set_rate, trace)

    @classmethod
    def open_blocking(cls, url: MeterURL, *, trace: Trace | None = None) -> OpticalDriver:
        """The same without an event loop: its coroutines never suspend."""
        if url.host is not None or url.scheme == "pty":
            return cls._of(open_link_blocking(url), url, None, trace)
        descriptor, set_rate = _device(url)
        return cls._of(BlockingLink(DescriptorStream(descriptor), url.place), url, set_rate, trace)

    @classmethod
    def _of(
        cls, link: ByteLink, url: MeterURL, set_rate: Callable[[int], None] | None, trace: Trace | None
    ) -> OpticalDriver:
        mode = url.options.get("mode", "c")
        return cls(
            link if trace is None else TracedLink(link, trace),
            mode=mode,
            serial=url.options.get("serial", ""),
            patience=url.number("timeout", PACKET_PATIENCE if mode == "d0" else PATIENCE),
            set_rate=set_rate,
        )

    @property
    def clock(self) -> Clock:
        return self._link.clock

    async def close(self) -> None:
        """End the connection; harmless when it has ended."""
        await self._link.close()

    async def read(self, points: Sequence[str] = ()) -> list[Reading]:
        """One readout, or the next D0 packet, as readings of one moment in the order in which they came.

        Args:
            points: names as over Modbus (``ac_meter.W``, ``W``, ``ac_meter``) or codes (``1-0:15.7.0``); empty takes
                everything. A point that the meter did not send has quality missing.

        Raises:
            UnknownName: the interface has no such point.
            ResponseTimeout: nobody answers, or a message does not end.
            FrameError: the data are damaged, twice in a row.
        """
        wanted = [_find(point) for point in points]
        sets = await self.data_sets()
        time = datetime.fromtimestamp(self._link.clock.time() / 1e9, UTC)
        sent = [reading(item, time) for item in sets]
        if not points:
            return sent
        names = [name for group in wanted for name in group]
        missing = [name for name in names if name not in {item.point for item in sent}]
        return [item for item in sent if item.point in names] + [_missing(name, time) for name in missing]

    async def info(self) -> DeviceInfo:
        """Who answers: maker's letters and text of the identification, serial number and version of the readout.

        The latest readout serves where there is one.
        """
        sets = {item.canonical: item.value for item in self._latest or await self.data_sets()}
        who = self._identification or Identification("???", " ", "")
        return DeviceInfo("bsm", None, who.manufacturer, who.text, sets.get("C.1.0", ""), sets.get("0.2.0", ""), None)

    async def data_sets(self) -> tuple[DataSet, ...]:
        """The data sets of one readout or packet, undamaged. Raises as ``read`` does."""
        self._latest = await (self._listen() if self._mode == "d0" else self._ask())
        return self._latest

    async def _ask(self) -> tuple[DataSet, ...]:
        receiver = ReaderReceiver()
        self._link.discard()
        self._heard.clear()
        self._rate(OPENING_RATES["c"])
        await self._link.send(Request(self._serial).encode())
        heard = await self._next(receiver, Identification)
        if isinstance(heard, Damaged):
            raise FrameError(f"{self._link.name}: damaged identification: {heard.reason}")
        self._identification = heard
        if heard.mode == "C":
            acknowledge = Acknowledge("0", heard.rate, "0").encode()
            await self._link.send(acknowledge)
            if self._set_rate is not None:
                await self._link.clock.sleep(sending_time(len(acknowledge), OPENING_RATES["c"]) / 1e9)
        self._rate(heard.baudrate)
        data = await self._next(receiver, Data)
        if isinstance(data, Damaged):
            await self._link.send(NAK)
            receiver.gap()
            data = await self._next(receiver, Data)
        if not isinstance(data, Damaged):
            return data.sets
        raise FrameError(f"{self._link.name}: the readout is damaged twice ({data.reason}): check the optical head")

    async def _listen(self) -> tuple[DataSet, ...]:
        receiver = ReaderReceiver(packets=True)
        self._rate(OPENING_RATES["d0"])
        self._link.discard()
        self._heard.clear()
        heard = await self._next(receiver, Identification)
        if not isinstance(heard, Damaged):
            self._identification = heard
            data = await self._next(receiver, Data)
            if not isinstance(data, Damaged):
                return data.sets
            heard = data
        raise FrameError(f"{self._link.name}: a damaged D0 packet: {heard.reason}")

    async def _next(self, receiver: ReaderReceiver, kind: type[Message]) -> Message | Damaged:
        """The next message of a kind, or damage; other messages are skipped."""
        taken, started = 0, self._link.clock.now()
        while (message := self._pop(kind)) is None:
            data = await self._link.receive(self._patience)
            taken += len(data)
            self._heard.extend(receiver.receive(data))
            waited = (self._link.clock.now() - started) / 1e9
            if any(isinstance(found, kind | Damaged) for found in self._heard):
                continue
            if receiver.unfinished and kind is Data and (not data or waited > LONGEST):
                return Damaged("it began and did not end")
            if not data or (waited > self._patience and not receiver.unfinished):
                raise ResponseTimeout(
                    f"{self._link.name}: no {_NAMES[kind]} within {self._patience:g} s; is the optical head in place, "
                    f"the mode right (?mode=c, a or d0; this is {self._mode}), the serial number too?"
                )
            if taken > BABBLE:
                raise FrameError(f"{self._link.name}: {taken} bytes without {_NAMES[kind]}: this is no optical head")
        return message

    def _pop(self, kind: type[Message]) -> Message | Damaged | None:
        while self._heard:
            message = self._heard.popleft()
            if isinstance(message, kind | Damaged):
                return message
        return None

    def _rate(self, baudrate: int) -> None:
        if self._set_rate is not None:
            self._set_rate(baudrate)
