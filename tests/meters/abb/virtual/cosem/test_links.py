"""The meter's ends of HDLC and of the IP wrapper: clients, time, states, every fault (abb-meters.md 3.12, 3.13)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.meters.abb.virtual.cosem.bench import SECOND, Bench
from wattproof.errors import (
    AssociationRefused,
    Disconnected,
    FrameError,
    InvalidValue,
    LinkError,
    ProtocolError,
    ServiceRefused,
)
from wattproof.wire.cosem import wrapper
from wattproof.wire.cosem.acse import LN_CIPHERED, AssociationRequest
from wattproof.wire.cosem.data import integer, unsigned
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.initiate import InitiateRequest
from wattproof.wire.cosem.reading import read_objects
from wattproof.wire.cosem.wrapper import Message
from wattproof.wire.hdlc import Address, Frame, Kind, Parameters, control, decode
from wattproof.wire.hdlc.llc import COMMAND

Examples = dict[str, dict[str, Any]]
VOLTAGE = (3, "1-0:32.7.0")
GET_VOLTAGE = bytes.fromhex("C001C100030100200700FF0200")
AARQ = AssociationRequest.of(InitiateRequest()).encode()
AARQ_LLS = AssociationRequest.of(InitiateRequest(), b"00000000").encode()
OVERS = ("hdlc", "tcp", "udp")


def snrm(address: int = 17, client: int = 16, **options: Any) -> bytes:
    server = Address.server(address, **options)
    return Frame(server, Address.client(client), control(Kind.SNRM), Parameters(512, 512).encode()).encode()


def i_frame(apdu: bytes, ns: int = 0, nr: int = 0, client: int = 16) -> bytes:
    return Frame(Address.server(17), Address.client(client), control(Kind.I, ns, nr), COMMAND + apdu).encode()


def supervise(kind: Kind, nr: int = 0, client: int = 16) -> bytes:
    return Frame(Address.server(17), Address.client(client), control(kind, nr=nr)).encode()


def kind(answer: bytes) -> Kind | None:
    return decode(answer).kind if answer else None


@pytest.mark.proves("A-194", "A-143")
def test_all_transports_show_the_same_at_the_same_moment() -> None:
    bench = Bench(load="curve:pv")
    bench.step(5000)
    clients = [bench.client(16, over) for over in OVERS]
    objects = [asking.run(read_objects(asking.client)) for asking in clients]
    assert objects[0].data == objects[1].data == objects[2].data
    for entry in objects[0]:
        if entry.class_id != 15:
            name = str(entry).rpartition(" ")[2]
            values = [asking.get(entry.class_id, name) for asking in clients]
            assert values[0] == values[1] == values[2], name


@pytest.mark.proves("A-101", "A-114", "A-185")
def test_addresses_and_limits_of_the_link() -> None:
    bench = Bench(settings={"hdlc-address": "20"})
    for options in ({}, {"size": 1}, {"size": 4}):
        answer = decode(bench.hdlc(snrm(20, **options)))
        assert (answer.kind, answer.source) == (Kind.UA, Address.server(20, **options))
        assert Parameters.decode(answer.information) == Parameters(512, 512, 1, 1)
    for other in (snrm(17), snrm(20, upper=2), snrm(127, size=2), snrm(20)[:-2] + b"\0\x7e", b"\x7e\x7e rubbish"):
        assert bench.hdlc(other) == b""
    wide = Frame(Address.server(20), Address.client(16), control(Kind.SNRM), Parameters(2000, 2000, 7, 7).encode())
    assert Parameters.decode(decode(bench.hdlc(wide.encode())).information) == Parameters(512, 512, 1, 1)
    assert len(bench.journal("request")) == 5  # with the one for all stations
    ciphered = AssociationRequest(LN_CIPHERED, user_information=InitiateRequest().encode()).encode()
    server, client = Address.server(20), Address.client(16)
    refused = decode(bench.hdlc(Frame(server, client, control(Kind.I), COMMAND + ciphered).encode()))
    assert refused.information[3:].hex().endswith("a203020101a305a103020102")


@pytest.mark.proves("A-110", "A-111", "A-112")
def test_one_client_at_a_time_and_a_silent_one_is_forgotten() -> None:
    bench = Bench()
    assert kind(bench.hdlc(i_frame(AARQ))) is kind(bench.hdlc(supervise(Kind.DISC))) is Kind.DM
    assert kind(bench.hdlc(snrm())) is Kind.UA and kind(bench.hdlc(i_frame(AARQ))) is Kind.I
    assert kind(bench.hdlc(supervise(Kind.RR, client=1))) is Kind.DM
    bench.wait(119)
    assert kind(bench.hdlc(supervise(Kind.RR, 1))) is Kind.RR
    bench.wait(121)
    assert kind(bench.hdlc(i_frame(GET_VOLTAGE, 1, 1))) is Kind.DM
    assert kind(bench.hdlc(snrm(client=1))) is Kind.UA
    assert kind(bench.hdlc(supervise(Kind.DISC, client=1))) is Kind.UA


@pytest.mark.proves("A-113")
def test_a_pause_inside_a_frame_drops_it() -> None:
    bench = Bench()
    for pause, answered in ((0.15, None), (0.05, Kind.UA)):
        assert bench.hdlc(snrm()[:10]) == b""
        bench.wait(pause)
        assert kind(bench.hdlc(snrm()[10:])) is answered


@pytest.mark.parametrize("over", OVERS)
def test_three_wrong_passwords_lock_the_link_for_half_a_minute(over: str) -> None:
    bench = Bench(settings={"password": "Secret 1"})

    def diagnostic(password: bytes, sap: int = 1) -> int:
        asking = bench.asking(sap, over, password=password)
        try:
            asking.run(asking.client.open())
            diagnostic = 0
        except AssociationRefused as refused:
            diagnostic = refused.diagnostic
        asking.run(asking.client.close())
        return diagnostic

    assert diagnostic(b"Secret 1") == 0
    assert [diagnostic(b"00000000") for _ in range(3)] == [13, 13, 13]
    assert diagnostic(b"Secret 1") == 13 and diagnostic(b"", 16) == 0
    bench.wait(30)
    assert diagnostic(b"Secret 1") == 0
    assert diagnostic(b"", 33) == 13


@pytest.mark.parametrize("over", OVERS)
def test_a_power_failure_ends_link_and_association(over: str) -> None:
    bench = Bench()
    asking = bench.client(16, over)
    bench.fault("power-cut", 5)
    with pytest.raises(LinkError):
        asking.get(*VOLTAGE)
    bench.wait(6)
    with pytest.raises((Disconnected, ServiceRefused)):
        asking.get(*VOLTAGE)
    bench.wait(1)
    assert bench.client(16, over).get(*VOLTAGE) == 2300


@pytest.mark.proves("A-192", "A-193")
def test_the_ports_of_the_wrapper() -> None:
    bench = Bench()

    def ask(apdu: bytes, source: int = 16, destination: int = 1, peer: str = "a", over: str = "udp") -> str:
        port = bench.udp if over == "udp" else bench.tcp
        message = Message(source, destination, apdu)
        answer = port.hear(message, peer, bench.timers.now(), connection=False)
        if answer is None:
            return ""
        found = wrapper.decode(answer[0].data)
        assert (found.source, found.destination) == (destination, source)
        return found.apdu.hex()

    rejected, occupied = "a203020101a305a10302010d", "a203020102a305a103020101"
    assert ask(AARQ, destination=2) == ask(GET_VOLTAGE, source=5) == ""
    assert rejected in ask(AARQ, source=5)
    assert ask(GET_VOLTAGE) == "d80101"
    assert "a203020100" in ask(AARQ)
    assert ask(GET_VOLTAGE).startswith("c401c100")
    assert ask(GET_VOLTAGE, peer="b") == ask(GET_VOLTAGE, source=1) == "d80101"
    assert occupied in ask(AARQ, peer="b") and occupied in ask(AARQ_LLS, source=1)
    bench.wait(119)
    assert ask(GET_VOLTAGE).startswith("c401c100")
    bench.wait(120)
    assert ask(GET_VOLTAGE) == "d80101"
    assert "a203020100" in ask(AARQ, peer="b")
    assert "a203020100" in ask(AARQ, over="tcp")
    bench.tcp.face.left("a")
    assert ask(GET_VOLTAGE, over="tcp") == "d80101" and ask(GET_VOLTAGE, peer="b").startswith("c401c100")


def test_the_journal_tells_in_words_what_was_asked() -> None:
    bench = Bench()
    asking = bench.client(1)
    asking.get(*VOLTAGE)
    asking.set(1, "0-0:96.14.0", unsigned(3))
    said = [str(entry["meaning"]) for entry in bench.journal("request")]
    assert said[0].startswith("SNRM 1 > 1/17")
    assert said[1] == "I N(S)=0 N(R)=0 1 > 1/17: association request with password"
    assert said[2].endswith("GET Register 1-0:32.7.0*255 value (VOLTAGE_L1)")
    assert said[3].endswith("SET Data 0-0:96.14.0*255 value (TARIFF_ACTIVE), 3")
    bench.client(16, "tcp", "127.0.0.1:40000").get(*VOLTAGE)
    assert bench.journal("request")[-1]["meaning"] == (
        "16 > 1 from 127.0.0.1:40000: GET Register 1-0:32.7.0*255 value (VOLTAGE_L1)"
    )
    told = [str(entry["meaning"]) for entry in bench.journal("answer")]
    assert told[1] == "I N(S)=0 N(R)=1 1/17 > 1: association accepted"
    assert [text.rpartition(": ")[2] for text in told[2:4]] == ["2300", "success (0)"]
    assert told[-1] == "1 > 16: GET response: 2300"
    assert bench.journal("fault-hit") == []


# Faults of COSEM.


@pytest.mark.proves("A-204", "A-109")
@pytest.mark.parametrize("fault", ["frmr", "rnr", "wrong-ns"])
def test_faults_of_i_frames(fault: str) -> None:
    bench = Bench()
    bench.hdlc(snrm())
    bench.hdlc(i_frame(AARQ))
    bench.fault(fault)
    answer = decode(bench.hdlc(i_frame(GET_VOLTAGE, 1, 1)))
    assert answer.kind is {"frmr": Kind.FRMR, "rnr": Kind.RNR, "wrong-ns": Kind.I}[fault]
    assert answer.control.ns == (2 if fault == "wrong-ns" else 0)
    again = decode(bench.hdlc(i_frame(GET_VOLTAGE, 1, 1)))
    assert (again.kind, again.control.ns) == (Kind.I, 1)
    assert len(bench.journal("fault-hit")) == 1 and bench.meter.faults.active == {}
    asking = bench.client(16)
    bench.fault(fault)
    value = asking.run(asking.client.persist(lambda: asking.client.get(Attribute.of(*VOLTAGE))))
    assert value.plain == 2300 and len(bench.journal("fault-hit")) == 2


@pytest.mark.proves("A-204")
def test_faults_of_the_connection_and_the_association() -> None:
    bench = Bench()
    bench.fault("dm", 2)
    assert [kind(bench.hdlc(snrm(client=1))) for _ in range(3)] == [Kind.DM, Kind.DM, Kind.UA]
    for over in OVERS:
        for value, shown in ((True, 13), (14, 14), ("2", 2)):
            bench.fault("aare-reject", value)
            with pytest.raises(AssociationRefused) as refused:
                bench.client(1, over)
            assert refused.value.diagnostic == shown
        bench.fault("aare-reject", False)
        asking = bench.client(1, over)
        bench.fault("exception", "2/3")
        with pytest.raises(ServiceRefused):
            asking.get(*VOLTAGE)
        bench.fault("exception", False)
        bench.fault("access-result", "1-0:32.7.0/11")
        assert [asking.get(*VOLTAGE), asking.get(*VOLTAGE, 3), asking.get(3, "1-0:52.7.0")] == [11, 11, 2300]
        bench.fault("access-result", "0-0:96.14.0/2")
        assert asking.set(1, "0-0:96.14.0", unsigned(1)) == 2
        bench.fault("access-result", "1-0:1.8.0/11")  # which nobody may write or reset
        assert asking.set(3, "1-0:1.8.0", unsigned(1)) == asking.act(3, "1-0:1.8.0", integer(0)) == 11
        assert asking.get(3, "1-0:1.8.0", 9) == 11
        bench.fault("access-result", False)
        assert asking.get(*VOLTAGE) == 2300
    for bad in ("1-0:32.7.0", "x/1", "1-0:32.7.0/256"):
        with pytest.raises(InvalidValue):
            bench.fault("access-result", bad)


@pytest.mark.proves("A-204")
@pytest.mark.parametrize("over", OVERS)
def test_faults_of_blocks_and_of_the_invoke_id(over: str) -> None:
    bench = Bench()
    asking = bench.client(16, over)
    bench.fault("bad-block", 1, when="block:2")
    with pytest.raises(ProtocolError):
        asking.run(read_objects(asking.client))
    states = [str(entry["state"]) for entry in bench.journal("state")]
    assert [state for state in states if state.startswith("block")] == ["block:1", "block:2"]
    assert ("segment" in states) == (over == "hdlc")
    assert len(asking.run(read_objects(asking.client))) == 266
    bench.fault("wrong-invoke")
    with pytest.raises((ProtocolError, LinkError)):
        asking.get(*VOLTAGE)
    bench.fault("wrong-invoke", False)
    assert asking.get(*VOLTAGE) == 2300


@pytest.mark.proves("A-204", "A-208")
def test_the_second_segment_is_lost_once() -> None:
    bench = Bench()
    asking = bench.client(16)
    attribute = Attribute.of(15, "0-0:40.0.0")
    bench.fault("lost-segment", when="segment")
    value = asking.run(asking.client.get(attribute))
    (hit,) = bench.journal("fault-hit")
    assert hit["fault"] == "lost-segment"
    assert asking.run(asking.client.get(attribute)) == value


def test_the_length_of_the_wrapper_lies() -> None:
    bench = Bench()
    bench.client(16, "udp")
    bench.fault("wrong-length")
    answer = bench.udp.hear(Message(16, 1, GET_VOLTAGE), "here", bench.timers.now(), connection=False)
    assert answer is not None
    assert int.from_bytes(answer[0].data[6:8], "big") == len(answer[0].data) - 8 + 1


# Faults of the link.


def answers(bench: Bench, over: str) -> bytes:
    """The bytes that answer a GET."""
    if over == "hdlc":
        return bench.hdlc(i_frame(GET_VOLTAGE, 1, 1))
    port = bench.tcp if over == "tcp" else bench.udp
    answer = port.hear(Message(16, 1, GET_VOLTAGE), "here", bench.timers.now(), connection=over == "tcp")
    return b"" if answer is None else answer[0].data


def opened(over: str) -> tuple[Bench, bytes]:
    bench = Bench()
    bench.client(16, over)
    return bench, answers(bench, over)


@pytest.mark.proves("A-201")
@pytest.mark.parametrize("over", OVERS)
@pytest.mark.parametrize(
    "fault", ["silent", "drop", "drop-answer", "garble", "truncate", "wrong-address", "disconnect", "echo",
              "leading-bytes", "bad-checksum", "bad-hcs", "collision"],
)  # fmt: skip
def test_faults_of_the_link(fault: str, over: str) -> None:
    bench, good = opened(over)
    percent = fault not in ("silent", "wrong-address", "echo", "collision")
    bench.fault(fault, 100 if percent else True)
    bad = answers(bench, over)
    wired = over == "hdlc"
    frame = decode(good) if wired else None
    if fault in ("silent", "drop", "drop-answer"):
        assert bad == b""
    elif fault == "disconnect":
        assert bad == (b"" if over == "tcp" else good)
    elif fault == "garble":
        assert sum((one ^ two).bit_count() for one, two in zip(good, bad, strict=True)) == 1
    elif fault == "truncate":
        assert good.startswith(bad) and 0 < len(bad) < len(good)
    elif fault == "wrong-address" and frame is not None:
        assert decode(bad).source == Address.server(18) and decode(bad).information == frame.information
    elif fault == "wrong-address":
        assert bad == good[:2] + b"\0\2" + good[4:]
    elif not wired:
        assert bad == good
    elif fault == "echo":
        assert bad == i_frame(GET_VOLTAGE, 1, 1) + good
    elif fault == "leading-bytes":
        assert bad.endswith(good) and 1 <= len(bad) - len(good) <= 8
    elif fault == "bad-checksum":
        assert (
            bad[:-3] == good[:-3] and int.from_bytes(bad[-3:-1], "little") == int.from_bytes(good[-3:-1], "little") + 1
        )
    elif fault == "bad-hcs":
        assert bad[7:9] != good[7:9] and bad[9:-3] == good[9:-3] and bad[-3:] != good[-3:]
    elif fault == "collision":
        assert len(bad) == len(good) and all(two & ~one == 0 for one, two in zip(good, bad, strict=True))
        with pytest.raises(FrameError):
            decode(bad)
    assert {entry["fault"] for entry in bench.journal("fault-hit")} == ({fault} if bad != good else set())


@pytest.mark.proves("A-201")
@pytest.mark.parametrize("fault", ["bad-checksum", "bad-hcs"])
def test_check_sums_are_wrong_where_they_should_be(fault: str) -> None:
    bench, _ = opened("hdlc")
    bench.fault(fault)
    with pytest.raises(FrameError, match="FCS" if fault == "bad-checksum" else "HCS"):
        decode(answers(bench, "hdlc"))
    short = bench.hdlc(supervise(Kind.RR, 2))
    assert kind(short) is Kind.RR if fault == "bad-hcs" else short != b""


@pytest.mark.proves("A-201")
def test_late_and_slow_answers() -> None:
    bench, good = opened("hdlc")
    bench.fault("late", 2)
    assert answers(bench, "hdlc") == b""
    bench.timers.run(1.9)
    assert not bench.sent
    bench.timers.run(0.1)
    assert b"".join(bench.sent) == good
    bench.fault("late", False)
    bench.fault("slow", "0.05")
    assert answers(bench, "hdlc") == good[:1]
    bench.timers.run(0.05 * len(good))
    assert [len(piece) for piece in bench.sent] == [1] * len(good)
    bench.fault("slow", False)
    tcp, _ = opened("tcp")
    tcp.fault("late", 2)
    answer = tcp.tcp.hear(Message(16, 1, GET_VOLTAGE), "here", 7, connection=True)
    assert answer is not None and answer[0].delay == 2 * SECOND


@pytest.mark.proves("A-201")
def test_a_fault_of_the_link_may_be_kept_to_the_cosem_faces() -> None:
    bench, _ = opened("hdlc")
    bench.runtime.patch({}, {"silent": True}, face="mbus")
    assert answers(bench, "hdlc") != b""
    bench.runtime.patch({}, {"silent": True}, face="cosem")
    assert answers(bench, "hdlc") == b""


@pytest.mark.proves("A-208")
def test_a_change_waits_for_the_association() -> None:
    bench = Bench()
    bench.fault("aare-reject", 2, when="association")
    assert kind(bench.hdlc(snrm())) is Kind.UA and "aare-reject" not in bench.meter.faults
    with pytest.raises(AssociationRefused):
        bench.client(16)
    assert "aare-reject" in bench.meter.faults


def test_faults_of_quantities_and_of_counters() -> None:
    bench = Bench()
    bench.step(3600)
    asking = bench.client(16)
    bench.fault("status-15", 69)
    bench.fault("status-18", 72)
    assert [asking.get(*VOLTAGE), asking.get(*VOLTAGE, 3)] == [4, 4]
    assert [asking.get(3, "1-0:52.7.0"), asking.get(3, "1-0:52.7.0", 3)] == [2, [-1, 35]]
    bench.fault("counter-glitch", 2)
    assert asking.get(3, "1-0:72.7.0") == 2300
    assert [asking.get(3, "1-0:1.8.0") for _ in range(3)] == [0, 0, 100]
    bench.fault("frozen")
    bench.step(3600)
    assert asking.get(3, "1-0:1.8.0") == 100
    bench.fault("frozen", False)
    assert asking.get(3, "1-0:1.8.0") == 200
