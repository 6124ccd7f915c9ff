"""The optical interface of the virtual meter (bsm.md section 21, EN 62056-21): sessions as a table of transitions.

The head reads all values of one message in one call, so that they belong to one moment, and changes the meter
through the few setters that the rights column of section 21 allows to the operator. It knows no socket and no
clock: bytes and real times come in, outputs with their real times go out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from wattproof.meters.bsm.optical.rows import (
    BY_CODE,
    PACKETS,
    READOUT,
    SERVICE_MODE,
    Right,
    parse_address,
    parse_time,
)
from wattproof.meters.bsm.optical.source import OpticalSource, OpticalValues
from wattproof.wire.iec62056 import (
    ACK,
    NAK,
    Acknowledge,
    Command,
    DataSet,
    Identification,
    MeterReceiver,
    Nak,
    Request,
    encode_answer,
    encode_packet,
    encode_readout,
    sending_time,
)

__all__ = ["OpticalHead", "OpticalSource", "OpticalValues", "Output"]


class Mode(StrEnum):
    """Option ``optical`` (21.1)."""

    C = "c"
    A = "a"
    D0 = "d0"


class State(StrEnum):
    """Where a session stands."""

    LISTENING = "listening"
    OFFERED = "identification sent, acknowledge awaited"
    READ = "readout sent, NAK possible"
    PROGRAMMING = "programming"


class Event(StrEnum):
    """What moves a session on."""

    REQUEST = "/? of this meter"
    READ_FAST = "ACK 050"
    READ_SLOW = "ACK 000"
    PROGRAM = "ACK 051"
    OTHER = "any other ACK"
    NAK = "NAK"
    COMMAND = "programming message"
    DAMAGED = "damaged programming message"
    SILENCE = "time is over"


#: (state, event) -> (next state, method of OpticalHead); what is missing is ignored. Section 21.2 and 21.3.
MODE_C: Mapping[tuple[State, Event], tuple[State, str]] = {
    **{(state, Event.REQUEST): (State.OFFERED, "identify") for state in State},
    (State.OFFERED, Event.READ_FAST): (State.READ, "read_fast"),
    (State.OFFERED, Event.READ_SLOW): (State.READ, "read_slow"),
    (State.OFFERED, Event.SILENCE): (State.READ, "read_unasked"),
    (State.OFFERED, Event.PROGRAM): (State.PROGRAMMING, "want_password"),
    (State.OFFERED, Event.OTHER): (State.LISTENING, "end"),
    (State.READ, Event.NAK): (State.LISTENING, "repeat"),
    (State.READ, Event.SILENCE): (State.LISTENING, "end"),
    (State.PROGRAMMING, Event.COMMAND): (State.PROGRAMMING, "obey"),
    (State.PROGRAMMING, Event.DAMAGED): (State.PROGRAMMING, "complain"),
    (State.PROGRAMMING, Event.SILENCE): (State.LISTENING, "end"),
}
MODE_A: Mapping[tuple[State, Event], tuple[State, str]] = {
    **{(state, Event.REQUEST): (State.READ, "identify_and_read") for state in State},
    (State.READ, Event.NAK): (State.LISTENING, "repeat"),
    (State.READ, Event.SILENCE): (State.LISTENING, "end"),
}
TABLES: Mapping[Mode, Mapping[tuple[State, Event], tuple[State, str]]] = {Mode.C: MODE_C, Mode.A: MODE_A, Mode.D0: {}}

_ACKNOWLEDGES = {
    Acknowledge("0", "5", "0"): Event.READ_FAST,
    Acknowledge("0", "0", "0"): Event.READ_SLOW,
    Acknowledge("0", "5", "1"): Event.PROGRAM,
}

MILLISECOND = 1_000_000
REACTION = 200 * MILLISECOND
ACKNOWLEDGE_WINDOW = 1500 * MILLISECOND
CHARACTER_WINDOW = 1500 * MILLISECOND
PROGRAMMING_WINDOW = 60_000 * MILLISECOND
#: Rest between two D0 packets on a serial device.
PACKET_REST = 100 * MILLISECOND
#: Meter nanoseconds from the start of a D0 packet to the start of the next, by ``d0-list``.
PACKET_PERIODS = {"short": 2_000_000_000, "full": 5_000_000_000}
#: Bit rates at which the head opens.
OPENING_RATES = {Mode.C: 300, Mode.A: 300, Mode.D0: 2400}
FAST = 9600

IDENTIFICATIONS = {
    Mode.C: Identification("BAU", "5", "BSM-WS36A-H01"),
    Mode.A: Identification("BAU", " ", "BSM-WS36A-H01"),
    Mode.D0: Identification("BAU", "3", "BSM-WS36A-H01"),
}
UNKNOWN_CODE, NO_RIGHT, BAD_VALUE = (encode_answer(f"(ER0{number})".encode()) for number in (1, 2, 3))
WRONG_PASSWORDS = 3
#: Default of option ``optical-password``; a choice of the specification.
FACTORY_PASSWORD = "00000000"  # noqa: S105 - published


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes to send, the real time at which they start (ns) and the bit rate of the line while they pass."""

    at: int
    data: bytes
    baudrate: int


