"""A pymodbus server with the registers of a meter and none of its behaviour, held against the statements."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wattproof.conformance import dmed4
from wattproof.conformance.bsm import STATEMENTS, Bsm
from wattproof.conformance.dmed4.modbus import Registers
from wattproof.conformance.engine import Need, Outcome, run
from wattproof.drivers.modbus import connect_blocking, run_blocking
from wattproof.io.url import parse_url
from wattproof.meters.bsm.virtual.meter import create
from wattproof.meters.dmed4.driver import DmedDriver
from wattproof.meters.dmed4.points import MAP
from wattproof.meters.dmed4.virtual.creation import create as create_dmed4
from wattproof.virtual.base import SimulationOptions
from wattproof.wire.modbus.pdu import read_request

#: What registers alone can fulfil.
LAYOUT = {f"B-{number:03d}" for number in [*range(19, 29), *range(30, 35), *range(36, 41), 75, 91, 123, 152, 155, 159]}
#: What only a meter does; each needs few requests.
BEHAVIOUR = {f"B-{number:03d}" for number in (8, 12, 13, 15, 29, 47, 49, 51, 56, 57, 59, 60, 65, 84, 88, 92, 95)}


@pytest.fixture
def dumb_port(pymodbus_server: Callable[..., int]) -> int:
    """The registers of a new BSM on a pymodbus server."""
    meter = create(SimulationOptions(model="bsm", seed=1))
    registers: list[int] = []
    for start in range(40000, 44293, 125):
        data = (meter.execute(read_request(3, start, min(125, 44293 - start)), 0) or b"")[2:]
        registers += [data[at] << 8 | data[at + 1] for at in range(0, len(data), 2)]
    return pymodbus_server(registers)


def test_registers_without_behaviour_fail_where_they_should(dumb_port: int) -> None:
    link = connect_blocking(parse_url(f"tcp://127.0.0.1:{dumb_port}?timeout=5"))
    try:
        results = {}
        for numbers in (LAYOUT, BEHAVIOUR):  # writing to read-only points comes last: this server obeys
            chosen = [statement for statement in STATEMENTS if statement.id in numbers]
            subject = Bsm(link, 42, writes=True, limit=0.5)
            for result in run_blocking(run(chosen, subject, allowed=frozenset(Need))):
                results[result.id] = result
    finally:
        run_blocking(link.close())
    assert {number for number in LAYOUT if results[number].outcome is not Outcome.PASS} == set()
    wrong = {number: results[number] for number in BEHAVIOUR - {"B-084"} if results[number].outcome is not Outcome.FAIL}
    assert wrong == {}
    assert results["B-084"].outcome is Outcome.PASS  # it does answer at once


#: What the registers of a DMED4 alone can fulfil.
DMED4_LAYOUT = {
    f"D-{number:03d}"
    for number in [14, 15, 41, 42, 71, 73, 74, *range(76, 88), *range(89, 93), 97, 98, 102, 105, 106, 107, 222, 224]
}
#: What only a DMED4 does.
DMED4_BEHAVIOUR = {
    f"D-{number:03d}"
    for number in (44, 56, 58, 59, 60, 64, 99, 104, 108, 110, 115, 116, 118, 188, 201, 206, 210, 219, 227, 228, 229)
} | {"D-205", "D-209", "D-211", "D-241"}


def test_registers_of_a_dmed4_without_behaviour_fail_where_they_should(pymodbus_server: Callable[..., int]) -> None:
    meter = create_dmed4(SimulationOptions(model="dmed4", seed=1))
    end = MAP.blocks[-1].address + MAP.blocks[-1].registers
    registers = [0] * end
    for block in MAP.blocks:
        for at in range(block.address, block.address + block.registers):
            answer = meter.execute(read_request(4, at, 1), 0) or b""
            registers[at] = int.from_bytes(answer[2:], "big") if answer[0] == 4 else 0
    port = pymodbus_server(registers, 0, 1)
    link = connect_blocking(parse_url(f"tcp://127.0.0.1:{port}?timeout=5"))
    try:
        results = {}
        for numbers in (DMED4_LAYOUT, DMED4_BEHAVIOUR):
            chosen = [statement for statement in dmed4.STATEMENTS if statement.id in numbers]
            subject = dmed4.Dmed(Registers(DmedDriver(link, 1)), writes=True, limit=0.5)
            for result in run_blocking(run(chosen, subject, allowed=frozenset(Need))):
                results[result.id] = result
    finally:
        run_blocking(link.close())
    assert [results[number] for number in DMED4_LAYOUT if results[number].outcome is not Outcome.PASS] == []
    assert [results[number] for number in DMED4_BEHAVIOUR if results[number].outcome is not Outcome.FAIL] == []
