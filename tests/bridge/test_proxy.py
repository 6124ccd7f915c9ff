from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.bridge.access import Access
from wattproof.bridge.faults import put_faults
from wattproof.bridge.proxy import CLIENT_LIMIT, Proxy, Rates, exception_code
from wattproof.bridge.report import statistics
from wattproof.errors import Disconnected, FrameError, ModbusRefused, StorageError, Unreachable
from wattproof.wire.modbus.framing.rtu import frame as rtu_frame
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

Make = Callable[..., Any]
READ = read_request(3, 100, 2)
OTHER = read_request(3, 200, 1)
ANSWER, OTHER_ANSWER = bytes.fromhex("030400640065"), bytes.fromhex("030200c8")
WRITE = write_multiple_request(100, b"\0\1")
SILENT = 9


@pytest.mark.parametrize("line", ["rtu", "ascii", "tcp"])
@pytest.mark.parametrize("framing", ["rtu", "ascii", "tcp"])
async def test_a_request_goes_through_in_any_framing(site: Make, framing: str, line: str) -> None:
    one = site(line)
    master = one.master(framing=framing)
    master.ask(READ, unit=7, transaction=0x1234)
    await one.run(0.1)
    assert master.got == [(0.02, master.frame(ANSWER, 7, 0x1234))]
    master.ask(WRITE, unit=7)
    await one.run(0.1)
    assert master.answers[1] == master.frame(WRITE[:5], 7)


async def test_two_masters_take_turns_and_equal_reads_go_out_once(site: Make) -> None:
    one = site()
    first, second = one.master("10.0.0.1:1"), one.master("10.0.0.2:1", "rtu")
    first.ask(READ, transaction=1)
    second.ask(READ)
    first.ask(OTHER, transaction=2)
    await one.run(1)
    assert len(one.line.asked) == 2
    assert first.answers == [first.frame(ANSWER, 1, 1), first.frame(OTHER_ANSWER, 1, 2)]
    assert second.answers == [second.frame(ANSWER)]
    counted = statistics(one.proxy)
    assert counted["units"]["1"]["requests"] == 3
    assert counted["units"]["1"]["line"]["shared"] == 1
    assert counted["clients"]["10.0.0.1:1"]["answers"] == 2
    assert counted["clients"]["10.0.0.2:1"]["answers"] == 1


async def test_equal_writes_go_out_each(site: Make) -> None:
    one = site()
    for name in ("10.0.0.1:1", "10.0.0.2:1"):
        one.master(name).ask(WRITE)
    await one.run(1)
    assert [request.pdu for _, request in one.line.asked] == [WRITE, WRITE]


async def test_a_dead_unit_is_named_rests_and_costs_the_others_little(site: Make) -> None:
    one = site()
    first, second = one.master("10.0.0.1:1"), one.master("10.0.0.2:1")
    late = []
    for number in range(20):
        first.ask(READ, unit=SILENT, transaction=number)
        begin = one.clock.now() / 1e9
        second.ask(READ, unit=1, transaction=number)
        await one.run(2)
        late.append(second.got[number][0] - begin)
    assert first.answers == [first.frame(b"\x83\x0b", SILENT, number) for number in range(20)]
    assert sum(wait > 0.1 for wait in late) <= 8
    assert one.asked.count(SILENT) <= 8
    unit = statistics(one.proxy)["units"][str(SILENT)]
    assert (unit["silent"], unit["exceptions"]) == (20, {"11": 20})
    assert not unit["line"]["healthy"]


async def test_a_units_own_exception_passes_unchanged(site: Make) -> None:
    one = site()
    one.line.bend = lambda bench, request, frame: rtu_frame(request.unit, b"\x83\x04")
    master = one.master()
    master.ask(READ)
    await one.run(1)
    assert master.answers == [master.frame(b"\x83\x04")]
    assert statistics(one.proxy)["units"]["1"]["silent"] == 0


async def test_read_only_refuses_writes_and_counts_them(site: Make) -> None:
    one = site(access=Access(read_only=frozenset({1})))
    master = one.master()
    master.ask(WRITE, unit=1, transaction=1)
    assert master.answers == [master.frame(b"\x90\x01", 1, 1)]
    master.ask(READ, unit=1, transaction=2)
    master.ask(WRITE, unit=2, transaction=3)
    await one.run(1)
    assert sorted((request.unit, request.pdu) for _, request in one.line.asked) == [(1, READ), (2, WRITE)]
    counted = statistics(one.proxy)
    assert counted["units"]["1"]["refused"] == counted["clients"]["10.0.0.1:5000"]["refused"] == 1
    assert counted["units"]["2"]["refused"] == 0


