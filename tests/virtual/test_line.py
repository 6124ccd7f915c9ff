"""Each bus fault on RTU and on Modbus TCP, and the repeatability of those that are drawn by chance."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from wattproof.errors import UnknownName
from wattproof.model.codec.crc import crc16_modbus
from wattproof.virtual.line import KINDS, LINE_FAULTS, Delivery, LineFaults
from wattproof.virtual.runtime import Runtime
from wattproof.wire.modbus.framing import Request, rtu, tcp

REQUEST = Request(42, b"\x03\x00\x00\x00\x04", 7)
ANSWER = b"\x03\x08" + bytes.fromhex("0102030405060708")
RTU = rtu.ServerFramer().encode
TCP = tcp.ServerFramer().encode


def line(seed: int = 1, **faults: Any) -> LineFaults:
    made = LineFaults(random.Random(seed))
    for name, value in faults.items():
        made.set(name.replace("_", "-"), value)
    return made


def deliver(made: LineFaults, *, on_tcp: bool = False, connection: bool = True) -> Delivery:
    hits = made.strike(tcp=on_tcp, connection=connection)
    return made.deliver(hits, REQUEST, ANSWER, TCP if on_tcp else RTU, tcp=on_tcp)


@pytest.mark.proves("B-190")
def test_the_table_is_that_of_the_specification() -> None:
    percent = ["drop", "drop-answer", "garble", "truncate", "disconnect", "line-noise", "foreign-traffic"]
    assert {name for name, row in LINE_FAULTS.items() if row.kind == "percent"} == set(percent)
    assert [name for name, row in LINE_FAULTS.items() if row.kind == "flag"] == [
        "wrong-unit",
        "wrong-transaction",
        "echo",
        "collision",
    ]
    assert len(LINE_FAULTS) == 13
    defaults = {name: row.default for name, row in LINE_FAULTS.items() if row.kind != "flag"}
    assert defaults == {**dict.fromkeys(percent, 10), "late": 5, "exception": 4}
    assert KINDS["seconds"][1:] == (0, 600)
    assert KINDS["code"][1:] == (1, 11)
    with pytest.raises(UnknownName, match="colour"):
        line(colour=1)


@pytest.mark.parametrize("on_tcp", [False, True])
def test_without_faults_the_answer_leaves_as_it_is(on_tcp: bool) -> None:
    made = line()
    assert made.strike(tcp=on_tcp) == ()
    assert deliver(made, on_tcp=on_tcp) == Delivery(data=(TCP if on_tcp else RTU)(REQUEST, ANSWER))


@pytest.mark.proves("B-192")
def test_drop_loses_the_request_before_it_is_executed(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    for framing in ("rtu", "tcp"):
        meter = small()
        runtime = Runtime(meter, timers)
        one = wire(timers, runtime, framing=framing)
        runtime.patch({}, {"drop": 100})
        one.ask(read)
        timers.run(10)
        assert meter.executed == []
        assert one.sent == []
        runtime.patch({}, {"drop": False})
        one.ask(read)
        timers.run(1)
        assert len(one.sent) == 1
        assert [entry["fault"] for entry in runtime.journal() if entry["kind"] == "fault-hit"] == ["drop"]


@pytest.mark.proves("B-192")
def test_drop_answer_executes_and_is_silent(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    for framing in ("rtu", "tcp"):
        meter = small()
        runtime = Runtime(meter, timers)
        one = wire(timers, runtime, framing=framing)
        runtime.patch({}, {"drop-answer": 100})
        one.ask(read)
        timers.run(10)
        assert len(meter.executed) == 1
        assert one.sent == []


@pytest.mark.proves("B-192", "B-183")
def test_late_is_in_real_seconds_whatever_the_speed(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    for speed in (1, 1000):
        runtime = Runtime(small(speed), timers)
        one = wire(timers, runtime)
        runtime.patch({}, {"late": 5})
        begun = timers.time
        one.ask(read)
        timers.run(10)
        assert one.sent[0][0] - begun == 5 * 10**9 + 20_000_000 // speed


@pytest.mark.proves("B-192")
@pytest.mark.parametrize("on_tcp", [False, True])
def test_garble_inverts_one_bit_and_spares_the_tcp_header(on_tcp: bool) -> None:
    right = (TCP if on_tcp else RTU)(REQUEST, ANSWER)
    places = set()
    made = line(garble=100)
    for _ in range(600):
        wrong = deliver(made, on_tcp=on_tcp).data
        difference = int.from_bytes(right, "big") ^ int.from_bytes(wrong, "big")
        assert difference.bit_count() == 1
        places.add(len(right) - 1 - (difference.bit_length() - 1) // 8)
    assert places == set(range(7 if on_tcp else 0, len(right)))


@pytest.mark.proves("B-192")
@pytest.mark.parametrize("on_tcp", [False, True])
def test_truncate_keeps_a_true_beginning(on_tcp: bool) -> None:
    right = (TCP if on_tcp else RTU)(REQUEST, ANSWER)
    made = line(truncate=100)
    lengths = set()
    for _ in range(400):
        cut = deliver(made, on_tcp=on_tcp).data
        assert right.startswith(cut)
        lengths.add(len(cut))
    assert lengths == set(range(1, len(right)))


@pytest.mark.proves("B-192")
def test_wrong_unit_has_a_right_check_sum() -> None:
    made = line(wrong_unit=True)
    data = deliver(made).data
    assert data[0] == 43
    assert crc16_modbus(data) == 0
    assert deliver(made, on_tcp=True).data[6] == 43
    last = made.deliver(("wrong-unit",), REQUEST._replace(unit=247), ANSWER, RTU, tcp=False).data
    assert last[0] == 1


@pytest.mark.proves("B-192")
def test_wrong_transaction_is_a_matter_of_tcp() -> None:
    made = line(wrong_transaction=True)
    assert deliver(made).data == RTU(REQUEST, ANSWER)
    assert deliver(made, on_tcp=True).data == TCP(REQUEST._replace(transaction=8), ANSWER)
    wrapped = made.deliver(made.strike(tcp=True), REQUEST._replace(transaction=0xFFFF), ANSWER, TCP, tcp=True)
    assert wrapped.data[:2] == b"\0\0"


@pytest.mark.proves("B-192")
@pytest.mark.parametrize("code", range(1, 12))
def test_exception_answers_without_execution(
    code: int, timers: Any, small: Any, wire: Any, read: bytes, trigger: bytes
) -> None:
    meter = small()
    runtime = Runtime(meter, timers)
    one = wire(timers, runtime)
    runtime.patch({}, {"exception": code})
    one.ask(read)
    one.ask(trigger)
    timers.run(1)
    assert [data[7:] for data in one.answers] == [bytes((0x83, code)), bytes((0x90, code))]
    assert meter.executed == []


@pytest.mark.proves("B-192")
def test_disconnect_closes_after_execution_and_spares_a_line(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    meter = small()
    runtime = Runtime(meter, timers)
    runtime.patch({}, {"disconnect": 100})
    socket, wires = wire(timers, runtime), wire(timers, runtime, framing="rtu", connection=False)
    socket.ask(read)
    wires.ask(read)
    timers.run(1)
    assert socket.closed
    assert socket.sent == []
    assert len(meter.executed) == 2
    assert len(wires.sent) == 1


@pytest.mark.proves("B-192")
def test_line_noise_comes_before_the_answer() -> None:
    made = line(line_noise=100)
    right = RTU(REQUEST, ANSWER)
    lengths = set()
    for _ in range(200):
        data = deliver(made).data
        assert data.endswith(right)
        lengths.add(len(data) - len(right))
    assert lengths == set(range(1, 9))
    assert deliver(made, on_tcp=True).data == TCP(REQUEST, ANSWER)


@pytest.mark.proves("B-192")
def test_foreign_traffic_is_whole_frames_of_another_unit() -> None:
    made = line(foreign_traffic=100)
    for _ in range(300):
        delivery = deliver(made)
        asked, answered = delivery.before
        assert crc16_modbus(asked) == crc16_modbus(answered) == 0
        assert asked[0] == answered[0] != 42
        assert 1 <= asked[0] <= 247
        assert answered[2] == 2 * struct.unpack(">H", asked[4:6])[0] == len(answered) - 5
        assert delivery.data == RTU(REQUEST, ANSWER)
    assert deliver(made, on_tcp=True).before == ()


@pytest.mark.proves("B-192")
def test_echo_sends_the_request_back_first() -> None:
    made = line(echo=True)
    assert deliver(made) == Delivery((RTU(REQUEST, REQUEST.pdu),), RTU(REQUEST, ANSWER))
    assert deliver(made, on_tcp=True) == Delivery(data=TCP(REQUEST, ANSWER))


@pytest.mark.proves("B-192")
def test_collision_ands_the_answers_of_two_meters() -> None:
    made = line(collision=True)
    right = RTU(REQUEST, ANSWER)
    for _ in range(100):
        data = deliver(made).data
        assert len(data) == len(right)
        assert data[:3] == right[:3]  # both say unit, function, byte count
        assert all(both & ~one == 0 for both, one in zip(data, right, strict=True))
    written = made.deliver(("collision",), REQUEST, b"\x10\x00\x00\x00\x01", RTU, tcp=False).data
    assert crc16_modbus(written) == 0  # two equal echoes are one
    assert deliver(made, on_tcp=True).data == TCP(REQUEST, ANSWER)


@pytest.mark.proves("B-193")
def test_equal_seeds_and_requests_give_equal_hits() -> None:
    names = ["drop", "drop-answer", "garble", "truncate", "disconnect", "line-noise", "foreign-traffic"]
    one, same, other = (line(seed, **dict.fromkeys(names, 30)) for seed in (5, 5, 6))
    alone = line(5, garble=30)
    hits = [one.strike() for _ in range(400)]
    assert hits == [same.strike() for _ in range(400)]
    assert hits != [other.strike() for _ in range(400)]
    assert [("garble",) if "garble" in hit else () for hit in hits] == [alone.strike() for _ in range(400)]
    for name in names:
        assert 80 <= sum(name in hit for hit in hits) <= 160


@pytest.mark.proves("B-193")
def test_equal_seeds_damage_equal_answers_equally(timers: Any, small: Any, wire: Any, read: bytes) -> None:
    def run(seed: int) -> list[bytes]:
        runtime = Runtime(small(seed=seed), timers)
        one = wire(timers, runtime, framing="rtu")
        runtime.patch({}, {"garble": 50, "line-noise": 50, "truncate": 20, "drop": 10})
        for _ in range(60):
            one.ask(read)
            timers.run(1)
        return one.answers

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_zero_percent_never_hits_and_hundred_always() -> None:
    never, always = line(drop=0), line(drop=100)
    assert {never.strike() for _ in range(500)} == {()}
    assert {always.strike() for _ in range(500)} == {("drop",)}


def test_every_hit_is_reported() -> None:
    told: list[tuple[str, dict[str, object]]] = []
    made = line(garble=100, echo=True, late=2, line_noise=100)
    made.journal = lambda event, details: told.append((event, dict(details)))
    deliver(made)
    assert {str(details["fault"]) for event, details in told if event == "fault-hit"} == {
        "garble",
        "echo",
        "late",
        "line-noise",
    }
    assert len(told) == 4


@pytest.mark.proves("B-192")
def test_the_optical_head_has_the_same_faults() -> None:
    readout = b"\x02" + b"1-0:1.8.1(000100.15*kWh)\r\n" + b"!\r\n\x03\x55"
    assert line(wrong_unit=True, exception=4, wrong_transaction=True).strike(optical=True) == ()

    def text(**faults: Any) -> Delivery:
        made = line(**faults)
        return made.deliver_text(made.strike(optical=True), b"/?!\r\n", readout)

    assert text() == Delivery(data=readout)
    assert text(drop_answer=100) == Delivery()
    assert text(disconnect=100).close
    assert text(echo=True) == Delivery((b"/?!\r\n",), readout)
    assert text(late=3).delay == 3 * 10**9
    assert text(line_noise=100).data.endswith(readout)
    assert readout.startswith(text(truncate=100).data)
    assert len(text(foreign_traffic=100).before) == 2
    collided = text(collision=True).data
    assert len(collided) == len(readout)
    assert collided != readout
    garbled = int.from_bytes(text(garble=100).data, "big") ^ int.from_bytes(readout, "big")
    assert garbled.bit_count() == 1
