"""Being a Modbus server: any store of coils and registers answers all functions through :func:`serve`."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from enum import StrEnum
from typing import Any, Protocol

from wattproof.errors import ModbusRefused, WattproofError
from wattproof.wire.modbus.exceptions import ExceptionCode, exception
from wattproof.wire.modbus.messages import (
    COIL_VALUES,
    PDU_LIMIT,
    IdentificationRequest,
    IdentificationResponse,
    MaskWrite,
    Message,
    ReadRequest,
    ReadResponse,
    ReadWriteRequest,
    ServerIdRequest,
    ServerIdResponse,
    WriteMany,
    WriteManyResponse,
    WriteOne,
)
from wattproof.wire.modbus.pdu import FUNCTIONS, decode_request


class Table(StrEnum):
    """The four tables of the Modbus data model (Modbus Application Protocol 1.1b3, 4.3)."""

    COILS = "coils"
    DISCRETE_INPUTS = "discrete inputs"
    HOLDING_REGISTERS = "holding registers"
    INPUT_REGISTERS = "input registers"


#: Which table a function works on.
TABLES: Mapping[int, Table] = {
    1: Table.COILS,
    2: Table.DISCRETE_INPUTS,
    3: Table.HOLDING_REGISTERS,
    4: Table.INPUT_REGISTERS,
    5: Table.COILS,
    6: Table.HOLDING_REGISTERS,
    15: Table.COILS,
    16: Table.HOLDING_REGISTERS,
    22: Table.HOLDING_REGISTERS,
    23: Table.HOLDING_REGISTERS,
}


class DataStore(Protocol):
    """What stands behind a server.

    Data are packed bits (first one lowest) or registers (two bytes, high one first). Every method may raise a
    ``WattproofError``; its ``modbus_exception`` is answered. A write is done completely or not at all.
    """

    def read(self, table: Table, address: int, count: int) -> bytes:
        """``count`` bits or registers from 0-based ``address``."""
        ...

    def write(self, table: Table, address: int, count: int, data: bytes) -> None:
        """Set ``count`` bits or registers from 0-based ``address``."""
        ...

    def server_id(self) -> ServerIdResponse:
        """The answer of function 17."""
        ...

    def identification(self) -> Mapping[int, bytes]:
        """Objects of function 43/14 by id: 0 vendor, 1 product code, 2 revision, ... (6.21)."""
        ...


def serve(pdu: bytes, store: DataStore, functions: Container[int] = FUNCTIONS) -> bytes:
    """The answer PDU to a request PDU; an exception answer where the request or the store refuses.

    ``functions``: those that are offered. Empty in, empty out. Never raises on what came over the wire.
    """
    if not pdu:
        return b""
    try:
        if pdu[0] not in functions:
            raise ModbusRefused(ExceptionCode.ILLEGAL_FUNCTION, f"function {pdu[0]} is not offered")
        message = decode_request(pdu)
        return _ACTIONS[type(message)](message, store).encode()
    except WattproofError as error:
        return exception(pdu[0], error.modbus_exception)


def _read(message: ReadRequest, store: DataStore) -> Message:
    return ReadResponse(message.function, store.read(TABLES[message.function], message.address, message.count))


def _write_one(message: WriteOne, store: DataStore) -> Message:
    table = TABLES[message.function]
    on_or_value = bytes((COIL_VALUES[message.value],)) if table is Table.COILS else message.value.to_bytes(2, "big")
    store.write(table, message.address, 1, on_or_value)
    return message


def _write_many(message: WriteMany, store: DataStore) -> Message:
    store.write(TABLES[message.function], message.address, message.count, message.data)
    return WriteManyResponse(message.function, message.address, message.count)


def _mask_write(message: MaskWrite, store: DataStore) -> Message:
    register = int.from_bytes(store.read(Table.HOLDING_REGISTERS, message.address, 1), "big")
    store.write(Table.HOLDING_REGISTERS, message.address, 1, message.apply(register).to_bytes(2, "big"))
    return message


def _read_write(message: ReadWriteRequest, store: DataStore) -> Message:
    """The write comes first, but not before it is sure that the read will succeed (6.17, figure 27)."""
    read = Table.HOLDING_REGISTERS, message.read_address, message.read_count
    store.read(*read)
    store.write(Table.HOLDING_REGISTERS, message.write_address, len(message.data) // 2, message.data)
    return ReadResponse(message.function, store.read(*read))


def _server_id(message: ServerIdRequest, store: DataStore) -> Message:
    return store.server_id()


#: Last object id of each category: basic, regular, extended (6.21, table of object ids).
_LAST_OBJECT = {1: 0x02, 2: 0x7F, 3: 0xFF}
#: Header of the answer, and of each object in it.
_STREAM_HEADER, _OBJECT_HEADER = 7, 2


def _identify(message: IdentificationRequest, store: DataStore) -> Message:
    known = dict(sorted(store.identification().items()))
    highest = max(known, default=0)
    conformity = 0x80 | next(level for level, last in _LAST_OBJECT.items() if highest <= last)
    if message.category == 4:
        if message.object_id not in known:
            raise ModbusRefused(ExceptionCode.ILLEGAL_DATA_ADDRESS, f"there is no object {message.object_id}")
        return IdentificationResponse(4, conformity, {message.object_id: known[message.object_id]})
    wanted = [key for key in known if key <= _LAST_OBJECT[message.category]]
    start = message.object_id if message.object_id in wanted else 0  # an unknown object begins the stream anew
    room = PDU_LIMIT - _STREAM_HEADER
    objects: dict[int, bytes] = {}
    for key in wanted:
        if key < start:
            continue
        room -= _OBJECT_HEADER + len(known[key])
        if room < 0 and not objects:
            raise ModbusRefused(ExceptionCode.SERVER_DEVICE_FAILURE, f"object {key} does not fit into one answer")
        if room < 0:
            return IdentificationResponse(message.category, conformity, objects, more=True, next_id=key)
        objects[key] = known[key]
    return IdentificationResponse(message.category, conformity, objects)


_ACTIONS: dict[type[Message], Callable[[Any, DataStore], Message]] = {
    ReadRequest: _read,
    WriteOne: _write_one,
    WriteMany: _write_many,
    MaskWrite: _mask_write,
    ReadWriteRequest: _read_write,
    ServerIdRequest: _server_id,
    IdentificationRequest: _identify,
}
