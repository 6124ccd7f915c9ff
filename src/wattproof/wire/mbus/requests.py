"""What a master asks an ABB meter to do or to read out: one table, from which the driver builds the records and the
meter recognises them (abb-meters.md 1.14, 1.15; manual 2CMC484001M0201, "Sending data to the meter" and following).

The records go into a SND_UD frame with CI 51. A meter acknowledges every well-formed one, done or not (AD-10).

>>> Request("set_tariff", 2).encode().hex(" ")
'01 ff 13 02'
>>> Request("reset_register", subject="reactive_energy_export").encode().hex(" ")
'80 c0 40 84 ff f2 07'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from wattproof.errors import InvalidValue
from wattproof.wire.mbus import abb
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.dib import DataField, Dib, Function
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.vife import CLEAR, FREEZE, WRITE


class Shape(Enum):
    """What a request carries as its value."""

    NOTHING = "nothing"
    NUMBER = "a whole number"
    DATE = "a date"
    MOMENT = "a date and time"
    BYTES = "eight bytes"

    @classmethod
    def of(cls, value: object) -> Shape:
        """The shape of a value."""
        if isinstance(value, Moment):
            return cls.DATE if value.hour is None else cls.MOMENT
        return cls.NOTHING if value is None else cls.BYTES if isinstance(value, bytes) else cls.NUMBER


_FIELDS = {Shape.NOTHING: DataField.NONE, Shape.DATE: DataField.INT16, Shape.MOMENT: DataField.BCD12}
_FIELDS[Shape.BYTES] = DataField.INT64


@dataclass(frozen=True, slots=True)
class Form:
    """One row: a request, and the record that says it.

    ``subject``: which port, register, log, quantity. ``allowed``: numbers that the value may have. ``protected``: the
    meter obeys only while its write access level is open. ``readout``: telegrams are to be asked for afterwards.
    ``offset``: storage number and subunit carry one.
    """

    name: str
    chain: bytes
    shape: Shape = Shape.NOTHING
    subject: str | int | None = None
    field: DataField = DataField.NONE
    storage: int = 0
    subunit: int = 0
    code: int | None = None
    allowed: Sequence[int] | None = None
    protected: bool = False
    readout: bool = False
    offset: bool = False

    @property
    def declaration(self) -> Declaration:
        """The record without its value."""
        return Declaration(Dib(self.field, storage=self.storage, subunit=self.subunit), self.chain, abb.MAKER)

    @property
    def allowed_text(self) -> str:
        """The numbers that the value may have, in words; "" if it is no number."""
        allowed = self.allowed or ()
        if isinstance(allowed, range):
            return f"{allowed.start} to {allowed[-1]}"
        return ", ".join(map(str, allowed))


def _number(name: str, chain: str, allowed: Sequence[int], *, wide: bool = False, protected: bool = False) -> Form:
    size = DataField.INT32 if wide else DataField.INT8
    return Form(name, bytes.fromhex(chain), Shape.NUMBER, field=size, allowed=allowed, protected=protected)


def _with(form: Form, shape: Shape) -> Form:
    return replace(form, shape=shape, field=_FIELDS[shape])


def _action(name: str, chain: str, code: int = CLEAR, protected: bool = False) -> Form:
    return Form(name, bytes.fromhex(chain), code=code, protected=protected)


_BYTE, _WORD = range(1 << 8), range(1 << 32)
PORTS = range(1, 5)
#: Resettable registers by subunit, transformer ratios by code, what can be cleared by the code behind ``FF F9``.
REGISTERS = {subunit: abb.ENERGIES[subunit][0] for subunit in range(4)}
RATIOS = {0x20: "ct_primary", 0x21: "vt_primary", 0x22: "ct_secondary", 0x23: "vt_secondary"}
CLEARABLE = {
    abb.DEMAND: "demand",
    abb.PREVIOUS_VALUES: "previous_values",
    abb.LOAD_PROFILE: "load_profile",
    **{request: f"{name}_log" for name, (request, _) in abb.LOGS.items()},
}
#: Phases of harmonics, as the request numbers them.
CURRENT_PHASES = {1: "L1", 2: "L2", 3: "L3", 4: "N"}
VOLTAGE_PHASES = {1: "L1", 2: "L2", 3: "L3", 5: "L1-L2", 6: "L2-L3", 7: "L1-L3"}


def _commands() -> Iterator[Form]:
    """abb-meters.md 1.15."""
    yield _number("set_tariff", "FF 13", range(1, 5))
    yield _number("set_address", "7A", range(251))
    yield _action("reset_power_fail_counter", "FF 18")
    for code, name in RATIOS.items():
        row = _number("set_ratio", f"FF {code:02X}", _WORD, wide=True, protected=True)
        yield replace(row, subject=name)
    yield _number("set_status_mode", "FF 15", range(3))
    for port in PORTS:
        yield replace(_action("reset_input_state", "FD 1B"), subject=port, subunit=port, storage=1)
        yield replace(_action("reset_input_counter", "FD 61"), subject=port, subunit=port)
        yield replace(_number("set_output", "FD 1A", range(2)), subject=port, subunit=port)
    yield _action("reset_outage_time", "FF 6C")
    password = _with(Form("send_password", b"\xfd\x16"), Shape.BYTES)
    yield password
    yield replace(password, name="set_password", code=WRITE)
    yield _with(Form("set_date_time", b"\x6d", protected=True), Shape.MOMENT)
    yield _with(Form("set_date", b"\x6c", protected=True), Shape.DATE)
    for code, name in CLEARABLE.items():
        yield replace(_action("clear", f"FF F9 {code:02X}", protected=True), subject=name)
    for subunit, name in REGISTERS.items():
        yield replace(_action("reset_register", "84 FF 72", protected=True), subject=name, subunit=subunit)
    yield _action("freeze_demand", f"FF F9 {abb.DEMAND:02X}", FREEZE, protected=True)
    yield _number("set_write_access", "FF 6A", range(1, 4), protected=True)
    yield _number("set_tariff_source", "FF F9 06", range(3), protected=True)
    yield _number("set_co2_factor", "FF 24", _WORD, wide=True)
    yield _number("set_currency_factor", "FF 25", _WORD, wide=True)


def _readouts() -> Iterator[Form]:
    """abb-meters.md 1.14, without the load profiles of channels."""
    for code, name in abb.LOAD_PROFILES.items():
        row = Form("load_profile", bytes((0xFF, 0xF9, code)), subject=name, readout=True)
        yield row
        yield _with(replace(row, chain=b"\xec" + row.chain), Shape.DATE)
        yield _with(replace(row, chain=b"\xed" + row.chain), Shape.MOMENT)
    for name, code in (("demand", abb.REQUEST_DEMAND), ("previous_values", abb.REQUEST_PREVIOUS_VALUES)):
        yield _with(Form(name, bytes((0xEC, 0xFF, 0xF9, code)), readout=True), Shape.DATE)
    for name, code, phases in (
        ("current_harmonics", abb.REQUEST_CURRENT_HARMONICS, tuple(CURRENT_PHASES)),
        ("voltage_harmonics", abb.REQUEST_VOLTAGE_HARMONICS, tuple(VOLTAGE_PHASES)),
    ):
        yield Form(name, bytes((0xFF, 0xF9, code)), readout=True)
        yield replace(_number(name, f"FF F9 {code:02X}", phases), readout=True)
    for name, (code, _) in abb.LOGS.items():
        row = Form("log", bytes((0xED, 0xFF, 0xF9, code)), subject=name, readout=True, offset=True)
        yield _with(row, Shape.MOMENT)


def _channel(channel: int, shape: Shape) -> Form:
    """The load profile of a channel 0..127, newest first or from a date backwards."""
    if not 0 <= channel <= 127:
        raise InvalidValue(f"load profile channel {channel} is outside 0 to 127")
    newest = bytes((0xFF, 0xF9, abb.CHANNEL | 0x80, 0xFF, 0xF8, channel))
    form = Form("load_profile_channel", newest, subject=channel, readout=True)
    if shape is Shape.DATE:
        form = _with(replace(form, chain=b"\xec" + newest[:4] + newest[5:]), Shape.DATE)
    return form


#: Every request but the load profiles of channels, which are counted.
FORMS: tuple[Form, ...] = (*_commands(), *_readouts())
_BY_NAME = {(form.name, form.subject, form.shape): form for form in FORMS}
_BY_RECORD = {(form.chain, form.field, form.storage, form.subunit, form.code): form for form in FORMS}
NAMES = (*dict.fromkeys(form.name for form in FORMS), "load_profile_channel")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its name, its value, what it is about, and the offset of a log request (entries back or forth)."""

    name: str
    value: int | Moment | bytes | None = None
    subject: str | int | None = None
    offset: int = 0

    @property
    def form(self) -> Form:
        """The row of this request. Raises ``InvalidValue`` if there is none."""
        shape = Shape.of(self.value)
        if self.name == "load_profile_channel" and isinstance(self.subject, int) and shape is not Shape.NUMBER:
            form = _channel(self.subject, shape)
            if form.shape is shape:
                return form
        found = _BY_NAME.get((self.name, self.subject, shape))
        if found is None:
            raise InvalidValue(f"no request {self.name!r} about {self.subject!r} takes {shape.value} as its value")
        return found

    def record(self) -> Record:
        """The record that says it. Raises ``InvalidValue`` for a request or a value that is none."""
        form, value = self.form, self.value
        if isinstance(value, int) and form.allowed is not None and value not in form.allowed:
            raise InvalidValue(f"{self.name} takes {form.allowed_text}, not {value}")
        declaration = form.declaration
        if self.offset:
            if not form.offset:
                raise InvalidValue(f"{self.name} has no offset")
            storage, subunit = abs(self.offset), int(self.offset < 0)
            declaration = replace(declaration, dib=replace(declaration.dib, storage=storage, subunit=subunit))
        header = declaration.header(form.code)
        number = value
        if form.shape is Shape.NUMBER and isinstance(value, int) and header.type.name == "B":
            number = value - (1 << 8 * header.size) if value >> 8 * header.size - 1 else value
        return Record(header, header.type.encode(number))

    def encode(self) -> bytes:
        """The data behind CI 51."""
        return self.record().raw

    @classmethod
    def of(cls, record: Record) -> Request | None:
        """What a record read with ABB's tables asks for; ``None`` if nothing that is known, or with a value outside."""
        dib, chain = record.header.dib, record.header.key.chain
        if dib.function is not Function.INSTANTANEOUS or dib.tariff:
            return None
        form = _BY_RECORD.get((chain, dib.field, dib.storage, dib.subunit, record.header.code))
        offset = 0
        if form is None and dib.subunit <= 1:
            form = _BY_RECORD.get((chain, dib.field, 0, 0, record.header.code))
            form = form if form is not None and form.offset else _channel_form(record)
            offset = -dib.storage if dib.subunit else dib.storage
        if form is None:
            return None
        value = _value(form, record)
        if form.shape is not Shape.of(value) or (form.allowed is not None and value not in form.allowed):
            return None
        return cls(form.name, value, form.subject, offset)


def _channel_form(record: Record) -> Form | None:
    """The form of a load profile of a channel."""
    dib, chain = record.header.dib, record.header.key.chain
    if not chain or record.header.code is not None or dib.storage or dib.subunit:
        return None
    for shape in (Shape.NOTHING, Shape.DATE):
        form = _channel(chain[-1], shape)
        if (form.chain, form.field) == (chain, dib.field):
            return form
    return None


def _value(form: Form, record: Record) -> int | Moment | bytes | None:
    """The value that a form has in this record, whatever its bytes mean elsewhere."""
    if form.shape is Shape.NUMBER:
        return int.from_bytes(record.data, "little")
    if form.shape is Shape.BYTES:
        return record.data
    content = record.content
    return content if isinstance(content, Moment) and content.exact else None
