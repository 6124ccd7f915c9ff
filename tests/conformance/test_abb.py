"""Our virtual ABB meters pass every statement that is about them, over each of their buses."""

from __future__ import annotations

import pytest

from tests.conformance.abb import ALL, DAYS, MBUS, READING, Bench
from wattproof.conformance.abb import STATEMENTS, Abb
from wattproof.conformance.engine import Evidence, Need, Outcome, Result
from wattproof.drivers.cosem.place import HDLC, TCP, UDP
from wattproof.errors import InvalidURL
from wattproof.io.url import parse_url

#: Statements about the link of M-Bus, of HDLC, of the wrapper: what no other bus shows.
LINKS = {
    MBUS: ("A-001", "A-002", "A-006", "A-013", "A-016", "A-021", "A-074", "A-081"),
    HDLC: ("A-101", "A-102", "A-106", "A-108", "A-111", "A-113"),
    TCP: ("A-190", "A-191", "A-193"),
    UDP: ("A-190", "A-192", "A-193"),
}
#: Statements that nobody but a meter of another kind shows.
ELSEWHERE = {"A-161": "closed", "A-198": "Iron"}


def told(results: list[Result], outcome: Outcome) -> dict[str, str]:
    return {result.id: result.detail for result in results if result.outcome is outcome}


@pytest.mark.proves("A-143", "A-181", "A-194", "A-199")
def test_a_platinum_meter_passes_everything_over_all_buses() -> None:
    bench = Bench("A44", MBUS, HDLC, TCP, UDP, age=DAYS)
    results = bench.run()
    assert told(results, Outcome.FAIL) == {}
    assert told(results, Outcome.SKIP) == {}
    assert set(told(results, Outcome.NOT_APPLICABLE)) == set(ELSEWHERE)


@pytest.mark.proves("A-199")
@pytest.mark.parametrize(
    ("variant", "least"), [("A41", 95), ("A43-412-100", 85), ("B23", 75), ("B23-212-100", 70), ("B21-112-100", 60)]
)
def test_other_variants_pass_what_is_about_them(variant: str, least: int) -> None:
    results = Bench(variant, MBUS, HDLC, TCP, age=DAYS).run()
    assert told(results, Outcome.FAIL) == {}
    assert len(told(results, Outcome.PASS)) >= least
    assert set(told(results, Outcome.SKIP)) <= {"A-170", "A-181", "A-192"}


@pytest.mark.proves("A-198")
def test_an_iron_meter_passes_what_is_about_it() -> None:
    results = Bench("A43-012-100", MBUS, HDLC).run()
    assert told(results, Outcome.FAIL) == {}
    assert {"A-001", "A-007", "A-021", "A-140", "A-141", "A-197", "A-198", "A-199"} <= told(
        results, Outcome.PASS
    ).keys()


@pytest.mark.parametrize("bus", [MBUS, HDLC, TCP, UDP])
def test_one_bus_will_do(bus: str) -> None:
    results = Bench("A44", bus, password=None, age=DAYS).run(allowed=READING)
    assert told(results, Outcome.FAIL) == {}
    assert set(LINKS[bus]) - {"A-016", "A-074"} <= told(results, Outcome.PASS).keys()
    reasons = told(results, Outcome.SKIP)
    others = {first for first, *_ in LINKS.values()} - {*LINKS[bus]}
    assert all(reasons[number].startswith("needs ") for number in others)


@pytest.mark.proves("A-161")
def test_a_closed_meter_passes() -> None:
    (result,) = Bench("A44", HDLC, access="closed").run("A-161")
    assert (result.outcome, result.detail) == (Outcome.PASS, "")


def test_writing_leaves_the_meter_as_it_was() -> None:
    bench = Bench("A44", MBUS, HDLC, age=DAYS, load="none")
    body = bench.meter.body

    def settings() -> object:
        calendar = body.tariffing.calendar
        return (
            bench.meter.address,
            bench.meter.record_status,
            body.access,
            body.password,
            [body.value(id) for id in (83, 84, 141, 142, 143, 144)],
            body.outputs,
            body.tariffing.source,
            calendar.active,
            calendar.passive,
            dict(calendar.special),
            dict(body.watch.alarms),
            (body.clock.summer.begin, body.clock.summer.end),
            [len(channel) if channel else 0 for channel in body.recorder.channels],
            body.registers.sums[:8],
        )

    before, time = settings(), body.stamp.seconds - bench.clock.now() // 10**9
    results = bench.run(allowed=ALL - {Need.RESTART})
    assert told(results, Outcome.FAIL) == {}
    bench.works.now()
    assert abs(body.stamp.seconds - bench.clock.now() // 10**9 - time) <= 5
    after = settings()
    assert after[:-2] == before[:-2]  # type: ignore[index]
    assert after[-1] == before[-1]  # type: ignore[index]


def test_a_meter_that_says_nothing_fails_and_nothing_else_happens() -> None:
    results = Bench("A44", MBUS, HDLC, faults=("silent",)).run("A-001", "A-007", "A-110", "A-126", "A-171")
    assert {result.outcome for result in results} == {Outcome.FAIL}


def test_rows_say_where_their_knowledge_is_from() -> None:
    assert len(STATEMENTS) == len({statement.id for statement in STATEMENTS}) >= 100
    assert {statement.evidence for statement in STATEMENTS} == {Evidence.MANUAL, Evidence.CAPTURE, Evidence.INFERRED}
    assert {statement.need for statement in STATEMENTS} == set(Need) - {Need.REBOOT}
    assert all(statement.text and not statement.text.endswith(".") for statement in STATEMENTS)


def test_two_addresses_of_one_bus_are_misuse() -> None:
    url = parse_url("abb+mbus://127.0.0.1:1")
    driver = Bench("A44", MBUS).subject.mbus.driver
    with pytest.raises(InvalidURL, match="one address for each bus"):
        Abb.of([(driver, url), (driver, url)])
    with pytest.raises(InvalidURL, match="over M-Bus, COSEM or both"):
        Abb()
