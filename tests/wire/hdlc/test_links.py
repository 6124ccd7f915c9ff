"""Both ends of a link: connecting, segments both ways, repetitions, and what breaks a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import Disconnected, FrameError, ResponseTimeout
from wattproof.wire.conversation import Conversation, Pause, Send, run
from wattproof.wire.hdlc import (
    Address,
    ClientLink,
    Frame,
    Kind,
    Parameters,
    Receiver,
    ServerLink,
    Timing,
    control,
    decode,
)
from wattproof.wire.hdlc.controls import CONTROLS

Examples = dict[str, dict[str, Any]]
SECOND = 10**9
SERVER, CLIENT = Address.server(17), Address.client(16)
LLC = b"\xe6\xe6\x00"


class Echo:
    """Answers every APDU with itself in capitals, and keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def connected(self, client: int) -> None:
        self.events.append(client)

    def disconnected(self) -> None:
        self.events.append("gone")

    def receive(self, apdu: bytes, now: int) -> bytes | None:
        self.events.append(apdu)
        return apdu.upper() or None


class Line:
    """A server at the end of a wire; ``between`` may change what is heard and what is answered."""

    def __init__(self, limits: Parameters = Parameters(512, 512)) -> None:  # noqa: B008
        self.upper = Echo()
        self.link = ServerLink(17, self.upper, limits)
        self.receiver = Receiver()
        self.now = 0
        self.frames: list[Frame] = []
        self.between: Callable[[Frame, Frame | None], bytes | None] = lambda asked, answer: None

    def exchange(self, data: bytes, timeout: int) -> bytes:
        answers = []
        for frame in self.receiver.receive(data):
            answer = self.link.hear(frame, self.now)
            self.frames += [frame] if answer is None else [frame, answer]
            changed = self.between(frame, answer)
            answers.append(changed if changed is not None else answer.encode() if answer else b"")
        return b"".join(answers)

    def say(
        self, kind: Kind, ns: int = 0, nr: int = 0, information: bytes = b"", client: int = 16, **options: Any
    ) -> Frame | None:
        field = control(kind, ns, nr, options.pop("final", True))
        to = options.pop("to", SERVER)
        return self.link.hear(Frame(to, Address.client(client), field, information, **options), self.now)

    def talk(self, conversation: Conversation[Any]) -> Any:
        return run(conversation, self.exchange)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(line: Line) -> ClientLink:
    link = ClientLink(17)
    line.talk(link.connect())
    return link


def names(frames: list[Frame]) -> str:
    return " ".join(f"{frame.kind}{frame.control.ns if frame.kind is Kind.I else ''}" for frame in frames)


def shown(frame: Frame | None) -> tuple[str, int, int] | None:
    return None if frame is None else (str(frame.kind), frame.control.ns, frame.control.nr)


@pytest.mark.proves("A-100", "A-105", "A-110")
def test_the_frames_of_the_examples_are_what_both_ends_say(examples: Examples) -> None:
    line = Line(Parameters(128, 128))
    for asked, answered in (
        ("disc", "dm"),
        ("rr-1", "dm"),
        ("snrm-plain", "ua-128"),
        ("disc", "ua-empty"),
        ("snrm-par", "ua-128"),
    ):
        assert line.exchange(examples[asked]["octets"], 0) == examples[answered]["octets"], asked
    assert line.upper.events == [16, "gone", 16]
    wide = Line()
    assert wide.exchange(examples["snrm-par"]["octets"], 0) == examples["ua-512"]["octets"]
    aarq = examples["aarq-none"]["octets"]
    assert wide.exchange(examples["aarq-none-frame"]["octets"], 0) != b""
    assert wide.upper.events == [16, aarq]
    conversation = ClientLink(17).connect()
    assert next(conversation) == Send(examples["snrm-par"]["octets"], 580_000_000)


