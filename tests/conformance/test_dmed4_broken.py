"""A meter that breaks a statement of the DMED4 fails it: one such meter for each statement."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.conformance import dmed4_spoilt as spoil
from tests.conformance.dmed4 import ALL, Bench, ModbusWorks, Turn
from wattproof.conformance.dmed4 import STATEMENTS
from wattproof.conformance.engine import Outcome
from wattproof.wire.http1 import Response


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
    "D-042": Mutation(spoil.Narrow),
    "D-051": Mutation(spoil.answers(lambda pdu, answer: b"\x11\x05" + answer[2:7] if pdu[0] == 17 else answer)),
    "D-052": _identity(5, 3),
    "D-053": _identity(1, 0x44),
    "D-055": Mutation(spoil.answers(_three)),
    "D-056": Mutation(spoil.refuses_otherwise(2, instead=1)),
    "D-071": reads(measurement_status=7),
    "D-073": Mutation(spoil.Whole),
    "D-075": Mutation(spoil.refuses_otherwise(3, instead=2)),
    "D-038": Mutation(spoil.Deaf),
    "D-039": Mutation(spoil.Deaf),
    "D-018": Mutation(spoil.Promiscuous, options=LINE),
    "D-035": Mutation(spoil.Deaf, options=LINE),
    "D-036": Mutation(spoil.Promiscuous, options=LINE),
    "D-037": Mutation(spoil.Deaf, options={"sides": ("modbus",), "line": "ascii"}),
    "D-063": Mutation(spoil.Promiscuous, options=LINE),
    # connections
    "D-024": Mutation(spoil.heads(lambda transaction, *rest: (transaction + 1, *rest))),
    "D-025": Mutation(spoil.heads(lambda *fields: (*fields[:3], fields[3] ^ 1))),
    "D-026": Mutation(spoil.heads(lambda *fields: (*fields[:2], fields[2] - 1, fields[3]))),
    "D-027": Mutation(spoil.takes(protocols=(0, 1))),
    "D-028": Mutation(spoil.takes(1)),
    "D-029": Mutation(spoil.takes(3)),
    # settings and menu
    **dict.fromkeys(
        "D-043 D-044 D-048 D-049 D-057 D-058 D-059 D-060 D-064 D-099 D-108 D-110 D-203 D-104 D-116 D-188 D-189 D-190 "
        "D-191 D-192 D-193 D-194 D-195 D-111".split(),
        OBEDIENT,
    ),
    **dict.fromkeys("D-045 D-046 D-047 D-094 D-095 D-101 D-238".split(), FORGETFUL),
    "D-100": reads(datetime_offset=-3600),
    "D-140": Mutation(spoil.Stubborn, options={"commissioned": "yes"}),
    "D-223": replace(bits("signature_status", on=0x20), options={"P06_02": "1"}),
    "D-109": reads(command=0),
    "D-202": Mutation(spoil.Stubborn),
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
    "D-113": Mutation(spoil.Tireless),
    "D-119": Mutation(spoil.Tireless),
    "D-114": Mutation(spoil.Remembering),
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
