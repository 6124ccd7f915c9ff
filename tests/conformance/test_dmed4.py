"""The statements of the DMED4: our meter holds all of them, and each of them catches a meter that does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.conformance import dmed4 as spoil
from tests.conformance.dmed4 import ALL, Bench, ModbusWorks, Turn, place
from wattproof.conformance.dmed4 import STATEMENTS
from wattproof.conformance.engine import Need, Outcome, Result
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import ResponseTimeout
from wattproof.wire.http1 import Response

READING = frozenset({Need.READ})
#: What a new DMED404R1500 over TCP and HTTP cannot show: it stands on no line and behind no display, is not
#: commissioned, exports nothing, has room in its log, and is no other model.
ELSEWHERE = {
    *"D-018 D-035 D-036 D-037 D-063".split(),
    *"D-122 D-140 D-141 D-148 D-186 D-223 D-282 D-293".split(),
    *(f"D-{number:03d}" for number in range(2, 11)),
}


def failed(results: list[Result]) -> list[tuple[str, str]]:
    return [(result.id, result.detail) for result in results if result.outcome is Outcome.FAIL]


def not_passed(results: list[Result]) -> set[str]:
    return {result.id for result in results if result.outcome is not Outcome.PASS}


@pytest.mark.proves(
    "D-001", "D-011", "D-014", "D-015", "D-038", "D-039", "D-041", "D-042", "D-043", "D-044", "D-045", "D-046",
    "D-047", "D-048", "D-049", "D-051", "D-052", "D-053", "D-055", "D-056", "D-057", "D-058", "D-059", "D-060",
    "D-061", "D-062", "D-064", "D-071", "D-073", "D-074", "D-075", "D-082", "D-085", "D-088", "D-089", "D-093",
    "D-094", "D-095", "D-096", "D-097", "D-098", "D-099", "D-100", "D-101", "D-102", "D-103", "D-104", "D-106",
    "D-108", "D-109", "D-110", "D-111", "D-112", "D-113", "D-114", "D-115", "D-116", "D-117", "D-118", "D-119",
    "D-121", "D-123", "D-124", "D-125", "D-126", "D-127", "D-128", "D-129", "D-131", "D-132", "D-134", "D-135",
    "D-136", "D-137", "D-138", "D-139", "D-142", "D-143", "D-144", "D-145", "D-147", "D-149", "D-150", "D-151",
    "D-153", "D-154", "D-155", "D-156", "D-157", "D-158", "D-159", "D-160", "D-161", "D-162", "D-163", "D-164",
    "D-166", "D-171", "D-173", "D-178", "D-179", "D-180", "D-181", "D-182", "D-183", "D-184", "D-185", "D-195",
    "D-197", "D-198", "D-199", "D-201", "D-202", "D-203", "D-205", "D-206", "D-207", "D-208", "D-209", "D-210",
    "D-211", "D-212", "D-213", "D-214", "D-215", "D-216", "D-217", "D-219", "D-221", "D-222", "D-224", "D-225",
    "D-227", "D-228", "D-229", "D-230", "D-231", "D-232", "D-238", "D-240", "D-241", "D-242", "D-243", "D-244",
    "D-245", "D-246", "D-247", "D-248", "D-249", "D-250", "D-251", "D-253", "D-254", "D-255", "D-256", "D-257",
    "D-258", "D-259", "D-260", "D-261", "D-262", "D-264", "D-266", "D-267", "D-269", "D-270", "D-271", "D-272",
    "D-273", "D-274", "D-275", "D-276", "D-277", "D-278", "D-280", "D-281", "D-283", "D-284",
)  # fmt: skip
def test_our_meter_holds_every_statement() -> None:
    results = Bench().run()
    assert failed(results) == []
    assert not_passed(results) == ELSEWHERE
    remarks = {result.id: result.detail for result in results if "DEC-" in result.detail}
    assert {number: words for number, words in remarks.items() if number not in ELSEWHERE} == {}  # all by the letter


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param({"sides": ("modbus",), "line": "rtu"}, "D-018 D-035 D-036 D-063", id="rtu"),
        pytest.param({"sides": ("modbus",), "line": "ascii", "P04_05": "1"}, "D-037", id="ascii"),
        pytest.param({"commissioned": "yes"}, "D-140 D-186", id="operating"),
        pytest.param({"cable_locked": "yes"}, "D-141", id="cable locked"),
        pytest.param({"P06_01": "1", "P06_02": "1"}, "D-223 D-257", id="base64"),
        pytest.param({"ocmf_log_size": "3"}, "D-282", id="full log"),
        pytest.param({"load": "constant:-5000", "load_follows": "always"}, "D-148 D-080", id="export"),
        pytest.param({"tls": True, "P05_11": "1"}, "D-122", id="tls"),
        pytest.param({"energy": "99999999.999"}, "D-209 D-211", id="roll-over"),
        pytest.param({"sides": ("rest",)}, "D-209 D-241 D-062", id="rest alone"),
        pytest.param({"sides": ("modbus",)}, "D-209 D-241 D-062", id="modbus alone"),
        *(
            pytest.param({"variant": variant}, f"D-{number:03d} D-298", id=variant)
            for number, variant in enumerate(
                "404R1500 404D0600 404R0400 404D0150 403R1500 403D0600 403R0400 403D0150".split(), 1
            )
        ),
    ],
)
@pytest.mark.proves(
    "D-002", "D-003", "D-004", "D-005", "D-006", "D-007", "D-008", "D-018", "D-035", "D-036", "D-037", "D-063",
    "D-140", "D-141", "D-148", "D-186", "D-223", "D-282",
)  # fmt: skip
def test_it_holds_them_in_other_surroundings_too(options: dict[str, Any], shown: str) -> None:
    results = {result.id: result for result in Bench(**options).run()}
    assert failed([*results.values()]) == []
    assert {
        number: results[number].detail for number in shown.split() if results[number].outcome is not Outcome.PASS
    } == {}


@pytest.mark.parametrize(
    ("options", "remarks"),
    [
        ({"unassigned": "zeros"}, {"D-057": "DEC-17", "D-075": "DEC-17"}),
        ({"block_4000_offset": "0"}, {"D-071": "DEC-16"}),
        ({"inner_quotes": "plain"}, {"D-267": "DEC-59"}),
        ({"post_parameters": "silent"}, {"D-183": "DEC-45"}),
        ({"modbus": spoil.refuses_otherwise(3, instead=4)}, {"D-058": "DEC-10", "D-210": "DEC-10"}),
    ],
)
def test_what_the_specification_tolerates_is_a_remark(options: dict[str, Any], remarks: dict[str, str]) -> None:
    results = {result.id: result for result in Bench(**options).run()}
    for number, decision in remarks.items():
        assert (results[number].outcome, decision in results[number].detail) == (Outcome.PASS, True), results[number]


def test_a_fast_meter_is_told_apart() -> None:
    results = Bench(speed=50, sign_delay="0", answer_delay="0").run()
    assert failed(results) == []
    assert not_passed(results) == ELSEWHERE | {"D-061", "D-119", "D-159", "D-264"}


def test_without_the_password_nothing_is_tried() -> None:
    asked: list[str] = []

    def watch(request: Any, response: Response) -> Response:
        asked.append(request.path)
        return response

    results = Bench(password=None, turn=watch).run()
    assert failed(results) == []
    assert not_passed(results) == ELSEWHERE - {"D-186"} | set(
        "D-171 D-173 D-179 D-181 D-182 D-183 D-184 D-185".split()
    ) | {"D-186"}
    assert asked.count("/v1/login") == 1  # GET, which is refused


def test_a_wrong_password_is_sent_once() -> None:
    sent: list[str] = []

    def watch(request: Any, response: Response) -> Response:
        if request.path == "/v1/login" and request.method == "PUT":
            sent.append(request.target)
        return response

    results = {result.id: result for result in Bench(password="1999", turn=watch).run("D-181", "D-182", "D-173")}
    assert (results["D-181"].outcome, results["D-182"].outcome) == (Outcome.FAIL, Outcome.SKIP)
    assert len(sent) == 1


def test_reading_only_never_writes() -> None:
    written: list[bytes] = []
    asked: set[str] = set()

    def watch(request: Any, response: Response) -> Response:
        asked.add(request.method)
        return response

    results = Bench(writes=False, modbus=spoil.watching(written), turn=watch).run(allowed=READING)
    assert failed(results) == []
    assert {pdu[0] for pdu in written} == {1, 2, 3, 4, 17, 43}
    assert asked == {"GET"}
    skipped = {result.need for result in results if "--allow-" in result.detail}
    assert {Need.WRITE, Need.SWITCHING, Need.REBOOT} <= skipped


def test_the_meter_is_left_as_it_was_found() -> None:
    bench = Bench()
    registers = bench.subject.modbus
    names = ("menu", "submenu", "parameter")

    def settings() -> tuple[object, ...]:
        found = run_blocking(registers.numbers(*names)), run_blocking(registers.number("datetime_offset"))
        return (*found, {**bench.meter.active}, bench.meter.tariff, bench.meter.cable, bench.meter.commissioned)

    before = settings()
    chosen = {Need.READ, Need.WRITE, Need.SWITCHING}
    for ids in ((), ("D-209",), ("D-229",), ("D-238",), ("D-210",)):
        bench = Bench()
        registers = bench.subject.modbus
        bench.run(*ids, allowed=frozenset(chosen))
        run_blocking(bench.subject.finish())
        states = run_blocking(registers.states())
        assert (states.measurement, states.errors, states.signature & 0x06) == (1, False, 0), ids
        assert settings() == before


def test_somebody_elses_cycle_is_left_alone() -> None:
    bench = Bench()
    run_blocking(bench.subject.active())
    other = Bench()
    other.subject._modbus.link = bench.direct  # type: ignore[union-attr]
    bench.subject._ours = False
    bench.subject.left.offset = None
    results = {result.id: result for result in bench.run("D-209", "D-094", "D-076")}
    assert [results[number].outcome for number in ("D-209", "D-094")] == [Outcome.SKIP] * 2
    assert "did not begin" in results["D-209"].detail
    assert results["D-076"].outcome is Outcome.PASS
    run_blocking(bench.subject.finish())
    assert run_blocking(bench.subject.side.states()).measurement == 2


# Meters that do not hold them ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutation:
    """How a meter breaks a statement; ``first`` are statements whose checks prepare it."""

    modbus: type[ModbusWorks] = ModbusWorks
    turn: Turn | None = None
    first: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def reads(**values: int | bytes) -> Mutation:
    return Mutation(spoil.reads(**values))


def bits(name: str, on: int = 0, off: int = 0) -> Mutation:
    """Bits of a register that are always set, or never."""

    def change(data: bytes) -> bytes:
        value = int.from_bytes(data, "big")
        return ((value | on) & ~off).to_bytes(len(data), "big")

    return Mutation(spoil.changes(name, change))


def becomes(name: str, wrong: int, right: int | None = None) -> Mutation:
    """A register that reads ``wrong`` in place of ``right``, or of anything but 0."""

    def change(data: bytes) -> bytes:
        value = int.from_bytes(data, "big")
        hit = value == right if right is not None else value
        return wrong.to_bytes(len(data), "big") if hit else data

    return Mutation(spoil.changes(name, change))


def rest(turn: Turn, **options: Any) -> Mutation:
    return Mutation(turn=turn, options=options)


def says(path: str, **values: object) -> Mutation:
    return rest(spoil.says(path, **values))


def lacks(path: str, key: str) -> Mutation:
    def remove(content: dict[str, Any]) -> None:
        del content[key]

    return rest(spoil.documents(path, remove))


def accepts(method: str, path: str, body: bytes = b"{}", **options: Any) -> Mutation:
    return rest(spoil.granted(method, path, body), **options)


def fault(*names: str, **options: Any) -> Mutation:
    return Mutation(options={"faults": names, **options})


def text(change: Callable[[str], str], **options: Any) -> Mutation:
    """Records in which something else stands, over REST alone."""
    turn = spoil.documents("ocmf", lambda content: {"OCMF_BUFF": change(content["OCMF_BUFF"])})
    return rest(turn, sides=("rest",), **options)


def swap(old: str, new: str, count: int = -1, **options: Any) -> Mutation:
    return text(lambda record: record.replace(old, new, count), **options)


def path_fails(path: str, status: int = 404) -> Mutation:
    def turn(request: Any, response: Response) -> Response:
        return Response(status, (("Connection", "close"),)) if request.path == path else response

    return rest(turn)


def query_fails(words: str) -> Mutation:
    """Searches of the log that find nothing: those with these words, or those without any."""

    def turn(request: Any, response: Response) -> Response:
        hit = request.path.endswith("logbook/OCMF") and (
            words in request.target if words else "?" not in request.target
        )
        return Response(404, (("Connection", "close"),)) if hit else response

    return Mutation(turn=turn, first=("D-211",))


def logged(mutation: Mutation) -> Mutation:
    """With records in the log."""
    return replace(mutation, first=("D-211",))


class Narrow(ModbusWorks):
    """A meter that reads at most 100 registers."""

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        return b"\x84\3" if pdu[0] == 4 and int.from_bytes(pdu[3:5], "big") > 100 else answer


class Whole(ModbusWorks):
    """A meter that reads values only from their beginning."""

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        return b"\x84\2" if pdu[0] == 4 and int.from_bytes(pdu[1:3], "big") == 0x4004 else answer


class Promiscuous(ModbusWorks):
    """A meter that answers every node of a line, and does what a broadcast says, whatever it says."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if unit == 0:
            return self.works.meter.execute(pdu, self.works.now()) or b""
        return await super().exchange(self.works.meter.unit, pdu, timeout=timeout)


