"""A store of coils and registers in memory: the plainest device behind a server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wattproof.errors import ModbusRefused
from wattproof.wire.modbus.exceptions import ExceptionCode
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.messages import ServerIdResponse
from wattproof.wire.modbus.serve import Table


class MemoryStore:
    """Four sparse tables; what was never set does not exist and is refused with exception 2.

    ``coils`` and ``discrete_inputs`` are bits by address, ``holding`` and ``inputs`` register images: set them up
    directly. Clients can write coils and holding registers that exist.
    """

    def __init__(
        self,
        holding: RegisterImage | None = None,
        inputs: RegisterImage | None = None,
        coils: Mapping[int, bool] | None = None,
        discrete_inputs: Mapping[int, bool] | None = None,
        *,
        objects: Mapping[int, bytes] | None = None,
        server_id: bytes | None = None,
    ) -> None:
        self.holding = RegisterImage() if holding is None else holding
        self.inputs = RegisterImage() if inputs is None else inputs
        self.coils = dict(coils or {})
        self.discrete_inputs = dict(discrete_inputs or {})
        self._objects = dict(objects or {})
        self._server_id = server_id

    def read(self, table: Table, address: int, count: int) -> bytes:
        """Packed bits, or registers. Raises ``ModbusRefused`` (2) if one of them does not exist."""
        if table in (Table.HOLDING_REGISTERS, Table.INPUT_REGISTERS):
            image = self.holding if table is Table.HOLDING_REGISTERS else self.inputs
            self._require(image.covers(address, count), table, address, count)
            return image.read(address, count)
        bits = self.coils if table is Table.COILS else self.discrete_inputs
        self._require(all(at in bits for at in range(address, address + count)), table, address, count)
        return pack_bits(bits[at] for at in range(address, address + count))

    def write(self, table: Table, address: int, count: int, data: bytes) -> None:
        """Set bits or registers. Raises ``ModbusRefused`` (2) if one of them does not exist."""
        self.read(table, address, count)
        if table is Table.HOLDING_REGISTERS:
            self.holding.write(address, data)
        else:
            self.coils.update(zip(range(address, address + count), unpack_bits(data, count), strict=True))

    def server_id(self) -> ServerIdResponse:
        """The identification given at the start; ``ModbusRefused`` (1) without one."""
        if self._server_id is None:
            raise ModbusRefused(ExceptionCode.ILLEGAL_FUNCTION, "this device has no server identification")
        return ServerIdResponse(self._server_id)

    def identification(self) -> Mapping[int, bytes]:
        """The objects given at the start; ``ModbusRefused`` (1) without any."""
        if not self._objects:
            raise ModbusRefused(ExceptionCode.ILLEGAL_FUNCTION, "this device has no identification objects")
        return self._objects

    @staticmethod
    def _require(exists: bool, table: Table, address: int, count: int) -> None:
        if not exists:
            raise ModbusRefused(
                ExceptionCode.ILLEGAL_DATA_ADDRESS, f"{table} {address} to {address + count - 1} do not all exist"
            )


def pack_bits(bits: Iterable[bool]) -> bytes:
    """Bits as bytes, first one in the lowest bit of the first byte; unused bits 0."""
    number = 0
    count = 0
    for count, bit in enumerate(bits, 1):
        number |= bool(bit) << (count - 1)
    return number.to_bytes((count + 7) // 8, "little")


def unpack_bits(data: bytes, count: int) -> list[bool]:
    """The first ``count`` bits."""
    number = int.from_bytes(data, "little")
    return [bool(number >> at & 1) for at in range(count)]
