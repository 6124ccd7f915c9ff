"""The statements of the DMED4: our meter holds all of them, and each of them catches a meter that does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance import dmed4_spoilt as spoil
from tests.conformance.dmed4 import Bench
from wattproof.conformance.dmed4 import STATEMENTS, Dmed
from wattproof.conformance.engine import Need, Outcome, Result
from wattproof.drivers.modbus import run_blocking
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
        pytest.param({"variant": "DC1", "channel": 2, "sides": ("rest",)}, "D-293 D-209", id="behind a display"),
        pytest.param({"variant": "DC1", "claims": "DC1", "sides": ("modbus",)}, "D-009", id="DC1"),
        pytest.param({"variant": "DC2", "claims": "DC2", "sides": ("modbus",)}, "D-010", id="DC2"),
        *(
            pytest.param({"variant": variant}, f"D-{number:03d} D-298", id=variant)
            for number, variant in enumerate(
                "404R1500 404D0600 404R0400 404D0150 403R1500 403D0600 403R0400 403D0150".split(), 1
            )
        ),
    ],
)
@pytest.mark.proves(
    "D-002", "D-003", "D-004", "D-005", "D-006", "D-007", "D-008", "D-009", "D-010", "D-018", "D-035", "D-036",
    "D-037", "D-063", "D-140", "D-141", "D-148", "D-186", "D-223", "D-282", "D-293",
)  # fmt: skip
def test_it_holds_them_in_other_surroundings_too(options: dict[str, Any], shown: str) -> None:
    results = {result.id: result for result in Bench(**options).run()}
    assert failed([*results.values()]) == []
    missing = [results[number] for number in shown.split() if results[number].outcome is not Outcome.PASS]
    assert missing == []


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
    mine, bench.subject = bench.subject, Dmed(bench.subject.modbus, bench.subject.rest, writes=True)
    results = {result.id: result for result in bench.run("D-209", "D-094", "D-076")}
    assert [results[number].outcome for number in ("D-209", "D-094", "D-076")] == [
        Outcome.SKIP,
        Outcome.SKIP,
        Outcome.PASS,
    ]
    assert "did not begin" in results["D-209"].detail
    run_blocking(bench.subject.finish())
    assert run_blocking(mine.side.states()).active


def test_statements_have_unique_numbers_and_short_texts() -> None:
    numbers = [statement.id for statement in STATEMENTS]
    assert len(numbers) == len(set(numbers))
    assert [statement.text for statement in STATEMENTS if len(statement.text) > 60] == []
