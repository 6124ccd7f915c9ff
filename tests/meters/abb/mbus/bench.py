"""An ABB meter for tests: registers in a dictionary, behind the slave of `wattproof.wire.mbus`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from tests.mbusline import BusLink
from wattproof.drivers.mbus.address import Address
from wattproof.meters.abb.mbus.driver import AbbMbusDriver
from wattproof.meters.abb.quantities import ROWS, by_name
from wattproof.wire.mbus.abb import MAKER
from wattproof.wire.mbus.addresses import SecondaryAddress
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.frames import Long, Short
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.slave import Readout, Slave
from wattproof.wire.mbus.telegrams import Answer, Identification, Telegram

SERIAL = "00217819"
CLOCK = datetime.fromisoformat("2024-06-15T12:00:00")
PAGE = 12

#: What the meter has, as sent: numbers before scale.
REGISTERS: dict[str, object] = {
    "ACTIVE_ENERGY_IMPORT_TOTAL": 3913,
    "ACTIVE_ENERGY_NET_TOTAL": -5,
    "TARIFF_ACTIVE": 1,
    "TRAFO_CT_RATIO_NUMERATOR": 1,
    "TRAFO_CT_RATIO_DENOMINATOR": 1,
    "CLOCK": CLOCK,
    "FIRMWARE_VERSION": "A1.12.0",
    "METER_TYPE_DESIGNATION": "A43 512-100",
    "POWER_FAIL_COUNTER": 927,
    "POWER_OUTAGE_TIME": 15,
    "ACTIVE_POWER_TOTAL": 1868,
    "CURRENT_L1": 16,
    "IO_INPUT_CUMULATION_3": 7,
    "IO_STORED_INPUT_STATE_3": 1,
    "RSTREG_ACT_ENERGY_IMP": 100,
    "RSTREG_ACT_CNTR_IMP": 0,
    "NRG_CONVERSION_FACTOR_CURR": 1000,
    "NRG_CONVERSION_FACTOR_CO2": 1000,
}


def record(text: str, value: object = None, status: int | None = 0) -> Record:
    """A record by DIB / VIB, as tables print it."""
    dib, _, vib = text.partition("/")
    return Declaration.parse(dib, vib, MAKER).record(value, status)  # type: ignore[arg-type]


class Pages:
    """A readout of these records, cut into telegrams."""

    def __init__(self, records: Iterable[Record], page: int = PAGE) -> None:
        self._records = [*records]
        self._page = page

    def telegram(self, number: int, access: int) -> Answer:
        header = Identification(SecondaryAddress(SERIAL, 0x0442, 0x20, 2), access)
        part = self._records[(number - 1) * self._page : number * self._page]
        return Telegram.build(header, part, number * self._page < len(self._records))


class AbbMeter:
    """``level`` is the write access level: 1 closed, 2 open by ``password``, 3 open. ``outputs``: ports 1 and 2."""

    fabrication = None

    def __init__(self, link: BusLink | None = None, address: int = 1) -> None:
        self.address = address
        self.identity = SecondaryAddress(SERIAL, 0x0442, 0x20, 2)
        self.registers = dict(REGISTERS)
        self.status: dict[str, int] = {}
        self.outputs = {1: 0, 2: 1}
        self.level = 3
        self.mode: int = 2
        self.password = b"secret\0\0"
        self.known = False
        self.lists: dict[tuple[str, object], list[Record]] = {}
        self.asked: list[Request] = []
        self.done: list[Request] = []
        self.delay = 0.035
        self.mute = False
        self.slave = Slave(self)
        self.link = link or BusLink([])
        self.link.meters.append(self)

    # the line

    def answer(self, frame: Short | Long) -> bytes | None:
        if self.mute:
            return None
        answer = self.slave.handle(frame, self.link.clock.now())
        return None if answer is None else answer.encode()

    # the application

    def session_ended(self) -> None:
        self.known = False

    def readout(self) -> Readout:
        return Pages(self._standard())

    def _standard(self) -> list[Record]:
        found = [
            record(by_name(name).record, self._sent(name, value), self._status(self.status.get(name, 0)))
            for name, value in self.registers.items()
        ]
        for port in range(1, 5):
            level, status = self.outputs.get(port, 0), 0 if port in self.outputs else 0x15
            found.append(self._port("FD 9A", port, level, status))
            found.append(self._port("FD 9B", port, 0, 0x15 - status))
        return [*found, record("07 / FF A7", 3072, self._status(0)), record("07 / FF A9", 1, self._status(0))]

    def _sent(self, name: str, value: object) -> object:
        if isinstance(value, datetime):
            return Moment.of(value + timedelta(seconds=self.link.clock.now() // 10**9))
        return None if self.status.get(name) else value

    def _port(self, vib: str, port: int, level: int, status: int) -> Record:
        units = {1: "81 40", 2: "81 80 40", 3: "81 C0 40", 4: "81 80 80 40"}
        return record(f"{units[port]} / {vib}", level, self._status(status))

    def _status(self, status: int) -> int | None:
        return status if self.mode == 2 or (self.mode == 1 and status) else None

    def execute(self, records: Sequence[Record]) -> Readout | None:
        readout = None
        for item in records:
            request = Request.of(item)
            assert request is not None, item
            self.asked.append(request)
            if request.form.readout:
                readout = Pages(self.lists.get((request.name, request.subject), self._standard()))
            elif request.name == "send_password":
                self.known = request.value == self.password
            elif not request.form.protected or self.level == 3 or (self.level == 2 and self.known):
                self.done.append(request)
                ACTIONS[request.name](self, request)
        return readout

    def driver(self, address: str = "1", secret: str | None = None) -> AbbMbusDriver:
        return AbbMbusDriver(self.link.bus(), Address.parse(address), secret=secret)


def _sets(name: str) -> Callable[[AbbMeter, Request], None]:
    return lambda meter, request: meter.registers.update({name: request.value})


def _register(meter: AbbMeter, request: Request) -> None:
    meter.registers |= {"RSTREG_ACT_ENERGY_IMP": 0, "RSTREG_ACT_CNTR_IMP": meter.registers["RSTREG_ACT_CNTR_IMP"] + 1}  # type: ignore[operator]


def _clock(meter: AbbMeter, request: Request) -> None:
    assert isinstance(request.value, Moment)
    time = request.value.datetime
    assert time is not None
    if request.value.hour is None:
        now = CLOCK + timedelta(seconds=meter.link.clock.now() // 10**9)
        time = datetime.combine(time.date(), now.time())
    meter.registers["CLOCK"] = time - timedelta(seconds=meter.link.clock.now() // 10**9)


def _clear(meter: AbbMeter, request: Request) -> None:
    for name, subject in [*meter.lists]:
        if request.subject in (name, f"{subject}_log", name.removesuffix("_channel")):
            meter.lists[name, subject] = meter.lists[name, subject][:1]


def _set(attribute: str) -> Callable[[AbbMeter, Request], None]:
    return lambda meter, request: setattr(meter, attribute, request.value)


def _ratio(meter: AbbMeter, request: Request) -> None:
    rows = {"ct_primary": 141, "ct_secondary": 142, "vt_primary": 143, "vt_secondary": 144}
    meter.registers[ROWS[rows[str(request.subject)]].name] = request.value


def _output(meter: AbbMeter, request: Request) -> None:
    if request.subject in meter.outputs:
        meter.outputs[int(request.subject)] = int(request.value)  # type: ignore[arg-type]


ACTIONS: dict[str, Callable[[AbbMeter, Request], None]] = {
    "set_tariff": _sets("TARIFF_ACTIVE"),
    "set_tariff_source": lambda meter, request: None,
    "set_ratio": _ratio,
    "set_co2_factor": _sets("NRG_CONVERSION_FACTOR_CO2"),
    "set_currency_factor": _sets("NRG_CONVERSION_FACTOR_CURR"),
    "set_date_time": _clock,
    "set_date": _clock,
    "set_output": _output,
    "set_address": _set("address"),
    "set_status_mode": _set("mode"),
    "set_write_access": _set("level"),
    "set_password": _set("password"),
    "reset_register": _register,
    "reset_power_fail_counter": lambda meter, request: meter.registers.update({"POWER_FAIL_COUNTER": 0}),
    "reset_outage_time": lambda meter, request: meter.registers.update({"POWER_OUTAGE_TIME": 0}),
    "reset_input_counter": lambda meter, request: meter.registers.update({"IO_INPUT_CUMULATION_3": 0}),
    "reset_input_state": lambda meter, request: meter.registers.update({"IO_STORED_INPUT_STATE_3": 0}),
    "clear": _clear,
    "freeze_demand": lambda meter, request: meter.lists.update({("demand", None): demand(2)}),
}


def demand(periods: int) -> list[Record]:
    """The running period and ended ones: one fixed maximum each."""
    found = [record("01 / FD A5", 15), record("01 / FF AB", 1)]
    for number in range(periods):
        day = CLOCK.replace(hour=0) - timedelta(days=number - 1)
        storage = 0x40 * (number & 1)
        found += [
            record(f"{0x14 | storage:02X} / A9 FF F9 D1", 13158 + number),
            record(f"{0x0E | storage:02X} / ED EB", Moment.of(day - timedelta(hours=3))),
            record(f"{0x0E | storage:02X} / ED EB FF F0", Moment.of(day if number else CLOCK)),
        ]
    return found
