"""Meters on a bus of frames, with a protocol of two-byte frames: address, question."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from tests.virtual.conftest import SmallMeter
from tests.wires import HandTimers
from wattproof.errors import InvalidValue
from wattproof.virtual.faults import ENDED, Faults, OnFace, Table
from wattproof.virtual.framed import FrameBus, FrameStream
from wattproof.virtual.framefaults import LINK_FAULTS, FacedSwitchboard, LinkFaults, link_rows
from wattproof.virtual.runtime import Runtime

MILLISECOND = 1_000_000
DELAY = 36 * MILLISECOND
TABLE = Table("fault", link_rows("here"))


@dataclass(frozen=True)
class Frame:
    address: int
    question: int

    def encode(self) -> bytes:
        return bytes((self.address, self.question))


class Framer:
    """Pairs of bytes; a pair that comes with a pause in between is lost."""

    def __init__(self) -> None:
        self.first: tuple[int, int] | None = None

    def receive(self, data: bytes, now: int) -> Sequence[Frame]:
        frames = []
        for byte in data:
            if self.first is None or now - self.first[1] > 100 * MILLISECOND:
                self.first = (byte, now)
            else:
                frames.append(Frame(self.first[0], byte))
                self.first = None
        return frames


class Face:
    """Answers 0xF0 | question from its address; address 0 asks everybody. Keeps the frames that it heard."""

    delay = DELAY

    def __init__(self, kind: str, address: int) -> None:
        self.kind = kind
        self.address = address
        self.heard: list[Frame] = []

    def concerns(self, frame: Frame) -> bool:
        return frame.address in (0, self.address)

    def answer(self, frame: Frame, now: int) -> bytes | None:
        self.heard.append(frame)
        return bytes((self.address, 0xF0 | frame.question)) if self.concerns(frame) else None

    def meaning(self, answer: bytes) -> str:
        return f"{answer[0]} answers"

    def spoil(self, fault: str, value: object, request: Frame, answer: bytes, chance: random.Random) -> bytes | None:
        if fault == "wrong-address":
            return bytes((answer[0] + 1, *answer[1:]))
        return None


class Framed(SmallMeter):
    def __init__(self, address: int, kind: str = "M") -> None:
        super().__init__(unit=address)
        self.rate = 9600
        self.faults = Faults(TABLE, lambda event, details: self.journal(event, details))
        self.link = LinkFaults(self.faults, random.Random(7))
        self.own = Face(kind, address)

    supplied = True
    faces = ("mbus", "cosem")

    def face(self, protocol: str) -> Face:
        return self.own

    def framer(self, protocol: str, *, network: bool) -> Framer:
        return Framer()

    def settle(self, now: int) -> None:
        self.settled = now


class Bench:
    def __init__(self, *meters: Framed, connection: bool = False) -> None:
        self.timers = HandTimers()
        self.meters = meters
        self.runtimes = [Runtime(meter, self.timers) for meter in meters]
        self.sent: list[tuple[int, bytes]] = []
        self.closed = 0
        self.bus = FrameBus(self.runtimes, "toy")
        self.stream = FrameStream(self.bus, self.write, self.close if connection else None, network=False)

    def write(self, data: bytes) -> None:
        self.sent.append((self.timers.now(), data))

    def close(self) -> None:
        self.closed += 1

    def ask(self, data: bytes, seconds: float = 1.0) -> list[bytes]:
        self.sent.clear()
        self.stream.receive(data, self.timers.now())
        self.timers.run(seconds)
        return [data for _, data in self.sent]

    def events(self, index: int = 0) -> list[str]:
        return [entry["kind"] for entry in self.runtimes[index].journal()]  # type: ignore[misc]


def test_the_meter_that_is_meant_answers_after_its_delay_and_all_have_heard() -> None:
    bench = Bench(Framed(5), Framed(6))
    asked = bench.timers.now()
    assert bench.ask(b"\x05\x01") == [b"\x05\xf1"]
    assert bench.sent[0][0] - asked == DELAY
    assert [len(meter.own.heard) for meter in bench.meters] == [1, 1]
    assert bench.events(0) == ["request", "answer"] and bench.events(1) == []


def test_what_several_answer_at_once_is_combined_as_on_copper() -> None:
    bench = Bench(Framed(0b0101), Framed(0b0110))
    assert bench.ask(b"\x00\x01") == [bytes((0b0100, 0xF1))]


def test_answers_that_begin_at_different_moments_overlap_in_part() -> None:
    bench = Bench(Framed(0b0101), Framed(0b0110))
    for meter in bench.meters:
        meter.rate = 2400
    bench.meters[1].own.delay = DELAY + 5 * MILLISECOND  # a character takes 4.6 ms
    assert bench.ask(b"\x00\x01") == [bytes((0b0101, 0xF1 & 0b0110, 0xF1))]
    bench.meters[1].own.delay = DELAY + 100 * MILLISECOND
    assert bench.ask(b"\x00\x01") == [bytes((0b0101, 0xF1, 0b0110, 0xF1))]


def test_who_asks_anew_has_given_the_old_question_up() -> None:
    bench = Bench(Framed(5))
    bench.stream.receive(b"\x05\x01", bench.timers.now())
    bench.timers.run(0.01)
    assert bench.ask(b"\x05\x02") == [b"\x05\xf2"]


def test_a_pause_inside_a_frame_is_the_framers_business() -> None:
    bench = Bench(Framed(5))
    assert bench.ask(b"\x05", 0.2) == []
    assert bench.ask(b"\x05\x01") == [b"\x05\xf1"]


def test_without_supply_nobody_answers() -> None:
    bench = Bench(Framed(5))
    bench.meters[0].supply = False
    assert bench.ask(b"\x05\x01") == []
    assert bench.events() == ["request", "lost"] and not bench.meters[0].own.heard


@pytest.mark.parametrize(("name", "executed"), [("silent", 0), ("drop", 0), ("drop-answer", 1)])
def test_a_lost_request_is_not_executed_a_lost_answer_is(name: str, executed: int) -> None:
    bench = Bench(Framed(5))
    meter = bench.meters[0]
    meter.faults.put(name, 1 if name == "silent" else Decimal(100))
    assert bench.ask(b"\x05\x01") == []
    assert len(meter.own.heard) == executed
    meter.faults.put(name, ENDED)
    assert bench.ask(b"\x05\x01") == [b"\x05\xf1"]


def test_a_count_ends_by_itself() -> None:
    bench = Bench(Framed(5))
    bench.meters[0].faults.put("silent", 2)
    assert [bench.ask(b"\x05\x01") for _ in range(3)] == [[], [], [b"\x05\xf1"]]
    assert not bench.meters[0].faults.active


def test_late_and_slow_are_real_time() -> None:
    bench = Bench(Framed(5))
    meter = bench.meters[0]
    meter.faults.put("late", Decimal(2))
    meter.faults.put("slow", Decimal("0.5"))
    asked = bench.timers.now()
    assert bench.ask(b"\x05\x01", 5) == [b"\x05", b"\xf1"]
    assert [at - asked - DELAY for at, _ in bench.sent] == [2_000 * MILLISECOND, 2_500 * MILLISECOND]


def test_faults_of_bytes() -> None:
    bench = Bench(Framed(5))
    meter = bench.meters[0]
    meter.faults.put("garble", Decimal(100))
    (garbled,) = bench.ask(b"\x05\x01")
    assert (int.from_bytes(garbled, "big") ^ 0x05F1).bit_count() == 1
    meter.faults.put("garble", ENDED)
    meter.faults.put("truncate", Decimal(100))
    assert bench.ask(b"\x05\x01") == [b"\x05"]
    meter.faults.put("truncate", ENDED)
    meter.faults.put("leading-bytes", Decimal(100))
    (led,) = bench.ask(b"\x05\x01")
    assert led.endswith(b"\x05\xf1") and 3 <= len(led) <= 10
    meter.faults.put("leading-bytes", ENDED)
    meter.faults.put("echo", True)
    meter.faults.put("wrong-address", True)
    assert bench.ask(b"\x05\x01") == [b"\x05\x01\x06\xf1"]


def test_a_percentage_hits_as_often_and_equally_for_equal_seeds() -> None:
    runs = []
    for _ in range(2):
        bench = Bench(Framed(5))
        bench.meters[0].faults.put("drop", Decimal(30))
        runs.append([bool(bench.ask(b"\x05\x01", 0.1)) for _ in range(200)])
    assert runs[0] == runs[1]
    assert 100 < sum(runs[0]) < 170


def test_disconnect_needs_a_connection() -> None:
    for connection in (True, False):
        bench = Bench(Framed(5), connection=connection)
        bench.meters[0].faults.put("disconnect", Decimal(100))
        answers = bench.ask(b"\x05\x01")
        assert (bench.closed, answers) == ((1, []) if connection else (0, [b"\x05\xf1"]))


@pytest.mark.parametrize("kind", "MHW")
def test_each_fault_acts_on_its_kinds_of_face_alone(kind: str) -> None:
    meter = Framed(5, kind)
    for name, row in LINK_FAULTS.items():
        meter.faults.put(name, row.default if row.default != Decimal(10) else Decimal(100))
    struck = meter.link.strike(kind, connection=True)
    assert struck.hits == tuple(name for name, row in LINK_FAULTS.items() if kind in row.faces)


def test_a_fault_can_be_restricted_to_a_face() -> None:
    meter = Framed(5, "H")
    board = FacedSwitchboard(Table("control", ()), TABLE, (), example="-", acts={}, strikes={})
    board.apply(meter, {}, board.read_faults(meter, {"echo": OnFace("mbus", True)}))
    assert not meter.link.strike("H", connection=False).hits
    assert meter.link.strike("M", connection=False).hits == ("echo",)
    assert board.in_force(meter) == {"echo": {"value": True, "face": "mbus"}}
    board.apply(meter, {}, board.read_faults(meter, {"echo": True}))
    assert meter.link.strike("H", connection=False).hits == ("echo",)
    with pytest.raises(InvalidValue, match="does not act on face 'mbus'"):
        board.read_faults(meter, {"bad-hcs": OnFace("mbus", True)})


def test_a_change_through_the_runtime_names_a_face_that_there_is() -> None:
    patched: list[Any] = []
    bench = Bench(Framed(5))
    bench.meters[0].patch = lambda *arguments: patched.append(arguments)  # type: ignore[method-assign]
    bench.runtimes[0].patch({}, {"echo": True}, face="mbus")
    assert patched[0][2] == {"echo": OnFace("mbus", True)}
    with pytest.raises(InvalidValue, match="has mbus, cosem"):
        bench.runtimes[0].patch({}, {"echo": True}, face="front")
