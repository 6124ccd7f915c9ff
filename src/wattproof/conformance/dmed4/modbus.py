"""The meter over Modbus: raw requests, registers by name, and the steps of the charge cycle."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from wattproof.conformance.dmed4.common import Energies, States
from wattproof.conformance.engine import Failed
from wattproof.drivers.modbus import ModbusLink
from wattproof.drivers.patient import PatientLink
from wattproof.errors import LinkError, ModbusRefused
from wattproof.meters.dmed4.driver import DmedDriver
from wattproof.meters.dmed4.parameters import Parameter
from wattproof.meters.dmed4.points import MOST, SHIFTED
from wattproof.meters.dmed4.text import rebuilt
from wattproof.model.clock import Clock
from wattproof.wire.modbus.bindings import BoundPoint
from wattproof.wire.modbus.messages import ServerIdRequest
from wattproof.wire.modbus.pdu import read_request, write_multiple_request, write_single_request

READ, REPORT_ID = 4, 17
#: What saves the parameters.
SAVE = 5
#: The registers that choose a parameter.
MENU = ("menu", "submenu", "parameter")


class Registers:
    """A DMED4 behind a Modbus link.

    ``network``: nodes are only informative (2.7); else it is a line. ``framing``: ``tcp``, ``rtu`` or ``ascii``.
    Methods raise ``ModbusRefused`` for every exception, busy included.
    """

    name = "Modbus"

    def __init__(self, driver: DmedDriver, *, network: bool = True, framing: str = "tcp") -> None:
        self.driver = driver
        self.unit = driver.unit
        self.network = network
        self.framing = framing
        self.link: ModbusLink = driver.link.once if isinstance(driver.link, PatientLink) else driver.link
        self._found: dict[str, BoundPoint] = {}

    @property
    def clock(self) -> Clock:
        return self.link.clock

    # Requests -------------------------------------------------------------------------------------------------------

    async def ask(self, pdu: bytes | str, *, unit: int | None = None, timeout: float | None = None) -> bytes:
        """The answer to a raw request, bytes or hexadecimal digits."""
        request = bytes.fromhex(pdu) if isinstance(pdu, str) else pdu
        return await self.link.exchange(self.unit if unit is None else unit, request, timeout=timeout)

    async def read(self, address: int, count: int, *, function: int = READ) -> bytes:
        """Registers from a 0-based address in as many requests as it takes."""
        data = b""
        while len(data) < 2 * count:
            at, left = address + len(data) // 2, count - len(data) // 2
            data += (await self.ask(read_request(function, at, min(left, MOST))))[2:]
        return data

    async def put(self, name: str, value: int, *, at: int = 0) -> bytes:
        """One register of a point with function 6; the answer."""
        bound = await self.bound(name)
        return await self.ask(write_single_request(6, bound.address + at, value & 0xFFFF))

    async def put_many(self, name: str, data: bytes, *, at: int = 0) -> bytes:
        """Registers from a point on with function 16, in one request; the answer."""
        bound = await self.bound(name)
        return await self.ask(write_multiple_request(bound.address + at, data))

    # Values by name -------------------------------------------------------------------------------------------------

    async def bound(self, name: str) -> BoundPoint:
        """A register at its place; where the charge-cycle block begins is found out first (DEC-16)."""
        if name not in self._found:
            (self._found[name],) = await self.driver.find([name])
        return self._found[name]

    @property
    def shifted(self) -> bool:
        """Whether the charge-cycle block lies at the numbers of its registers."""
        return any(bound.block in SHIFTED.blocks for bound in self._found.values())

    async def octets(self, name: str) -> bytes:
        """The bytes of a point as they are now."""
        bound = await self.bound(name)
        return await self.read(bound.address, bound.registers)

    async def number(self, name: str) -> int:
        """A number as it is now, raw."""
        return (await self.numbers(name))[name]

    async def numbers(self, *names: str) -> dict[str, int]:
        """Numbers of one moment: all of one request. They must lie within 120 registers, without a gap."""
        bounds = {name: await self.bound(name) for name in names}
        begin = min(bound.address for bound in bounds.values())
        count = max(bound.address + bound.registers for bound in bounds.values()) - begin
        data = await self.read(begin, count)
        return {name: decoded(bound, data[2 * (bound.address - begin) :]) for name, bound in bounds.items()}

    async def block(self, name: str) -> dict[str, int]:
        """All numbers of a block, of one request."""
        (first, *_) = found = await self.driver.find([name])
        data = await self.read(first.block.address, first.block.registers)
        return {bound.point.name: decoded(bound, data[2 * bound.point.offset :]) for bound in found}

    async def identity(self) -> bytes:
        """What follows the byte count of function 17."""
        return (await self.ask(ServerIdRequest().encode()))[2:]

    # Parameters -----------------------------------------------------------------------------------------------------

    async def choose(self, row: Parameter) -> None:
        """Point the menu at a parameter."""
        for name, number in zip(MENU, (row.menu, 0, row.number), strict=True):
            await self.put(name, number)

    async def parameter(self, row: Parameter) -> int:
        """The value of a parameter that the menu shows, staged or not."""
        await self.choose(row)
        return int.from_bytes(await self.read((await self.bound("parameter_value")).address, row.words), "big")

    async def stage(self, row: Parameter, value: int) -> bytes:
        """Write a parameter's value without saving it."""
        await self.choose(row)
        return await self.put_many("parameter_value", value.to_bytes(2 * row.words, "big"))

    async def save(self) -> bool:
        """Save and reboot; whether the meter kept silent, as it should."""
        try:
            await self.put("save", SAVE)
        except ModbusRefused:
            raise
        except LinkError:
            return True
        return False

    # The charge cycle -----------------------------------------------------------------------------------------------

    async def states(self) -> States:
        found = await self.numbers("measurement_status", "signature_status")
        errors = await self.numbers("error_1", "error_2")
        return States(*found.values(), *errors.values())

    async def command(self, letter: str) -> None:
        """A letter in the high byte; where that is no value, in the low byte (DEC-27)."""
        try:
            await self.put("command", ord(letter) << 8)
        except ModbusRefused as error:
            if error.code != 3:
                raise
            await self.put("command", ord(letter))

    async def message(self, text: bytes) -> None:
        """An input message. It is acknowledged whether or not the meter likes it: its statuses say that."""
        data = text + bytes(len(text) % 2)
        for at in range(0, len(data), 2 * MOST):
            await self.put_many("input_json", data[at : at + 2 * MOST], at=at // 2)
        await self.put("input_length", len(text))

    async def fields(self, text: str) -> None:
        """Fixed fields, a JSON object."""
        await self.message(text.encode())

    async def drop_message(self) -> None:
        await self.put("input_length", 0)

    async def record(self) -> bytes:
        """The newest record, put together from its registers; empty if there is none."""
        found = await self.numbers("output_length", "binary_length", "signature_length")
        if not found["output_length"]:
            return b""
        payload = (await self.octets("output_json"))[: found["output_length"]]
        signature = (await self.octets("signature_der"))[: found["signature_length"]]
        return rebuilt(payload, signature, base64=bool(await self.number("signature_format")))

    async def energies(self) -> Energies:
        found = await self.block("measure")
        names = ("energy_import_total", "energy_export_total", "energy_cycle", "energy_cycle_export")
        return Energies(*(found[name] for name in names))

    async def public_key(self) -> bytes:
        return await self.octets("public_key")

    async def logged(self) -> int:
        return await self.number("ocmf_count")

    async def capacity(self) -> int:
        """Records that the log can hold."""
        return await self.number("ocmf_max")

    async def settings(self) -> dict[str, int]:
        """Clock and offset."""
        return {name: await self.number(name) for name in ("datetime", "datetime_offset")}

    async def set(self, values: Mapping[str, int]) -> None:
        """Set clock or offset."""
        for name, value in values.items():
            if name == "datetime":
                await self.put_many(name, value.to_bytes(4, "big"))
            else:
                await self.put(name, value)

    async def restore_menu(self, chosen: Mapping[str, int]) -> None:
        """Point the menu where it pointed."""
        with suppress(ModbusRefused):
            for name in MENU:
                await self.put(name, chosen[name])


def decoded(bound: BoundPoint, data: bytes) -> int:
    """A whole number at the begin of ``data``; the pattern for "no value" is a number here too.

    Raises ``Failed`` for a point that holds none.
    """
    octets = data[: 2 * bound.registers]
    raw = bound.point.type.decode(octets)
    if raw is None:
        return int.from_bytes(octets, "big", signed=True)
    if not isinstance(raw, int):
        raise Failed(f"{bound.path} holds no number: {octets.hex()}")
    return raw