class Deaf(ModbusWorks):
    """A meter that hears its own node alone."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if unit in (0, 255):
            if not self.network:
                return b""
            raise ResponseTimeout("silence")
        return await super().exchange(unit, pdu, timeout=timeout)


class Tireless(ModbusWorks):
    """A meter that acknowledges the save and answers while it restarts."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if self.works.meter.silent and pdu[0] == 4 and pdu[3:] == b"\0\1":
            return b"\x04\x02\x00\x20"
        try:
            return await super().exchange(unit, pdu, timeout=timeout)
        except ResponseTimeout:
            if pdu[0] == 6:
                return pdu
            raise


class Remembering(spoil.Reading):
    """A meter that keeps staged values over a restart."""

    kept = b""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if pdu[0] == 16 and int.from_bytes(pdu[1:3], "big") == place("parameter_value")[0]:
            self.kept = pdu[6:]
        return await super().exchange(unit, pdu, timeout=timeout)

    def overlay(self, address: int, data: bytearray) -> None:
        if self.kept:
            self.lay(address, data, place("parameter_value")[0], self.kept)


class Stubborn(ModbusWorks):
    """A meter that refuses commands and the clock by state."""

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        written = int.from_bytes(pdu[1:3], "big")
        stubborn = pdu[0] in (6, 16) and written in (place("command")[0], place("datetime")[0])
        return bytes((pdu[0] | 0x80, 4)) if stubborn else answer