@dataclass(frozen=True, slots=True)
class _Planned:
    at: int
    produce: Callable[[], bytes]
    baudrate: int
    window: int | None  # how long the answer of the reader is awaited after it


class OpticalHead:
    """The optical interface of one meter, without I/O. Times are real nanoseconds of any monotonic clock.

    The owner of the line advances the meter to the present, passes received bytes to ``receive``, sends what
    ``due`` gives, and sleeps until ``next_event``. On a serial device it sets ``paced`` and the bit rate: that of the
    output while it passes, ``baudrate`` afterwards. When the reader goes it calls ``reset``. Faults of the line are
    the owner's affair; a meter without supply neither hears nor sends.

    Args:
        source: the meter.
        mode: ``c``, ``a`` or ``d0`` (21.1).
        password: of the operator, eight characters (21.3).
        d0_list: ``short`` or ``full`` (21.4).
    """

    def __init__(
        self, source: OpticalSource, mode: str = "c", password: str = FACTORY_PASSWORD, d0_list: str = "short"
    ) -> None:
        self.mode = Mode(mode)
        self.paced = False
        self._source = source
        self._password = password
        self._list = d0_list
        self._receiver = MeterReceiver()
        self._planned: deque[_Planned] = deque()
        self._line_free = 0
        self._last_byte = 0
        self._packet_at: int | None = None
        self._close()

    @property
    def broadcasts(self) -> bool:
        """Whether outputs go to every listener and input is ignored (mode D0)."""
        return self.mode is Mode.D0

    def reset(self) -> None:
        """The reader has gone: nothing more is sent to it, the next session opens as the first. D0 packets go on."""
        self._receiver.gap()
        self._planned.clear()
        self._line_free = 0
        self._close()

    def _close(self) -> None:
        self.state = State.LISTENING
        self.baudrate = OPENING_RATES[self.mode]
        self._deadline: int | None = None
        self._operator = False
        self._wrong_passwords = 0
        self._readout = b""

    def receive(self, data: bytes, now: int) -> None:
        """Bytes from the line that ended at ``now``."""
        if self.broadcasts:
            return
        if self._source.silent:
            self.reset()
            return
        self._expire(now)
        if now - self._last_byte > CHARACTER_WINDOW:
            self._receiver.gap()
        self._last_byte = now
        for message in self._receiver.receive(data):
            event = self._event(message)
            if event is not None:
                self._on(event, message, now)

    def due(self, now: int) -> list[Output]:
        """What has to be sent by ``now``, in its order, each with the time at which it starts."""
        if self.broadcasts:
            return self._packets(now)
        if self._source.silent:
            self.reset()
        outputs: list[Output] = []
        while True:
            self._expire(now)
            if not self._planned or self._start() > now:
                return outputs
            outputs.append(self._send())

    def next_event(self) -> int | None:
        """Real time of the next output or end of a window; ``None`` while nothing but input can happen."""
        if self.broadcasts:
            return self._packet_at if self._packet_at is not None else 0
        return self._start() if self._planned else self._deadline

    def _start(self) -> int:
        return max(self._planned[0].at, self._line_free)

    def _send(self) -> Output:
        start, planned = self._start(), self._planned.popleft()
        data = planned.produce()
        self._line_free = start + (sending_time(len(data), planned.baudrate) if self.paced else 0)
        if planned.window is not None:
            self._deadline = self._line_free + planned.window
        return Output(start, data, planned.baudrate)

    def _expire(self, now: int) -> None:
        if self._deadline is not None and self._deadline <= now and not self._planned:
            at, self._deadline = self._deadline, None
            self._on(Event.SILENCE, None, at)

    def _event(self, message: object) -> Event | None:
        match message:
            case Request(address):
                own = self._source.optical_values.serial.lstrip("0")
                return Event.REQUEST if not address or address.lstrip("0") == own else None
            case Acknowledge():
                return _ACKNOWLEDGES.get(message, Event.OTHER)
            case Nak():
                return Event.NAK
            case Command():
                return Event.COMMAND
            case _:
                return Event.DAMAGED

    def _on(self, event: Event, message: object, now: int) -> None:
        step = TABLES[self.mode].get((self.state, event))
        if step is not None:
            self.state, action = step
            getattr(self, f"_do_{action}")(message, now)

    # What a transition does; `now` is the end of the message, or of the window, that caused it.

    def _do_identify(self, _: object, now: int) -> None:
        self._open(State.OFFERED)
        self._plan(IDENTIFICATIONS[self.mode].encode(), now + REACTION, ACKNOWLEDGE_WINDOW)

    def _do_identify_and_read(self, _: object, now: int) -> None:
        self._open(State.READ)
        self._plan(IDENTIFICATIONS[self.mode].encode(), now + REACTION, None)
        self._plan(self._read, now + REACTION, ACKNOWLEDGE_WINDOW)

    def _do_read_fast(self, _: object, now: int) -> None:
        self.baudrate = FAST
        self._plan(self._read, now + REACTION, ACKNOWLEDGE_WINDOW)

    def _do_read_slow(self, _: object, now: int) -> None:
        self._plan(self._read, now + REACTION, ACKNOWLEDGE_WINDOW)

    def _do_read_unasked(self, _: object, now: int) -> None:
        self._plan(self._read, now, ACKNOWLEDGE_WINDOW)

    def _do_repeat(self, _: object, now: int) -> None:
        self._plan(self._readout, now + REACTION, None)
        self._close()

    def _do_end(self, _: object, __: int) -> None:
        self._close()

    def _do_want_password(self, _: object, now: int) -> None:
        self.baudrate = FAST
        self._answer(Command("P0", DataSet("", self._source.optical_values.serial)).encode(), now)

    def _do_complain(self, _: object, now: int) -> None:
        self._answer(NAK, now)

    def _do_obey(self, message: object, now: int) -> None:
        match message:
            case Command("B0"):
                self._close()
            case Command("P1", DataSet() as data):
                self._try_password(data, now)
            case Command("R1", DataSet() as data):
                self._answer(self._reading(data.canonical), now)
            case Command("W1", DataSet() as data):
                self._answer(self._write(data), now)
            case _:
                self._answer(NAK, now)

    def _open(self, state: State) -> None:
        """A new sign-on ends whatever went before it."""
        self._planned.clear()
        self._close()
        self.state = state

    def _read(self) -> bytes:
        moment = self._source.optical_values
        self._readout = encode_readout(row.data_set(moment) for row in READOUT)
        return self._readout

    def _try_password(self, data: DataSet, now: int) -> None:
        given = data.value if data.unit is None else f"{data.value}*{data.unit}"
        self._operator = given == self._password
        self._wrong_passwords += not self._operator
        self._answer(ACK if self._operator else NO_RIGHT, now)
        if self._wrong_passwords == WRONG_PASSWORDS:
            self._close()
            self._planned[-1] = replace(self._planned[-1], window=None)

    def _reading(self, code: str) -> bytes | Callable[[], bytes]:
        row = BY_CODE.get(code)
        if row is None:
            return NO_RIGHT if code == SERVICE_MODE else UNKNOWN_CODE

        def answer() -> bytes:
            data = row.data_set(self._source.optical_values)
            return encode_answer(DataSet("", data.value, data.unit).encode())

        return answer

    def _write(self, data: DataSet) -> bytes:
        code = data.canonical
        right = Right.OPERATOR if code == SERVICE_MODE else BY_CODE[code].write if code in BY_CODE else None
        if right is None:
            return UNKNOWN_CODE
        if right is not Right.OPERATOR or not self._operator:
            return NO_RIGHT
        return ACK if WRITERS[code](self._source, data.value) else BAD_VALUE

    def _answer(self, data: bytes | Callable[[], bytes], now: int) -> None:
        self._plan(data, now + REACTION, PROGRAMMING_WINDOW)

    def _plan(self, data: bytes | Callable[[], bytes], at: int, window: int | None) -> None:
        """Put an output in line behind the others. Its values are read when it starts, its window opens at its end."""
        produce = data if callable(data) else lambda: data
        self._deadline = None
        self._planned.append(_Planned(at, produce, self.baudrate, window))

    def _packets(self, now: int) -> list[Output]:
        start = now if self._packet_at is None else self._packet_at
        if now < start:
            return []
        moment = self._source.optical_values
        packet = encode_packet(IDENTIFICATIONS[Mode.D0], [row.data_set(moment) for row in PACKETS[self._list]])
        period = max(1, int(PACKET_PERIODS[self._list] / self._source.speed))
        if self.paced:
            period = max(period, sending_time(len(packet), self.baudrate) + PACKET_REST)
        self._packet_at = start + ((now - start) // period + 1) * period
        return [] if self._source.silent else [Output(start, packet, self.baudrate)]


def _write_address(source: OpticalSource, text: str) -> bool:
    parsed = parse_address(text)
    if parsed:
        source.set_address(*parsed)
    return parsed is not None


def _write_time(source: OpticalSource, text: str) -> bool:
    tzo = source.optical_values.tzo
    epoch = None if tzo is None else parse_time(text, tzo)
    if epoch is not None:
        source.set_epoch(epoch)
    return epoch is not None


def _reset_rcr(source: OpticalSource, text: str) -> bool:
    if not text:
        source.reset_rcr()
    return not text


def _write_service_mode(source: OpticalSource, text: str) -> bool:
    if text in ("0", "1"):
        source.set_service_mode(text == "1")
    return text in ("0", "1")


#: What W1 does, by code; every function says whether the value was allowed, and changes nothing otherwise (21.3).
WRITERS: Mapping[str, Callable[[OpticalSource, str], bool]] = {
    "0.0.1": _write_address,
    "1.0.0": _write_time,
    "1.8.0*198": _reset_rcr,
    SERVICE_MODE: _write_service_mode,
}
