"""Asking a DMED4 over Modbus: RTU, ASCII, TCP, or RTU frames over TCP.

Source: communication manual, Modbus chapter; specification, sections 2 to 5, 8.8 and 9.5; DEC-07 to DEC-28.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from wattproof.drivers.mapped import ALL, RegisterDriver, Selection, Value
from wattproof.drivers.modbus import ModbusLink, TolerantLink
from wattproof.drivers.patient import PatientLink
from wattproof.drivers.registers import INPUT, read_planned, write_registers
from wattproof.errors import (
    LinkError,
    ModbusRefused,
    ProtocolError,
    Refused,
    UnitSilent,
    UnknownName,
    UsageError,
    WattproofError,
)
from wattproof.meters.dmed4 import menu, text
from wattproof.meters.dmed4.cycle import LOST_LIMIT, ChargeCycle, Status, letter_of
from wattproof.meters.dmed4.enums import Signature
from wattproof.meters.dmed4.hours import HourCounters
from wattproof.meters.dmed4.models import by_code
from wattproof.meters.dmed4.points import CHARGE_CYCLE, MAP, MENU, SHIFTED, VALUE
from wattproof.meters.dmed4.text import Record
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.wire.modbus.bindings import BoundPoint, RegisterMap
from wattproof.wire.modbus.exceptions import ExceptionCode
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.messages import ServerIdRequest
from wattproof.wire.modbus.pdu import write_single_request
from wattproof.wire.modbus.plan import Span

MANUFACTURER = "LOVATO ELECTRIC"
#: Most registers in one message, reading or writing (2.1).
MOST = 120
#: Byte 5 of the answer to function 17 (3.4).
CONSTANT = 2
#: Bytes of it that are used.
SHORTEST_IDENTITY = 6
#: How a command letter lies in its word: high byte, or low byte (DEC-27).
HIGH, LOW = 8, 0
#: What a read without points gives.
OVERVIEW = ("measure", "hours", "measurement_status", "signature_status", "error_1", "error_2", "datetime")
#: Names that only REST can set.
REST_ONLY = frozenset({"tariff", "res_cable", "operative_status"})
#: 4282h: SD is Base64.
BASE64 = 1

_PARAMETER = re.compile(r"p\d\d[._]\d\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """The answer to function 17: model code and revisions (3.4)."""

    code: int
    firmware: int
    hardware: int
    parameters: int
    ethernet: int

    @classmethod
    def of(cls, data: bytes) -> Identity:
        """From what follows the byte count; more than six bytes may (DEC-09)."""
        return cls(data[0], data[1], data[2], data[3], data[5])

    @property
    def names(self) -> tuple[str, ...]:
        """Models with this code; R and D share one (DEC-03)."""
        return tuple(model.name for model in by_code(self.code))

    @property
    def is_display(self) -> bool:
        return any(model.is_display for model in by_code(self.code))

    def info(self, variant: str | None = None, serial: str = "", public_key: bytes | None = None) -> DeviceInfo:
        """As the identity of a device; over Modbus the serial number stands in signed records only."""
        type = " or ".join(self.names) or f"unknown model 0x{self.code:02X}"
        return DeviceInfo("dmed4", variant, MANUFACTURER, type, serial, str(self.firmware), public_key)


class DmedDriver(RegisterDriver, ChargeCycle):
    """A DMED4 at ``unit`` behind ``link``. What is said of :class:`RegisterDriver` holds here too.

    ``function``: 4, or 3 to read with that. ``offset``: what is subtracted from register numbers of the charge-cycle
    block (4000h to 4BFFh), 1 or 0; ``None`` finds it out with one request and one more (DEC-16). ``seconds``: whether
    the hour counters count seconds; ``None`` believes their name until they run too fast (DEC-19). ``public_key``: the
    key (DER) if it is known beforehand; then records are checked with it without asking.
    Parameters are points too: ``P05_03`` (section 5). Writing them saves, reboots and verifies.
    """

    family = "dmed4"
    default_unit: ClassVar[int] = 1

    def __init__(
        self,
        link: ModbusLink,
        unit: int | None = None,
        clock: Clock | None = None,
        *,
        chunk: int = MOST,
        variant: str | None = None,
        patience: float | None = None,
        function: int = INPUT,
        offset: int | None = None,
        seconds: bool | None = None,
        public_key: bytes | None = None,
    ) -> None:
        super().__init__(
            PatientLink(link), unit, clock, registers=MAP, chunk=min(chunk, MOST), variant=variant, patience=patience
        )
        self._read_function = function
        self._tolerant = link if isinstance(link, TolerantLink) else None
        self._located = offset is not None
        self._registers = SHIFTED if offset == 0 else MAP
        self._seen: tuple[int, int] | None = None
        self._before: tuple[int, int] | None = None
        self._form: int | None = None
        self._base64: bool | None = None
        self._serial = ""
        self._hours = HourCounters(seconds)
        self.known_key = public_key
        self.at_unit(self.unit)

    def at_unit(self, unit: int) -> None:
        """Ask this node from now on."""
        self.unit = unit
        if self._tolerant is not None:
            self._tolerant.tolerate_byte_counts(unit)  # DEC-08

    # Where things are ---------------------------------------------------------------------------------------------

    async def map(self) -> RegisterMap:
        """The registers as far as it is known where they are."""
        return self._registers

    async def find(self, points: Iterable[str]) -> list[BoundPoint]:
        """See :meth:`RegisterDriver.find`. The charge-cycle block is located before it is used."""
        names = [name for text in points for name in (_EVERYTHING if text.casefold() == ALL else (text,))]
        for name in names:
            if name.casefold() in REST_ONLY:
                raise UnknownName(f"{name} has no register: set it over REST, such as dmed4+http://192.168.1.1")
        bounds = await super().find(names)
        if not self._located and any(bound.block in CHARGE_CYCLE for bound in bounds):
            await self._locate()
            bounds = await super().find(names)
        return bounds

    async def _select(self, names: tuple[str, ...]) -> Selection:
        """See :meth:`RegisterDriver.read`. Raises ``UsageError`` for registers that cannot be read."""
        for bound in await self.find(names):
            if not bound.point.readable:
                raise UsageError(f"{bound.path} can only be written")
        return await super()._select(names)

    async def _overview(self) -> list[BoundPoint]:
        return await self.find(OVERVIEW)

    async def _locate(self) -> bytes:
        """The status words, found where register 4200h should be, or once where the other reading puts it (DEC-16)."""
        trouble: WattproofError | None = None
        for registers in (MAP, SHIFTED):
            address = registers.block("status").address
            try:
                data = await self.registers(address, 2)
            except UnitSilent:
                raise
            except ModbusRefused as error:
                trouble = trouble or error
                continue
            if int.from_bytes(data[:2], "big") <= 3:
                self._registers, self._located = registers, True
                self._selections.clear()
                return data
            trouble = trouble or ProtocolError(
                f"unit {self.unit}: register {address} (0-based) reads 0x{data[:2].hex()}, which is no measurement "
                f"status: is this a DMED4?"
            )
        assert trouble is not None  # noqa: S101 - neither place had it
        raise trouble

    async def _image(self, requests: Sequence[Span]) -> RegisterImage:
        return await read_planned(self.link, self.unit, requests, function=self._read_function)

    async def _words(self, name: str, count: int | None = None) -> bytes:
        """Registers from a point of the charge-cycle block on."""
        if not self._located:
            await self._locate()
        (bound,) = self._registers.find(name)
        return await self.registers(bound.address, bound.registers if count is None else count)

    # Reading and writing ------------------------------------------------------------------------------------------

    async def read(self, *points: str | Iterable[str]) -> list[Reading]:
        """See :meth:`RegisterDriver.read`; ``P05_03`` and the like are parameters, whose readings come last."""
        names = [name for point in points for name in ((point,) if isinstance(point, str) else point)]
        ids = [name for name in names if is_parameter(name)]
        if not ids:
            return self._hours.judged(await super().read(names))
        rows = menu.rows(ids)
        plain = [name for name in names if not is_parameter(name)]
        readings = self._hours.judged(await super().read(plain)) if plain else []
        return [*readings, *[menu.reading(row, await menu.read(self, row), self.now()) for row in rows]]

    async def write(self, values: Mapping[str, Value]) -> None:
        """Set points; see :meth:`RegisterDriver.write`. ``command`` takes a letter.

        Parameters are set together, saved and verified after the reboot (D-120); what else is given is written first.
        """
        parameters = menu.assigned({name: value for name, value in values.items() if is_parameter(name)})
        plain = {name: value for name, value in values.items() if not is_parameter(name)}
        letter = next((name for name in plain if name.casefold() in ("command", "control.command")), None)
        given = plain.pop(letter, None) if letter is not None and isinstance(plain[letter], str) else None
        if given is not None:
            letter_of(str(given))
        if plain:
            await self.find(plain)
            await super().write(plain)
        if given is not None:
            await self.command(str(given))
        if parameters:
            await menu.write(self, parameters)
            self._base64 = None

    async def write_registers(self, address: int, data: bytes) -> None:
        """One register with function 6, more with function 16, at most 120 at once."""
        if len(data) == 2:
            await self.write_one(address, int.from_bytes(data, "big"))
            return
        for at in range(0, len(data), 2 * MOST):
            await write_registers(self.link, self.unit, address + at // 2, data[at : at + 2 * MOST])

    async def write_one(self, address: int, value: int, *, timeout: float | None = None) -> None:
        """One register with function 6."""
        await self.link.exchange(self.unit, write_single_request(6, address, value), timeout=timeout)

    # Identity -----------------------------------------------------------------------------------------------------

    async def identity(self, *, timeout: float | None = None) -> Identity:
        """Model code and revisions by function 17. Raises :class:`~wattproof.errors.ProtocolError`."""
        data = (await self.link.exchange(self.unit, ServerIdRequest().encode(), timeout=timeout))[2:]
        if len(data) < SHORTEST_IDENTITY:
            raise ProtocolError(f"unit {self.unit} answers function 17 with {len(data)} bytes: 6 or more are expected")
        return Identity.of(data)

    async def info(self) -> DeviceInfo:
        """Model, firmware and public key, read anew. The serial number is known once a record has been seen."""
        identity = await self.identity()
        if identity.is_display:
            return identity.info(self.variant)
        key = await self.public_key()
        self._base64 = await self._words("signature_format") == BASE64.to_bytes(2, "big")
        if not self._serial:
            found = await self.record()
            self._serial = found.field("MS") if found is not None else ""
        return identity.info(self.variant, self._serial, key)

    async def public_key(self) -> bytes:
        self.known_key = text.public_key(await self._words("public_key"))
        return self.known_key

    # The charge cycle ---------------------------------------------------------------------------------------------

    async def status(self) -> Status:
        state = await self.state()
        errors = await self._words("error_1", 4)
        return Status.of(
            state.measurement,
            state.signature,
            int.from_bytes(errors[:4], "big"),
            int.from_bytes(errors[4:], "big"),
        )

    async def state(self) -> Status:
        data = await (self._words("measurement_status", 2) if self._located else self._locate())
        self._seen = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
        return Status.of(*self._seen)

    async def signature_status(self) -> Signature:
        found = int.from_bytes(await self._words("signature_status"), "big")
        if self._seen is not None:
            self._seen = self._seen[0], found
        return Status.of(0, found).signature

    async def set_clock(self, seconds: int, offset: int) -> None:
        await self.write({"datetime": seconds})
        await self.write({"datetime_offset": offset})

    async def set_fixed_fields(self, fields: Mapping[str, Any]) -> None:
        """Write the fields as JSON to 4A00h and their length to 4281h (D-238)."""
        data = text.payload_text(fields).encode("utf-8")
        bound, length = await self.find(["input_json", "input_length"])
        try:
            await self.write_registers(bound.address, data + bytes(len(data) % 2))
        except ModbusRefused as error:
            remedy = "a meter that takes no input message over Modbus (DEC-23) takes it over REST"
            raise ModbusRefused(error.code, f"{error}; {remedy}") from None
        await self.write_registers(length.address, len(data).to_bytes(2, "big"))

    async def command(self, letter: str) -> None:
        """Write the letter into the high byte of 4280h; refused as a value, once into the low byte (DEC-27)."""
        letter = letter_of(letter)
        self._before = self._seen
        try:
            await self._write_letter(letter, HIGH if self._form is None else self._form)
        except ModbusRefused as error:
            if error.code != ExceptionCode.ILLEGAL_DATA_VALUE or self._form is not None:
                raise
            await self.state()
            await self._write_letter(letter, LOW)
            self._form = LOW

    async def _write_letter(self, letter: str, form: int) -> None:
        (bound,) = await self.find(["command"])
        await self.write_one(bound.address, ord(letter) << form)

    async def _taken(self, letter: str, state: Status, passed: float) -> bool:
        """Once per meter: whether the letter in the high byte had an effect; after a second without, the other form."""
        if self._form is not None or self._before is None:
            return True
        if self._seen != self._before:
            self._form = HIGH
            return True
        if passed < LOST_LIMIT:
            return False
        self._form = LOW
        try:
            await self._write_letter(letter, LOW)
        except ModbusRefused:
            self._form = HIGH
            return True
        return False

    async def record(self) -> Record | None:
        """The newest record, put together from its registers (9.5)."""
        lengths = await self._words("output_length", 3)
        output, _, signature = (int.from_bytes(lengths[at : at + 2], "big") for at in (0, 2, 4))
        if not output:
            return None
        if output > text.LONGEST_INPUT or signature > 2 * 128:
            raise ProtocolError(f"unit {self.unit} announces {output} bytes of payload, {signature} of signature")
        payload = (await self._words("output_json", (output + 1) // 2))[:output]
        area = (await self._words("signature_der", (signature + 1) // 2))[:signature] if signature else b""
        found = Record(text.rebuilt(payload, area, base64=bool(self._base64)))
        self._serial = found.field("MS") or self._serial
        return found


#: What ``all`` means: parameters have values only after one was chosen.
_EVERYTHING = tuple(
    bound.path for block in MAP.blocks if block not in (MENU, VALUE) for bound in block if bound.point.readable
)


def is_parameter(name: str) -> bool:
    """Whether a name is that of a parameter, ``P05_03`` or ``P05.03``, or of all of them."""
    return _PARAMETER.fullmatch(name) is not None or name.casefold() == menu.EVERY


async def probe(link: ModbusLink, unit: int) -> DeviceInfo | None:
    """Whether a DMED4 or one of its displays answers at ``unit``; ``None`` if something else does.

    Raises :class:`~wattproof.errors.LinkError` if nothing answers.
    """
    try:
        data = (await link.exchange(unit, ServerIdRequest().encode()))[2:]
    except LinkError:  # also where a gateway says it, which is a refusal as well
        raise
    except (ProtocolError, Refused):
        return None
    if len(data) < SHORTEST_IDENTITY or not by_code(data[0]) or data[4] != CONSTANT:
        return None
    identity = Identity.of(data)
    return identity.info(public_key=None if identity.is_display else await _key(link, unit))


async def _key(link: ModbusLink, unit: int) -> bytes | None:
    """The public key, which alone tells over Modbus whether two nodes are one meter; ``None`` where it has none."""
    try:
        return await DmedDriver(link, unit).public_key()
    except LinkError:
        raise
    except (ProtocolError, Refused):
        return None