def _three(pdu: bytes, answer: bytes) -> bytes:
    return answer + b"\0" if answer[0] & 0x80 else answer


def _identity(at: int, value: int) -> Mutation:
    """Function 17 with another byte."""

    def turn(pdu: bytes, answer: bytes) -> bytes:
        return answer[: at + 1] + bytes([value]) + answer[at + 2 :] if pdu[0] == 17 else answer

    return Mutation(spoil.answers(turn))


def _other_function_three(pdu: bytes, answer: bytes) -> bytes:
    return answer[:-1] + bytes([answer[-1] ^ 1]) if pdu[0] == 3 and len(answer) > 2 else answer


def _cut_reading(record: str) -> str:
    return re.sub(r',\{"RV":[^}]*\}\]\}', "]}", record)


def _double_page(record: str) -> str:
    return re.sub(r'"PG":"T(\d+)"', lambda found: f'"PG":"T{2 * int(found[1])}"', record)


def _other_begin(record: str) -> str:
    return record.replace('"RV":0.000', '"RV":7.000', 1) if '"TX":"E"' in record else record


def _ever(record: str) -> str:
    return record or "OCMF|{}|{}"


def form(change: Callable[[Response], Response], *, ok: bool) -> Mutation:
    return rest(spoil.every(change, ok=ok))


