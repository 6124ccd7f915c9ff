"""Modbus frames: PDU and unit to bytes and back, for servers and clients, over RTU, ASCII and TCP.

::

    server:  receive(bytes) -> [Request]              encode(request, pdu) -> bytes
    client:  encode(unit, pdu, transaction) -> bytes  receive(bytes) -> [Response | FrameError]

:data:`FRAMINGS` names them as the URLs do.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import InvalidValue, UnknownName
from wattproof.wire.modbus.framing import ascii as ascii_framing
from wattproof.wire.modbus.framing import rtu, tcp
from wattproof.wire.modbus.framing.messages import BROADCAST, ClientFramer, Request, Response, ServerFramer

__all__ = [
    "BROADCAST",
    "FRAMINGS",
    "ClientFramer",
    "Framing",
    "Request",
    "Response",
    "ServerFramer",
    "character_time",
    "framing",
    "silent_interval",
]

#: Above this rate gaps are 1.75 ms, so that interrupts keep up (Modbus over Serial Line 1.02, 2.5.1.1).
FIXED_GAP_ABOVE = 19_200
FIXED_GAP = 0.001_75


@dataclass(frozen=True, slots=True)
class Framing:
    """One framing: its name, both roles, and whether frames are kept apart by silence, or told apart by transaction."""

    name: str
    server: type[ServerFramer]
    client: type[ClientFramer]
    silent: bool
    transactions: bool


FRAMINGS: dict[str, Framing] = {
    row.name: row
    for row in (
        Framing("tcp", tcp.ServerFramer, tcp.ClientFramer, silent=False, transactions=True),
        Framing("rtu", rtu.ServerFramer, rtu.ClientFramer, silent=True, transactions=False),
        Framing("ascii", ascii_framing.ServerFramer, ascii_framing.ClientFramer, silent=False, transactions=False),
    )
}


def framing(name: str) -> Framing:
    """The framing of this name. Raises ``UnknownName``."""
    try:
        return FRAMINGS[name]
    except KeyError:
        raise UnknownName(f"no framing is called {name!r}; known are {', '.join(FRAMINGS)}") from None


def character_time(baudrate: int, bits: int = 11) -> float:
    """Seconds that one character takes; 11 bits with start, parity and stop. Raises ``InvalidValue``."""
    if baudrate <= 0:
        raise InvalidValue(f"{baudrate} is no baud rate")
    return bits / baudrate


def silent_interval(baudrate: int, bits: int = 11) -> float:
    """Seconds of silence between two RTU frames: 3.5 characters, 1.75 ms above 19,200 bit/s."""
    return FIXED_GAP if baudrate > FIXED_GAP_ABOVE else 3.5 * character_time(baudrate, bits)