async def test_a_unit_that_may_not_be_asked_is_no_path(site: Make) -> None:
    one = site(access=Access(frozenset({1, 2})))
    for framing in ("tcp", "rtu"):
        master = one.master(framing=framing)
        master.ask(READ, unit=3)
        assert master.answers == [master.frame(b"\x83\x0a", 3)]
    await one.run(1)
    assert one.asked == []
    assert statistics(one.proxy)["units"]["3"]["foreign"] == 2


async def test_on_a_line_with_other_units_their_traffic_is_left_alone(site: Make) -> None:
    one = site(access=Access(frozenset({1, 2})))
    master = one.master("pty:///tmp/line", "rtu", network=False)
    master.ask(READ, unit=3)
    master.ask(READ, unit=2)
    await one.run(1)
    assert one.asked == [2]
    assert master.answers == [master.frame(ANSWER, 2)]


async def test_the_rate_of_a_client(site: Make) -> None:
    one = site(rates=Rates(client=2))
    fast, other = one.master("10.0.0.1:1"), one.master("10.0.0.2:1")
    for transaction in range(3):
        fast.ask(READ, transaction=transaction)
    other.ask(READ)
    assert fast.answers == [fast.frame(b"\x83\x06", 1, 2)]
    await one.run(0.5)
    assert len(fast.got) == 3
    assert len(other.got) == 1
    fast.ask(READ)
    await one.run(0.1)
    assert fast.answers[3] == fast.frame(ANSWER)
    assert statistics(one.proxy)["clients"]["10.0.0.1:1"]["limited"] == 1


async def test_the_rate_of_a_unit_holds_for_all_clients_together(site: Make) -> None:
    one = site(rates=Rates(unit=1))
    first, second = one.master("10.0.0.1:1"), one.master("10.0.0.2:1")
    first.ask(READ, unit=1)
    second.ask(READ, unit=1)
    second.ask(READ, unit=2)
    await one.run(0.5)
    assert first.answers == [first.frame(ANSWER)]
    assert second.answers == [second.frame(b"\x83\x06"), second.frame(ANSWER, 2)]


async def test_one_client_cannot_fill_the_queue(site: Make) -> None:
    one = site()
    greedy, modest = one.master("10.0.0.1:1"), one.master("10.0.0.2:1")
    for number in range(CLIENT_LIMIT + 5):
        greedy.ask(read_request(3, number, 1), transaction=number)
    assert greedy.answers == [greedy.frame(b"\x83\x06", 1, CLIENT_LIMIT + extra) for extra in range(5)]
    modest.ask(READ, unit=2)
    await one.run(2)
    assert modest.got[0][0] <= 0.05  # units take turns
    assert len(greedy.got) == CLIENT_LIMIT + 5
    assert statistics(one.proxy)["units"]["1"]["busy"] == 5


async def test_a_write_goes_first_but_not_before_its_own_masters_reads(site: Make) -> None:
    one = site()
    poller, reader, writer = (one.master(f"10.0.0.{number}:1") for number in (1, 2, 3))
    for address in range(3):
        poller.ask(read_request(3, address, 1))
    reader.ask(READ)
    reader.ask(WRITE)
    writer.ask(WRITE)
    await one.run(1)
    asked = [request.pdu for _, request in one.line.asked]
    assert asked[0] == WRITE
    assert asked[4:] == [READ, WRITE]


async def test_a_master_on_a_line_that_asks_anew_gets_the_new_answer_only(site: Make) -> None:
    one = site()
    busy, master = one.master("10.0.0.1:1"), one.master("pty:///tmp/line", "rtu", network=False)
    busy.ask(OTHER, unit=2)
    master.ask(READ)
    await one.run(0.01)
    master.ask(OTHER)
    await one.run(1)
    assert master.answers == [master.frame(OTHER_ANSWER)]
    assert [request.pdu for _, request in one.line.asked] == [OTHER, OTHER]  # what nobody wants is not asked
    assert statistics(one.proxy)["clients"]["pty:///tmp/line"]["lost"] == 1


