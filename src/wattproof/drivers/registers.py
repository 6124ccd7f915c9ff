"""Registers of a Modbus unit: many spans in few requests, and writes that say what failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from wattproof.drivers.modbus import BatchLink, ModbusLink
from wattproof.errors import ProtocolError
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.pdu import parse_read_response, read_request, write_multiple_request
from wattproof.wire.modbus.plan import Span, plan

HOLDING = 3
INPUT = 4
#: Most registers of one read, and of one write with function 16 (Modbus Application Protocol 1.1b3, 6.3 and 6.12).
MOST_READ = 125
MOST_WRITTEN = 123


async def read_spans(
    link: ModbusLink,
    unit: int,
    spans: Iterable[Span],
    *,
    function: int = HOLDING,
    maximum: int = MOST_READ,
    gap: int = 0,
    forbidden: Iterable[Span] = (),
    boundaries: Collection[int] | None = None,
    timeout: float | None = None,
) -> RegisterImage:
    """Read ``spans`` with the fewest legal requests; see `wattproof.wire.modbus.plan.plan` for the limits.

    The registers of one request belong to one moment, those of different requests do not: points that must agree go
    into one request or are read with `read_consistent`.

    Raises what `ModbusLink.exchange` raises; nothing is returned unless everything was read.
    """
    requests = plan(spans, maximum=maximum, gap=gap, forbidden=forbidden, boundaries=boundaries)
    return await read_planned(link, unit, requests, function=function, timeout=timeout)


async def read_planned(
    link: ModbusLink, unit: int, requests: Sequence[Span], *, function: int = HOLDING, timeout: float | None = None
) -> RegisterImage:
    """Read exactly these requests, of at most 125 registers each; a poller keeps its plan instead of planning anew."""
    pdus = [read_request(function, request.address, request.count) for request in requests]
    if len(pdus) > 1 and isinstance(link, BatchLink):
        answers = await link.exchange_all(unit, pdus, timeout=timeout)
    else:
        answers = [await link.exchange(unit, pdu, timeout=timeout) for pdu in pdus]
    image = RegisterImage()
    for request, answer in zip(requests, answers, strict=True):
        image.write(request.address, parse_read_response(answer, request.count))
    return image


async def read_consistent(
    link: ModbusLink,
    unit: int,
    spans: Iterable[Span],
    *,
    guard: Span,
    attempts: int = 3,
    function: int = HOLDING,
    maximum: int = MOST_READ,
    gap: int = 0,
    timeout: float | None = None,
) -> RegisterImage:
    """Read ``spans``, too large for one request, as of one state of the device.

    ``guard`` are registers that change with every new state (a status, a counter of records). They are read before
    and after everything else; if they differ, everything is read again, ``attempts`` times in all.

    Raises:
        ProtocolError: the guard changed in every attempt.
    """
    requests = plan([*spans], maximum=maximum, gap=gap)
    for _ in range(attempts):
        before = await read_planned(link, unit, [guard], function=function, timeout=timeout)
        image = await read_planned(link, unit, requests, function=function, timeout=timeout)
        after = await read_planned(link, unit, [guard], function=function, timeout=timeout)
        if before == after:
            image.update(after)
            return image
    raise ProtocolError(
        f"unit {unit} changed registers {guard.address} to {guard.end - 1} while {len(requests)} requests read what "
        f"belongs to them, {attempts} times in a row; stop whoever triggers it and read again"
    )


async def write_registers(
    link: ModbusLink, unit: int, address: int, data: bytes, *, timeout: float | None = None
) -> None:
    """Write whole registers, two bytes each, from the 0-based ``address`` with one function 16.

    A write is never repeated: `ResponseTimeout` and `Disconnected` mean that it may have been done.

    Raises:
        InvalidValue: no register, half a register or more than 123; nothing was sent.
        ModbusRefused: the unit says no.
    """
    await link.exchange(unit, write_multiple_request(address, data), timeout=timeout)


write = write_registers