def _without_close(response: Response) -> Response:
    return replace(response, headers=tuple(pair for pair in response.headers if pair[0] != "Connection"))


OBEDIENT, FORGETFUL = Mutation(spoil.Obedient), Mutation(spoil.Forgetful)
SET, STATUS, INFO, EVENTS = "charge_settings", "system_status", "logbook/info", "logbook/events"
LINE = {"sides": ("modbus",), "line": "rtu"}
MUTATIONS: dict[str, Mutation] = {
    # protocol
    "D-014": Mutation(spoil.changes("measurement_status", lambda data: data[::-1])),
    "D-015": Mutation(spoil.changes("voltage", spoil.swapped)),
    "D-041": Mutation(spoil.answers(_other_function_three)),
    "D-042": Mutation(Narrow),
    "D-051": Mutation(spoil.answers(lambda pdu, answer: b"\x11\x05" + answer[2:7] if pdu[0] == 17 else answer)),
    "D-052": _identity(5, 3),
    "D-053": _identity(1, 0x44),
    "D-055": Mutation(spoil.answers(_three)),
    "D-056": Mutation(spoil.refuses_otherwise(2, instead=1)),
    "D-071": reads(measurement_status=7),
    "D-073": Mutation(Whole),
    "D-075": Mutation(spoil.refuses_otherwise(3, instead=2)),
    "D-038": Mutation(Deaf),
    "D-039": Mutation(Deaf),
    "D-018": Mutation(Promiscuous, options=LINE),
    "D-035": Mutation(Deaf, options=LINE),
    "D-036": Mutation(Promiscuous, options=LINE),
    "D-037": Mutation(Deaf, options={"sides": ("modbus",), "line": "ascii"}),
    "D-063": Mutation(Promiscuous, options=LINE),
    # settings and menu
    **dict.fromkeys(
        "D-043 D-044 D-048 D-049 D-057 D-058 D-059 D-060 D-064 D-099 D-108 D-110 D-203 D-104 D-116 D-188 D-189 D-190 "
        "D-191 D-192 D-193 D-194 D-195 D-111".split(),
        OBEDIENT,
    ),
    **dict.fromkeys("D-045 D-046 D-047 D-094 D-095 D-101 D-238".split(), FORGETFUL),
    "D-100": reads(datetime_offset=-3600),
    "D-140": Mutation(Stubborn, options={"commissioned": "yes"}),
    "D-223": replace(bits("signature_status", on=0x20), options={"P06_02": "1"}),
    "D-109": reads(command=0),
    "D-202": Mutation(Stubborn),
    "D-115": reads(parameter=3),
    "D-117": reads(parameter_value=b"\0\0\0\1"),
    "D-180": accepts("GET", "v1/system_parameters"),
    "D-181": lacks("system_parameters", "P03_01"),
    "D-182": says("system_parameters", P05_03="192.168.1.1"),
    "D-186": accepts("POST", "v1/system_parameters", commissioned="yes"),
    "D-184": accepts("POST", "v1/system_parameters"),
    "D-185": accepts("POST", "v1/system_parameters"),
    "D-183": rest(spoil.refused("POST", "system_parameters")),
    "D-179": says(STATUS, logged=1),
    "D-112": reads(parameter_value=0),
    "D-113": Mutation(Tireless),
    "D-119": Mutation(Tireless),
    "D-114": Mutation(Remembering),
    # REST
    "D-121": path_fails("/"),
    "D-122": Mutation(options={"tls": True}),
    "D-127": accepts("GET", "v1/logbook/ocmf"),
    "D-134": accepts("PUT", "v1/ocmf"),
    "D-135": accepts("GET", "v1/nothing"),
    "D-136": accepts("POST", "v1/charge_settings"),
    "D-137": path_fails("/v1/measure", 403),
    "D-149": accepts("POST", "v1/measure"),
    "D-178": accepts("GET", "v1/login"),
    "D-199": accepts("GET", "v1/force_display"),
    "D-293": accepts("GET", "v1/5/measure", channel=1, sides=("rest",)),
    **dict.fromkeys("D-123 D-124 D-125 D-126".split(), says(SET, tariff=5)),
    "D-142": accepts("PUT", "v1/charge_settings"),
    "D-156": rest(lambda request, response: spoil.rebodied(response, b"done") if request.method == "PUT" else response),
    "D-153": accepts("PUT", "v1/charge_settings"),
    "D-154": says(SET, datetime=1_000_000_000),
    "D-155": says(SET, res_cable=9),
    "D-141": accepts("PUT", "v1/charge_settings", cable_locked="yes"),
    "D-157": accepts("PUT", "v1/charge_settings"),
    "D-197": rest(spoil.refused("POST", "force_display")),
    "D-198": accepts("PUT", "v1/force_display"),
    "D-250": rest(spoil.refused("POST", "ocmf")),
    "D-173": says(STATUS, logged=0),
    "D-171": accepts("PUT", "v1/system_status"),
    "D-144": says("measure", voltage_2=1),
    "D-146": lacks("measure", "energy_neg"),
    "D-148": rest(spoil.says("measure", power=50), load="constant:-5000", load_follows="always"),
    "D-150": says(SET, command="B"),
    "D-151": says(SET, public_key="00" * 32),
    "D-152": says(SET, signature_format=2),
    "D-158": lacks("charge_status", "error_status_2"),
    "D-161": lacks(INFO, "log_search_position"),
    "D-163": rest(
        spoil.documents(STATUS, lambda content: content["board_2_status_bits"].pop("fatal_err_bits") and None)
    ),
    "D-164": says(STATUS, operative_status="Ready"),
    "D-165": says(STATUS, system_status=1),
    "D-166": says(STATUS, pow_fw_cks="1B84"),
    "D-128": form(lambda response: replace(response, reason="Fine"), ok=True),
    "D-129": form(lambda response: replace(response, chunks=()), ok=True),
    "D-131": form(lambda response: replace(response, body=b"refused"), ok=False),
    "D-132": form(_without_close, ok=True),
    # the charge cycle
    **dict.fromkeys("D-062 D-118 D-138 D-201 D-206 D-208 D-210 D-214 D-225".split(), OBEDIENT),
    "D-139": accepts("PUT", "v1/charge_settings"),
    "D-219": reads(error_1=4),
    "D-227": becomes("error_1", 8),
    "D-228": becomes("error_1", 8),
    "D-229": becomes("error_1", 1),
    "D-230": reads(error_1=8),
    "D-251": becomes("error_1", 1),
    "D-266": becomes("error_1", 1),
    "D-205": fault("signature-error"),
    "D-207": reads(energy_cycle=5000),
    "D-209": fault("stale-record"),
    "D-264": reads(output_length=700),
    "D-061": Mutation(spoil.refuses_otherwise(4, instead=6)),
    "D-211": fault("stale-record"),
    "D-221": bits("signature_status", off=0x20),
    "D-213": fault("signature-error=1@recover:signing"),
    "D-212": fault("stale-record"),
    "D-143": rest(spoil.refused("PUT", SET)),
    # records
    "D-240": swap("OCMF|", "OCMX|"),
    "D-241": fault("wrong-key"),
    "D-242": text(_cut_reading),
    "D-243": swap('"RT":"DC",', ""),
    "D-244": swap('"TX":"E"', '"TX":"B"'),
    "D-245": swap('"RV":0.000,"RI":"01-00:C0', '"RV":0.001,"RI":"01-00:C0', 1),
    "D-246": swap('"RV":0.000,"RI":"01-00:B2', '"RV":0.005,"RI":"01-00:B2', 1),
    "D-280": rest(spoil.says(INFO, ocmf_total_number=5), sides=("rest",)),
    "D-281": text(_double_page),
    "D-247": swap("No tariff", "My tariff"),
    "D-248": swap('"PG":"T', '"PG":"F'),
    "D-249": swap('"MS":"12345678"', '"MS":""'),
    "D-253": swap("+0200", "+0100"),
    "D-254": swap(' S"', ' U"'),
    "D-255": swap('"RV":0.000', '"RV":0.00'),
    "D-257": swap('"SE":"hex"', '"SE":"base64"'),
    "D-258": swap('"SD":"30', '"SD":"31'),
    "D-259": reads(signature_raw=bytes(64)),
    "D-260": reads(signature_length=80),
    "D-261": Mutation(spoil.changes("output_json", lambda data: data.replace(b"DE*WPF", b"DE*XXX"))),
    "D-262": rest(spoil.documents("ocmf", lambda content: {"OCMF_BUFF": content["OCMF_BUFF"].replace("WPF", "XXX")})),
    "D-160": rest(spoil.documents("ocmf", lambda content: {"OCMF_BUFF": ""})),
    "D-159": text(_ever),
    # power failures
    "D-215": becomes("measurement_status", 2, 3),
    "D-216": fault("signature-error=1@end:signing"),
    "D-217": becomes("measurement_status", 2, 3),
    "D-231": text(_other_begin),
    "D-232": bits("signature_status", on=0x20),
    "D-256": swap('"EF":"t"', '"EF":""'),
    # registers
    "D-074": reads(energy_exchanged_total=12345),
    "D-076": reads(energy_import_total=10**12),
    "D-077": reads(energy_cycle=10**12),
    "D-078": reads(voltage=300_000),
    "D-079": reads(current=10**8),
    "D-080": reads(power=123_456),
    "D-081": reads(temp_i2_c=5000),
    "D-082": reads(temp_i1_f=250),
    "D-083": reads(energy_export_total=10**12),
    "D-084": reads(energy_cycle_export=10**12),
    "D-085": reads(energy_exchanged_total=12345),
    "D-086": reads(hours_work=10**6),
    "D-087": reads(voltage_fast=1),
    "D-088": reads(sample_time=5),
    "D-089": reads(sample_offset=45),
    "D-090": reads(events_count=5000),
    "D-091": reads(ocmf_count=5000),
    "D-092": rest(spoil.says("charge_status", error_status_1=1 << 40), sides=("rest",)),
    "D-093": reads(fw_checksum=1),
    "D-096": says("charge_status", signature_status=5),
    "D-097": reads(output_length=2000),
    "D-098": reads(signature_format=2),
    "D-102": reads(public_key=bytes(range(64))),
    "D-103": Mutation(
        spoil.changes("output_json", lambda data: b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))),
        first=("D-205",),
    ),
    "D-105": rest(spoil.says("charge_status", measurement_status=4), sides=("rest",)),
    "D-106": bits("signature_status", on=0x80),
    "D-107": reads(error_1=0x10),
    "D-222": bits("signature_status", on=0x18),
    "D-224": bits("signature_status", on=0x8000),
    "D-145": says("measure", voltage=40_000),
    "D-147": says("measure", energyPos=77),
    "D-162": says(INFO, events_total_number=77),
    # log book
    "D-267": logged(rest(spoil.documents("logbook/OCMF", lambda content: {"OCMF": content["OCMF_LOG"]}))),
    "D-269": logged(says(INFO, ocmf_last_internal_progressive=77)),
    "D-270": logged(says(INFO, ocmf_last_internal_progressive=77)),
    "D-271": logged(says(INFO, ocmf_first_internal_progressive=77)),
    "D-272": logged(says(INFO, ocmf_last_internal_progressive=77)),
    "D-273": query_fails("TRANS_ID"),
    "D-274": query_fails(""),
    "D-275": accepts("GET", "v1/logbook/OCMF"),
    "D-276": accepts("GET", "v1/logbook/OCMF"),
    "D-277": accepts("GET", "v1/logbook/events"),
    "D-278": accepts("GET", "v1/logbook/OCMF", b'{"OCMF_LOG":"OCMF|{}|{}"}'),
    "D-282": logged(
        rest(
            spoil.says(INFO, ocmf_first_internal_progressive=1, ocmf_last_internal_progressive=5, ocmf_total_number=3),
            ocmf_log_size="3",
        )
    ),
    "D-283": rest(spoil.documents(EVENTS, lambda content: {"EVENT_LOG": content["EVENT_LOG"].replace("EVENT|", "")})),
    "D-284": rest(
        spoil.documents(
            EVENTS, lambda content: {"EVENT_LOG": re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1", content["EVENT_LOG"])}
        )
    ),
    # models
    **{
        f"D-{number:03d}": Mutation(_identity(1, 0x44).modbus, options={"claims": variant})
        for number, variant in enumerate(
            "404R1500 404R0600 404R0400 404R0150 403R1500 403R0600 403R0400 403R0150 DC1 DC2".split(), 1
        )
    },
    "D-011": says(STATUS, model_code=1),
    "D-298": says(STATUS, model_code=1),
}


def test_every_statement_has_a_meter_that_breaks_it() -> None:
    assert {statement.id for statement in STATEMENTS} == set(MUTATIONS)


@pytest.mark.parametrize("number", sorted(MUTATIONS))
def test_a_meter_that_breaks_it_fails(number: str) -> None:
    mutation = MUTATIONS[number]
    bench = Bench(modbus=mutation.modbus, turn=mutation.turn, limit=2.0, **mutation.options)
    chosen = [*mutation.first, number]
    result = next(result for result in bench.run(*chosen, allowed=ALL) if result.id == number)
    assert (result.outcome, bool(result.detail)) == (Outcome.FAIL, True), result


def test_statements_have_unique_numbers_and_short_texts() -> None:
    numbers = [statement.id for statement in STATEMENTS]
    assert len(numbers) == len(set(numbers))
    assert [statement.text for statement in STATEMENTS if len(statement.text) > 60] == []