async def test_a_client_that_leaves_takes_only_its_own_requests_along(site: Make) -> None:
    one = site()
    first, second = one.master("10.0.0.1:1"), one.master("10.0.0.2:1")
    first.ask(READ)
    second.ask(READ)
    first.ask(OTHER)
    first.client.depart()
    await one.run(1)
    assert first.got == []
    assert second.answers == [second.frame(ANSWER)]
    assert len(one.line.asked) == 1
    counted = statistics(one.proxy)
    assert list(counted["clients"]) == ["10.0.0.2:1"]
    assert counted["departed"]["10.0.0.1"]["requests"] == counted["departed"]["10.0.0.1"]["lost"] == 2
    assert one.proxy._under_way == 0


async def test_a_line_that_is_not_there_is_no_path_and_found_again(site: Make) -> None:
    one = site()
    opener, tries = one.opening.opener, []

    async def opens_later() -> Any:
        tries.append(one.clock.now() / 1e9)
        await one.clock.sleep(3)
        if len(tries) < 2:
            raise Unreachable("no such device")
        return await opener()

    one.opening.opener = opens_later
    master = one.master()
    for transaction in range(5):
        master.ask(read_request(3, transaction, 1), transaction=transaction)
    await one.run(3.1)
    assert master.answers == [master.frame(b"\x83\x0a", 1, transaction) for transaction in range(5)]
    assert len(tries) == 1  # one wait for all of them
    assert one.opening.absent == "no such device"
    master.ask(READ)
    assert len(tries) == 1
    await one.run(1)
    master.ask(READ)
    await one.run(4)
    assert master.answers[-2:] == [master.frame(b"\x83\x0a"), master.frame(ANSWER)]
    assert one.opening.absent is None
    assert statistics(one.proxy)["units"]["1"]["line"]["healthy"]


async def test_a_broadcast_goes_out_if_all_may_be_written_and_is_never_answered(site: Make) -> None:
    for access, sent in ((Access(), [0]), (Access(read_only=frozenset({5})), [])):
        one = site(access=access)
        one.line.bend = lambda bench, request, frame: None
        master = one.master()
        master.ask(WRITE, unit=0)
        await one.run(1)
        assert one.asked == sent
        assert master.got == []
        assert statistics(one.proxy)["units"]["0"]["lost"] == 1


async def test_unit_0_of_modbus_tcp_is_a_unit(site: Make) -> None:
    one = site("tcp")
    master = one.master()
    master.ask(READ, unit=0)
    await one.run(1)
    assert master.answers == [master.frame(ANSWER, 0)]


FAULTED = {
    "drop": (0, []),
    "drop-answer": (1, []),
    "exception": (0, [b"\x83\x04"]),
    "disconnect": (1, []),
}


@pytest.mark.parametrize("name", FAULTED)
async def test_faults_of_the_line_act_on_a_healthy_unit(site: Make, name: str) -> None:
    one = site()
    put_faults(one.proxy.faults, {name: 100 if name != "exception" else 4})
    master = one.master()
    master.ask(READ)
    await one.run(1)
    asked, answers = FAULTED[name]
    assert len(one.line.asked) == asked
    assert master.answers == [master.frame(pdu) for pdu in answers]
    assert master.closed == (name == "disconnect")
    put_faults(one.proxy.faults, {name: None})
    again = one.master("10.0.0.9:1")
    again.ask(READ)
    await one.run(1)
    assert again.answers == [again.frame(ANSWER)]


async def test_a_late_answer_and_a_garbled_one(site: Make) -> None:
    one = site()
    put_faults(one.proxy.faults, {"late": 2.5, "garble": 100})
    master = one.master(framing="rtu")
    master.ask(READ)
    await one.run(5)
    ((moment, data),) = master.got
    assert moment == 2.52
    right = master.frame(ANSWER)
    assert sum((a ^ b).bit_count() for a, b in zip(data, right, strict=True)) == 1


