"""Modbus over sockets: one protocol object a connection, and the short way that a busy server takes.

Nearly all requests of a busy virtual meter are reads that pass no station of ``Runtime`` but the meter itself. For
those ``ModbusTcp.data_received`` unpacks the header, asks the meter, and answers all requests of one piece of data in
one write. Everything else goes to the runtime.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from wattproof.virtual.base import ADMISSION, Admission
from wattproof.virtual.reading import PIECE, Reading
from wattproof.virtual.station import Respondent, Station, Stream
from wattproof.wire.modbus.framing.messages import Request, ServerFramer
from wattproof.wire.modbus.framing.tcp import LONGEST, MBAP, SHORTEST

if TYPE_CHECKING:
    from wattproof.virtual.line import Delivery

_unpack = MBAP.unpack_from
_pack = MBAP.pack
_READS = (3, 4)
#: A read request is 12 bytes: transaction, protocol 0 and length 6, unit, function, address, count.
_READ_SIZE, _READ_TAIL = 12, 6
_unpack_read = struct.Struct(">HIBB").unpack_from


class Connections:
    """The open connections of one listener. When there are too many, the one that was idle longest goes, or the new
    one is closed at once.

    (Modbus Messaging on TCP/IP 1.0b, 4.2.2: the oldest unused connection is closed for a new one.)
    """

    __slots__ = ("_open", "admission")

    def __init__(self, admission: Admission = ADMISSION) -> None:
        self.admission = admission
        self._open: set[Connection] = set()

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for a new client, or room was made."""
        if len(self._open) >= self.admission.limit:
            if not self.admission.evicts:
                return False
            oldest = min(self._open, key=lambda one: one.used)
            self._open.discard(oldest)
            oldest.abort()
        self._open.add(connection)
        return True

    def discard(self, connection: Connection) -> None:
        self._open.discard(connection)

    def close(self) -> None:
        """End all of them."""
        for connection in list(self._open):
            connection.abort()

    def __len__(self) -> int:
        return len(self._open)


class Connection(Reading):
    """What every connection has: its transport, and a place among the others."""

    __slots__ = ("_connections", "used")

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections
        #: Real instant of the last received bytes.
        self.used = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        if peer is not None:
            # A client whose machine was switched off is found out, however long clients may be idle.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if not self._connections.admit(self):
            self.shut()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connections.discard(self)

    def abort(self) -> None:
        """End it now."""
        if self.transport is not None:
            self.transport.abort()

    def shut(self) -> None:
        """End it after what has been written."""
        if self.transport is not None:
            self.transport.close()


class ModbusTcp(Connection):
    """One Modbus TCP client of one meter. It is its own wire (see ``virtual.job.Wire``)."""

    __slots__ = ("_execute", "_rest", "_runtime", "_station")

    tcp = True
    network = True
    connection = True
    supersedes = False

    def __init__(self, station: Station, connections: Connections) -> None:
        super().__init__(connections)
        self._station = station
        self._runtime = station.runtimes[0]
        self._execute = self._runtime.meter.execute
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        runtime = self._runtime
        now = self.used = runtime.now()
        instant = runtime.meter_time(now)
        if len(data) == _READ_SIZE and not self._rest and now < runtime.due:
            # One whole read and nothing else: what a polling client sends.
            transaction, tail, unit, function = _unpack_read(data)
            if function in _READS and tail == _READ_TAIL and unit in runtime.fast_units:
                pdu = data[7:]
                answer = self._execute(pdu, instant)
                if answer is not None and self.transport is not None:
                    self.transport.write(_pack(transaction, 0, len(answer) + 1, unit) + answer)
                    runtime.ring.exchange(now, unit, transaction, pdu, answer)
                return
        if len(data) > PIECE or self._later:
            self.take_in_turns(data)
        else:
            self._several(data, now, instant)

    def take(self, data: bytes) -> None:
        now = self.used = self._runtime.now()
        self._several(data, now, self._runtime.meter_time(now))

    def _several(self, data: bytes, now: int, instant: int) -> None:
        """Any other piece of data: several requests, a part of one, or something that takes the long way."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        runtime = self._runtime
        answers: list[bytes] = []
        at, size = 0, len(data)
        while size - at > 7:
            transaction, protocol, length, unit = _unpack(data, at)
            if protocol or not SHORTEST <= length <= LONGEST:
                break
            end = at + 6 + length
            if end > size:
                break
            pdu = data[at + 7 : end]
            at = end
            if unit in runtime.fast_units and pdu[0] in _READS and now < runtime.due:
                answer = self._execute(pdu, instant)
                if answer is not None:
                    answers.append(_pack(transaction, 0, len(answer) + 1, unit) + answer)
                    runtime.ring.exchange(now, unit, transaction, pdu, answer)
                continue
            if answers:
                self._write(answers)
                answers = []
            self._station.route(Request(unit, pdu, transaction), self, now)
            instant = runtime.meter_time(now)
        if answers:
            self._write(answers)
        if at < size:
            self._keep(data[at:])

    def _write(self, answers: list[bytes]) -> None:
        if self.transport is not None:
            self.transport.write(answers[0] if len(answers) == 1 else b"".join(answers))

    def _keep(self, rest: bytes) -> None:
        """The beginning of a request; a header that breaks the limits ends the connection."""
        protocol, length = int.from_bytes(rest[2:4], "big"), int.from_bytes(rest[4:6], "big")
        if (len(rest) >= 4 and protocol) or (len(rest) >= 6 and not SHORTEST <= length <= LONGEST):
            reason = "no Modbus TCP header: the connection is closed"
            self._runtime.ring.record(self.used, "rubbish", data=rest[:260], details={"reason": reason})
            self.shut()
        else:
            self._rest = rest

    @staticmethod
    def encode(request: Request, pdu: bytes) -> bytes:
        """The frame that answers ``request`` with ``pdu``."""
        return _pack(request[2], 0, len(pdu) + 1, request[0]) + pdu

    def send(self, delivery: Delivery, arrived: int) -> None:
        """Let one answer out, or close instead."""
        if self.transport is None:
            return
        if delivery.close:
            self.transport.abort()
        elif delivery.data:
            self.transport.write(delivery.data)


class ModbusStream(Connection):
    """One client that sends line frames (RTU, ASCII) over a socket, or asks several meters at once."""

    __slots__ = ("_now", "_stream")

    def __init__(
        self, station: Respondent, connections: Connections, framer: ServerFramer, now: Callable[[], int], *, tcp: bool
    ) -> None:
        super().__init__(connections)
        self._now = now
        self._stream = Stream(station, framer, self._write, close=self.shut, tcp=tcp)

    def take(self, data: bytes) -> None:
        self.used = self._now()
        self._stream.receive(data, self.used)

    def _write(self, delivery: Delivery, arrived: int) -> None:
        if self.transport is not None:
            self.transport.write(b"".join(delivery.before) + delivery.data)