@pytest.mark.proves("A-106", "A-108")
@pytest.mark.parametrize("limits", [Parameters(128, 128), Parameters(40, 64), Parameters(64, 512)])
def test_messages_of_any_length_go_both_ways_in_segments(limits: Parameters) -> None:
    line, client = Line(limits), ClientLink(17)
    assert line.talk(client.connect()) == Parameters(limits.receive, limits.transmit)
    for length in (1, 20, 36, 37, 38, 61, 62, 125, 126, 253, 1200):
        line.frames.clear()
        message = bytes(range(97, 122)) * 50
        assert line.talk(client.exchange(message[:length])) == message[:length].upper()
        sent = [frame for frame in line.frames if frame.kind is Kind.I and frame.destination == SERVER]
        back = [frame for frame in line.frames if frame.kind is Kind.I and frame.destination == CLIENT]
        for way, size, llc in ((sent, limits.receive, LLC), (back, limits.transmit, b"\xe6\xe7\x00")):
            assert len(way) == -(-(length + 3) // size)
            assert [frame.segmented for frame in way] == [True] * (len(way) - 1) + [False]
            assert all(len(frame.information) == size for frame in way[:-1])
            assert [frame.information.startswith(llc) for frame in way] == [True] + [False] * (len(way) - 1)
            numbers = [frame.control.ns for frame in way]
            assert numbers == [number & 7 for number in range(numbers[0], numbers[0] + len(way))]
        turns = [frame.destination for frame in line.frames]
        assert turns == [SERVER, CLIENT] * (len(turns) // 2)  # window 1: nobody speaks twice
        assert {frame.kind for frame in line.frames} <= {Kind.I, Kind.RR}


@pytest.mark.proves("A-106")
def test_a_repeated_frame_gets_the_stored_answer_and_is_not_executed_again(line: Line) -> None:
    line.say(Kind.SNRM)
    for turn in range(20):
        ns = turn % 8
        answer = line.say(Kind.I, ns, ns, LLC + b"a%d" % turn)
        assert shown(answer) == ("I", ns, (ns + 1) % 8)
        for _ in range(2):
            assert line.say(Kind.I, ns, ns, LLC + b"other") == answer
    assert line.upper.events == [16, *(b"a%d" % turn for turn in range(20))]
    assert line.say(Kind.RR, nr=3) == answer  # the answer was lost, the client asks what there is
    assert shown(line.say(Kind.RR, nr=4)) == ("RR", 0, 4)


@pytest.mark.proves("A-107")
def test_wrong_numbers_are_answered_rr_or_frmr(line: Line) -> None:
    line.say(Kind.SNRM)
    assert shown(line.say(Kind.I, 7, 0, LLC + b"a")) == ("RR", 0, 0)  # nothing came before: no repetition
    line.say(Kind.I, 0, 0, LLC + b"a")
    for ns in (2, 3, 6, 7):
        assert shown(line.say(Kind.I, ns, 1, LLC + b"b")) == ("RR", 0, 1)
    rejected = line.say(Kind.I, 1, 5, LLC + b"b")
    assert rejected is not None
    assert rejected.kind is Kind.FRMR
    assert rejected.information == bytes((5 << 5 | 0x10 | 1 << 1, 1 << 5 | 1 << 1, 0x08))
    assert line.say(Kind.I, 1, 1, LLC + b"b") == rejected  # until SNRM or DISC
    assert line.upper.events == [16, b"a"]
    assert shown(line.say(Kind.SNRM)) == ("UA", 0, 0)
    assert line.upper.events == [16, b"a", "gone", 16]
    assert shown(line.say(Kind.I, 0, 0, LLC + b"c")) == ("I", 0, 1)
    assert line.say(Kind.RR, nr=5).information[2] == 0x08  # type: ignore[union-attr]


def test_what_a_server_cannot_take_is_rejected_or_let_pass(line: Line) -> None:
    line.say(Kind.SNRM)  # 128 bytes
    too_long = line.say(Kind.I, 0, 0, LLC + bytes(126))
    assert (too_long.kind, too_long.information[2]) == (Kind.FRMR, 0x04)  # type: ignore[union-attr]
    line.say(Kind.SNRM)
    unknown = line.exchange(Frame(SERVER, CLIENT, CONTROLS[0x19]).encode(), 0)
    assert decode(unknown).information == bytes((0x19, 0, 0x01))
    line.say(Kind.SNRM)
    for kind in (Kind.UA, Kind.DM, Kind.FRMR, Kind.UI):
        assert line.say(kind) is None
    assert line.say(Kind.RR, final=False) is None
    assert shown(line.say(Kind.I, 0, 0, b"no header")) == ("RR", 0, 1)
    assert shown(line.say(Kind.I, 1, 0, LLC)) == ("RR", 0, 2)  # nothing to answer
    assert line.say(Kind.SNRM, information=b"\x81\x80\x05") is None
    assert line.upper.events.count(b"") == 1
    line.say(Kind.SNRM, information=Parameters(2030, 2030).encode())
    ns = 0
    while (answer := line.say(Kind.I, ns % 8, 0, bytes(512), segmented=True)) and answer.kind is Kind.RR:
        ns += 1
    assert ns == 128  # 64 KiB and no end
    assert answer is not None
    assert answer.kind is Kind.FRMR


@pytest.mark.proves("A-110", "A-112", "A-114")
def test_a_second_client_gets_dm_and_other_addresses_silence(line: Line) -> None:
    assert line.say(Kind.SNRM, to=Address.server(18)) is None
    assert line.say(Kind.SNRM, to=Address(2, 17, 2)) is None
    assert shown(line.say(Kind.SNRM, to=Address.server(17, size=1))) == ("UA", 0, 0)
    four = line.say(Kind.SNRM, to=Address(1, 17, 4))
    assert four is not None
    assert (four.source, four.destination) == (Address(1, 17, 4), CLIENT)
    for kind in (Kind.SNRM, Kind.I, Kind.RR, Kind.DISC):
        assert shown(line.say(kind, client=1)) == ("DM", 0, 0)
    assert line.say(Kind.UI, client=1) is None
    assert line.link.client == 16
    everyone = Address.server(127, size=2)
    assert line.say(Kind.RR, to=everyone) is None
    assert line.say(Kind.DISC, to=everyone) is None
    assert line.link.client == 16
    assert shown(line.say(Kind.DISC)) == ("UA", 0, 0)
    for kind in (Kind.DISC, Kind.I, Kind.RR, Kind.RNR):
        assert shown(line.say(kind)) == ("DM", 0, 0)
    assert line.say(Kind.SNRM, to=everyone, client=1) is None
    assert line.link.client == 1


@pytest.mark.proves("A-111")
def test_a_silent_client_is_forgotten_after_120_seconds(line: Line) -> None:
    line.say(Kind.SNRM)
    line.now = 120 * SECOND - 1
    assert shown(line.say(Kind.RR)) == ("RR", 0, 0)
    line.now += 120 * SECOND - 1
    line.link.tick(line.now)
    line.say(Kind.RR, client=1)  # others do not keep it alive
    assert line.link.client == 16
    line.now += 1
    assert shown(line.say(Kind.RR)) == ("DM", 0, 0)
    assert line.upper.events == [16, "gone"]
    assert line.link.parameters == Parameters()


@pytest.mark.proves("A-109")
def test_a_busy_server_is_waited_for_twenty_times(line: Line, client: ClientLink) -> None:
    line.link.busy = True
    conversation, pauses = client.exchange(b"hello"), []
    step = next(conversation)
    while len(pauses) < 20:
        if isinstance(step, Pause):
            pauses.append(step)
            line.link.busy = len(pauses) < 7
            step = next(conversation)
        else:
            try:
                step = conversation.send(line.exchange(step.data, step.timeout))
            except StopIteration as end:
                assert end.value == b"HELLO"
                break
    assert pauses == [Pause(500_000_000)] * 7
    assert names(line.frames[2:]) == "I0 RNR" + " RR RNR" * 6 + " RR RR I0 I0"
    line.link.busy = True
    with pytest.raises(Disconnected, match="busy"):
        line.talk(client.exchange(b"again"))
    assert not client.connected


@pytest.mark.proves("A-109")
def test_frmr_and_dm_need_a_new_connection(line: Line, client: ClientLink) -> None:
    line.between = lambda asked, answer: (
        Frame(CLIENT, SERVER, control(Kind.FRMR), b"\x10\x22\x01").encode() if asked.kind is Kind.I else None
    )
    with pytest.raises(Disconnected, match="FRMR 102201"):
        line.talk(client.exchange(b"a"))
    assert line.frames[-2].kind is Kind.DISC
    assert line.link.client is None
    with pytest.raises(Disconnected, match="not connected"):
        line.talk(client.exchange(b"a"))
    line.between = lambda asked, answer: None
    line.talk(client.connect())
    assert line.talk(client.exchange(b"a")) == b"A"
    line.link.drop()
    with pytest.raises(Disconnected, match="DM"):
        line.talk(client.exchange(b"a"))
    line.say(Kind.SNRM, client=1)
    with pytest.raises(Disconnected, match="another client"):
        line.talk(client.connect())


def test_silence_is_repeated_asked_and_then_an_error(line: Line, client: ClientLink) -> None:
    sent: list[bytes] = []

    def deaf(data: bytes, timeout: int) -> bytes:
        sent.append(data)
        return b""

    with pytest.raises(ResponseTimeout, match="no answer from HDLC address 1/17 to I"):
        run(client.exchange(b"a"), deaf)
    assert names([decode(data) for data in sent]) == "I0 I0 I0 RR"
    with pytest.raises(ResponseTimeout, match="SNRM"):
        run(client.connect(), deaf)
    run(client.disconnect(), deaf)
    assert Timing.of(40_000_000) == Timing()
    fresh = ClientLink(17, timing=Timing(repetitions=0))
    with pytest.raises(ResponseTimeout, match="damaged"):
        run(fresh.connect(), lambda data, timeout: b"\x7e\xff" if data else b"")
    with pytest.raises(ResponseTimeout):
        run(fresh.connect(), lambda data, timeout: b"babble" * 100)  # never silent


class Losing:
    """Loses the n-th request or answer, whatever it is."""

    def __init__(self, line: Line, request: int | None, answer: int | None, bit: int | None = None) -> None:
        self.line, self.request, self.answer, self.bit, self.count = line, request, answer, bit, -1

    def __call__(self, data: bytes, timeout: int) -> bytes:
        if not data:
            return b""
        self.count += 1
        if self.count == self.request:
            return b""
        answer = self.line.exchange(data, timeout)
        if self.count == self.answer and self.bit is not None:
            changed = bytearray(answer)
            changed[self.bit // 8 % len(changed)] ^= 1 << self.bit % 8
            return bytes(changed)
        return b"" if self.count == self.answer else answer


@given(st.integers(0, 20), st.booleans(), st.none() | st.integers(0, 5000))
def test_one_lost_or_damaged_frame_anywhere_changes_nothing(place: int, request: bool, bit: int | None) -> None:
    line, client = Line(Parameters(64, 64)), ClientLink(17)
    losing = Losing(line, place if request else None, None if request else place, bit)
    run(client.connect(), losing)
    for message in (b"a" * 200, b"b" * 61, b"c"):
        assert run(client.exchange(message), losing) == message.upper()
    assert line.upper.events == [*([16, "gone"] if place == 0 and not request else []), 16, b"a" * 200, b"b" * 61, b"c"]


def test_a_frame_with_a_wrong_number_or_of_others_is_passed_over(line: Line, client: ClientLink) -> None:
    def strange(asked: Frame, answer: Frame | None) -> bytes | None:
        if asked.kind is not Kind.I or answer is None:
            return None
        field = answer.control
        wrong = Frame(CLIENT, SERVER, control(Kind.I, field.ns + 1, field.nr), answer.information)
        foreign = Frame(CLIENT, Address.server(18), field, b"\xe6\xe7\x00foreign")
        other = Frame(CLIENT, Address(2, 17, 2), field, b"\xe6\xe7\x00foreign")
        return asked.encode() + b"".join(frame.encode() for frame in (wrong, foreign, other, answer))

    line.between = strange
    assert line.talk(client.exchange(b"a")) == b"A"


@pytest.mark.parametrize(("change", "error"), [
    (lambda line, answer: Frame(CLIENT, SERVER, answer.control, b"\xe6\xe6\x00x").encode(), FrameError),
    (lambda line, answer: Frame(CLIENT, SERVER, control(Kind.RR, nr=0)).encode(), Disconnected),
    (lambda line, answer: Frame(CLIENT, SERVER, control(Kind.RR, nr=1)).encode(), ResponseTimeout),
])  # fmt: skip
def test_answers_that_are_none_are_errors(line: Line, client: ClientLink, change: Any, error: type[Exception]) -> None:
    line.between = lambda asked, answer: change(line, answer)
    with pytest.raises(error):
        line.talk(client.exchange(b"a"))
    assert not client.connected


def test_an_answer_without_end_is_given_up(line: Line, client: ClientLink) -> None:
    def endless(asked: Frame, answer: Frame | None) -> bytes:
        nr = asked.control.ns + 1 if asked.kind is Kind.I else 1
        return Frame(CLIENT, SERVER, control(Kind.I, asked.control.nr, nr), b"\xe6\xe7\x00" + bytes(500), True).encode()

    line.between = endless
    with pytest.raises(FrameError, match="longer than"):
        line.talk(client.exchange(b"a"))
    line.between = lambda asked, answer: None
    line.talk(client.connect())
    line.between = lambda asked, answer: (
        Frame(CLIENT, SERVER, control(Kind.RR, nr=1)).encode() if asked.kind is Kind.RR else endless(asked, answer)
    )
    with pytest.raises(Disconnected, match="within a message"):
        line.talk(client.exchange(b"a"))