async def test_each_master_of_a_shared_read_has_its_own_luck(site: Make) -> None:
    hits = []
    for seed in (1, 1, 2):
        one = site(seed=seed)
        put_faults(one.proxy.faults, {"drop-answer": 50})
        masters = [one.master(f"10.0.0.{number}:1") for number in range(20)]
        for master in masters:
            master.ask(READ)
        await one.run(1)
        assert len(one.line.asked) == 1
        hits.append([bool(master.got) for master in masters])
    assert hits[0] == hits[1] != hits[2]
    assert 3 <= sum(hits[0]) <= 17


async def test_a_fault_that_comes_while_the_unit_is_asked_acts_on_its_answer(site: Make) -> None:
    one = site()
    master = one.master()
    master.ask(READ)
    await one.run(0.01)
    put_faults(one.proxy.faults, {"drop-answer": 100})
    await one.run(1)
    assert master.got == []


async def test_what_the_proxy_says_itself_is_not_disturbed(site: Make) -> None:
    one = site(access=Access(read_only=None))
    put_faults(one.proxy.faults, {"drop": 100, "garble": 100})
    master = one.master()
    master.ask(WRITE)
    assert master.answers == [master.frame(b"\x90\x01")]


async def test_the_journal_names_client_request_answer_and_fault(site: Make) -> None:
    one = site()
    master = one.master("10.0.0.1:777")
    master.ask(READ, unit=5)
    await one.run(1)
    put_faults(one.proxy.faults, {"drop": 100})
    master.ask(READ, unit=5)
    await one.run(1)
    entries = one.proxy.journal()
    assert [entry["kind"] for entry in entries] == [
        "client", "request", "answer", "fault-set", "request", "fault-hit", "lost"
    ]  # fmt: skip
    assert entries[1]["client"] == entries[2]["client"] == entries[6]["client"] == "10.0.0.1:777"
    assert entries[1]["meaning"] == "read 2 registers at 100"
    assert entries[2]["meaning"] == "2 registers at 100: 0064 0065"
    assert entries[2]["bytes"] == master.frame(ANSWER, 5).hex()
    assert [entry["n"] for entry in one.proxy.journal(5)] == [6, 7]


async def test_rubbish_from_a_client_ends_its_connection_and_nothing_else(site: Make) -> None:
    one = site()
    bad, good = one.master("10.0.0.1:1"), one.master("10.0.0.2:1")
    bad.stream.receive(b"GET / HTTP/1.1\r\n\r\n", one.clock.now())
    assert bad.closed
    good.ask(READ)
    await one.run(1)
    assert good.answers == [good.frame(ANSWER)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModbusRefused(6, "busy"), 6),
        (Unreachable("no line"), 0x0A),
        (Disconnected("in the middle"), 0x0B),
        (FrameError("check sum"), 0x0B),
        (StorageError("the trace cannot be written"), 0x04),
    ],
)
def test_what_a_failure_is_called(error: Any, code: int) -> None:
    assert exception_code(error) == code


async def test_departed_clients_are_counted_by_host_within_a_limit(site: Make) -> None:
    one = site()
    assert isinstance(one.proxy, Proxy)
    for number in range(300):
        master = one.master(f"10.0.{number // 250}.{number % 250}:1")
        master.ask(READ)
        master.client.depart()
    assert len(one.proxy.departed.items()) == 257
    assert sum(counts.requests for counts in one.proxy.departed.items().values()) == 300
    assert not one.proxy.clients


@pytest.mark.parametrize("framing", ["tcp", "rtu", "ascii"])
async def test_no_bytes_from_masters_stop_the_line(site: Make, framing: str) -> None:
    one = site(retries=1)
    chance = random.Random(7)
    good = one.master("10.0.0.1:1")
    for number in range(60):
        bad = one.master(f"10.0.0.2:{number}", framing)
        whole = b"".join(bad.frame(chance.randbytes(chance.randint(1, 20)), chance.randrange(256)) for _ in range(4))
        for data in (whole, chance.randbytes(200), whole[chance.randrange(len(whole)) :]):
            if not bad.closed:
                bad.stream.receive(data, one.clock.now())
        if number % 2:
            bad.client.depart()
        await one.run(0.3)
    await one.run(120)  # whatever was asked has been answered or given up, dead units rest no longer
    good.ask(READ, unit=1, transaction=9)
    await one.run(5)
    assert good.answers == [good.frame(ANSWER, 1, 9)]
    assert one.proxy._under_way == 0
    assert all(not client.pending for client in one.proxy.clients)
