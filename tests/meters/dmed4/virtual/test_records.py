"""What the meter signs and keeps: the OCMF record of section 9, its signature, and the logs of 10.4 and 10.5."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Make = Callable[..., Any]
EPOCH = 1695970042
KEYS = ["TM", "TX", "RV", "RI", "RU", "RT", "EF", "ST"]
SHORT = ["RV", "RI", "RU", "ST"]
CODES = ["01-00:B0.08.00*FF", "01-00:C0.08.00*FF", "01-00:B2.08.00*FF"] * 2


def payload(record: str) -> dict[str, Any]:
    """The payload, numbers as they are written."""
    content: dict[str, Any] = json.loads(record.split("|")[1], parse_float=str, parse_int=str)
    return content


def readings(record: str) -> list[dict[str, Any]]:
    return list(payload(record)["RD"])


# 9.1, 9.5


@pytest.mark.proves("D-240", "D-241", "D-258", "D-259", "D-260", "D-261", "D-257")
def test_the_text_of_a_record_and_its_signature(bench: Make) -> None:
    meter = bench(load="constant:5000").set_time()
    texts = [meter.begin(), meter.wait(5).signed("C"), meter.wait(5).signed("E"), meter.signed("r")]
    for text in texts:
        head, body, signature = text.split("|")
        assert (
            head == "OCMF"
            and body[0] == "{"
            and body.endswith("]}")
            and " " not in body.replace(" S", "").replace("LOVATO ELECTRIC", "").replace("Tariff 1", "")
        )
        assert list(json.loads(body))[-1] == "RD"
        assert list(json.loads(signature)) == ["SA", "SE", "SD"] and " " not in signature
        assert json.loads(signature)["SA"] == "ECDSA-secp256r1-SHA256" and json.loads(signature)["SE"] == "hex"
        assert json.loads(signature)["SD"] == json.loads(signature)["SD"].upper()
        assert meter.verifies(text)
        assert not meter.verifies(text.replace('"RU":"kWh"', '"RU": "kWh"', 1)), "the exact text is signed"
    der = bytes.fromhex(json.loads(texts[-1].split("|")[2])["SD"])
    assert meter.read(0x4640, 36)[: len(der)] == der and int.from_bytes(meter.read(0x4204), "big") == len(der)
    r, s = decode_dss_signature(der)
    assert meter.read(0x4620, 32) == r.to_bytes(32, "big") + s.to_bytes(32, "big")
    size = int.from_bytes(meter.read(0x4202), "big")
    area = b"".join(meter.read(register, 64) for register in range(0x4400, 0x4600, 64))
    assert area == texts[-1].split("|")[1].encode().ljust(1024, b"\0") and size == len(texts[-1].split("|")[1])


@pytest.mark.proves("D-257", "D-260")
def test_base64_changes_the_record_and_not_the_registers(bench: Make) -> None:
    meter = bench(P06_01="1")
    text = meter.begin()
    signature = json.loads(text.split("|")[2])
    der = base64.b64decode(signature["SD"], validate=True)
    assert signature["SE"] == "base64" and der[0] == 0x30
    assert meter.read(0x4640, 120) == der.ljust(240, b"\0")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + meter.read(0x4600, 32))
    key.verify(der, text.split("|")[1].encode(), ec.ECDSA(hashes.SHA256()))


@pytest.mark.proves("D-264")
def test_lengths_are_0_while_signing_and_after_a_start(bench: Make) -> None:
    meter = bench()
    assert meter.read(0x4202, 3) == bytes(6)
    meter.begin()
    for letter in "CE":
        assert meter.read(0x4202, 3) != bytes(6)
        meter.command(letter)
        assert meter.read(0x4202, 3) == bytes(6) and meter.get("ocmf") == {"OCMF_BUFF": ""}
        meter.wait(0.3)
    assert meter.read(0x4202, 3) != bytes(6)
    meter.power_cycle()
    assert meter.read(0x4202, 3) == bytes(6)


# 9.2


@pytest.mark.proves("D-242", "D-243", "D-244", "D-245", "D-246", "D-255")
@pytest.mark.parametrize("last", "Er")
def test_six_readings_in_every_record(bench: Make, last: str) -> None:
    meter = bench(energy="10", energy_export="0.5", load="constant:3600")
    begun = meter.begin()
    inside = meter.wait(99.5).signed("C")
    meter.control(load="constant:-7200")
    ended = meter.wait(10).signed(last)
    for record, transaction in ((begun, "B"), (inside, "C"), (ended, "E")):
        found = readings(record)
        assert [list(reading) for reading in found] == [KEYS, SHORT, SHORT] * 2
        assert [reading["RI"] for reading in found] == CODES
        assert {reading["RU"] for reading in found} == {"kWh"} and {reading["ST"] for reading in found} == {"G"}
        assert {found[at]["RT"] for at in (0, 3)} == {"DC"}
        assert [found[at]["TX"] for at in (0, 3)] == ["B", transaction]
        assert [found[at]["RV"] for at in (0, 1, 2)] == ["10.000", "0.500", "0.000"]
    assert readings(begun)[:3] == readings(begun)[3:]
    assert [reading["RV"] for reading in readings(inside)[3:]] == ["10.100", "0.500", "0.100"]
    assert [reading["RV"] for reading in readings(ended)[3:]] == ["10.100", "0.520", "0.100"]
    again = meter.signed("r")
    assert readings(again) == readings(ended)


@pytest.mark.proves("D-235", "D-246", "D-255")
@pytest.mark.parametrize("watts", [1, 997, 3599, 7201, -997])
def test_the_energy_of_the_cycle_is_always_the_difference_of_the_totals(bench: Make, watts: int) -> None:
    meter = bench(load=f"constant:{watts}", load_follows="always", energy="0.9", sign_delay="0")
    found = [readings(meter.wait(7.3).begin())]
    found += [readings(meter.wait(3.7).signed("C")) for _ in range(40)]
    for reading in found:
        begun, ended, cycle = (round(float(reading[at]["RV"]) * 1000) for at in (0, 3, 5))
        assert cycle == ended - begun
    assert meter.raw("energy_cycle_export") == meter.raw("energy_export_total") - round(float(found[0][1]["RV"]) * 1000)


# 9.3, 9.6


@pytest.mark.proves("D-247", "D-248", "D-249")
def test_fields_of_the_client_stay_and_those_of_the_meter_come_behind(bench: Make) -> None:
    meter = bench("403D0400", serial="42")
    fields = '{"Z":"last","FV":"1.0","LC":{"LN":"x","LI":1},"ID":"\\u00e4\\/","own":[1.50,null],"IS":false}'
    assert meter.message(fields) == 200
    text = meter.signed("B").split("|")[1]
    assert text.startswith(
        fields[:-1] + ',"PG":"T1","MV":"LOVATO ELECTRIC","MM":"DMED403D0400","MS":"00000042","MF":"5","RD":[{'
    )


@pytest.mark.proves("D-249", "D-248", "D-247")
def test_fields_of_the_meter_are_replaced_where_they_stand(bench: Make) -> None:
    meter = bench()
    assert meter.message('{"MF":"9","FV":"1.0","PG":"X7","MM":"other","RD":[],"ID":"7"}') == 200
    text = meter.signed("B").split("|")[1]
    assert text.startswith(
        '{"MF":"5","FV":"1.0","PG":"T1","MM":"DMED404R1500","ID":"7","MV":"LOVATO ELECTRIC","MS":"12345678","RD":[{'
    )


@pytest.mark.proves("D-266")
def test_a_record_has_at_most_1024_bytes(bench: Make) -> None:
    meter = bench(energy="99999999.999", energy_export="99999999.999", load="constant:3000000")
    size = 300
    while meter.message('{"ID":"' + "x" * size + '"}') == 200:
        size += 1
    assert size > 350
    assert meter.raw("error_1") == 8 and not meter.word & 2
    meter.http("PUT", "/v1/charge_settings?command=X")
    assert meter.message('{"ID":"' + "x" * (size - 1) + '"}') == 200
    meter.signed("B")
    meter.fault("board2-osc-err")
    meter.wait(7200).power_cycle()
    record = meter.signed("E")
    assert readings(record)[3]["EF"] == "Et"
    assert len(record.split("|")[1]) <= 1024


@pytest.mark.proves("D-266")
def test_the_largest_possible_record_has_exactly_1024_bytes(bench: Make) -> None:
    from wattproof.meters.dmed4.virtual.message import judge
    from wattproof.meters.dmed4.virtual.record import Identity, Reading, payload

    begin = Reading("B", 0, -900, "S", 199_999_999_999, 199_999_999_999, 0, "E", "E")
    end = Reading("E", 0, -900, "S", 199_999_999_999, 199_999_999_999, 199_999_999_999, "Et", "E")

    def longest(text: str) -> bytes:
        return payload(judge(text.encode()), 9_999_999_999, Identity("DMED404R1500", "12345678", "5"), begin, end)

    whole = longest("{}").decode()
    assert len(whole[whole.index('"RD"') : -1]) <= 532
    room = 1024 - len(longest('{"ID":""}'))
    assert room > 300
    for size, status in ((room, 200), (room + 1, 400)):
        assert bench().message('{"ID":"' + "x" * size + '"}') == status
    assert len(longest('{"ID":"' + "x" * room + '"}')) == 1024


# 9.4


@pytest.mark.proves("D-253")
@pytest.mark.parametrize(
    ("offset", "wait", "text"),
    [
        (120, 0, "2023-09-29T08:47:22,000+0200 S"),
        (-60, 0, "2023-09-29T05:47:22,000-0100 S"),
        (0, 0.25, "2023-09-29T06:47:22,250+0000 S"),
        (900, 1.999, "2023-09-29T21:47:23,999+1500 S"),
        (-900, 0, "2023-09-28T15:47:22,000-1500 S"),
        (345, 0, "2023-09-29T12:32:22,000+0545 S"),
        (-15, 0, "2023-09-29T06:32:22,000-0015 S"),
    ],
)
def test_the_time_of_a_reading(bench: Make, offset: int, wait: float, text: str) -> None:
    meter = bench()
    assert meter.message() == 200
    meter.set_time(EPOCH, offset)
    record = meter.wait(wait).signed("B")
    assert [readings(record)[at]["TM"] for at in (0, 3)] == [text, text]


@pytest.mark.proves("D-254", "D-321")
def test_the_flag_of_the_time(bench: Make) -> None:
    meter = bench(P06_02="1")
    assert readings(meter.begin())[0]["TM"].endswith(" U")
    meter.signed("E")
    meter.set_time()
    assert readings(meter.begin())[0]["TM"].endswith(" S")
    meter.wait(60)
    assert readings(meter.signed("C"))[3]["TM"].endswith(" I")
    assert readings(meter.signed("C"))[0]["TM"].endswith(" S"), "the begin stays as it was"
    meter.power_cycle()
    assert readings(meter.signed("E"))[3]["TM"].endswith(" U"), "nobody has set it since the start"
    meter.fault("never-synchronised")
    meter.set_time(EPOCH + 7)
    assert int.from_bytes(meter.read(0x4080, 2), "big") == EPOCH + 7 and not meter.word & 0x20
    assert readings(meter.begin())[0]["TM"].endswith(" U")


@pytest.mark.proves("D-256")
def test_flags_of_a_reading(bench: Make) -> None:
    def flags(record: str) -> list[tuple[str, str]]:
        return [(found["EF"], found["ST"]) for found in (readings(record)[0], readings(record)[3])]

    meter = bench()
    assert flags(meter.begin()) == [("", "G"), ("", "G")]
    meter.power_cycle()
    assert flags(meter.signed("C")) == [("", "G"), ("t", "G")]
    meter.fault("board2-osc-err")
    assert flags(meter.signed("C")) == [("", "G"), ("Et", "E")]
    meter.fault("board2-osc-err", False)
    meter.fault("board2-flash-err")
    assert flags(meter.signed("E")) == [("", "G"), ("t", "E")]
    meter.fault("board2-flash-err", False)
    assert flags(meter.begin()) == [("", "G"), ("", "G")]


@pytest.mark.proves("D-255")
def test_the_codes_of_the_readings_can_be_set(bench: Make) -> None:
    meter = bench(ri_import="1-0:1.8.0", ri_export="1-0:2.8.0", ri_cycle="1-b:1.8.e")
    assert [found["RI"] for found in readings(meter.begin())] == ["1-0:1.8.0", "1-0:2.8.0", "1-b:1.8.e"] * 2


# 10.4, 10.5


def info(meter: Any) -> tuple[int, int, int]:
    """Stored records, first and last progressive."""
    found = meter.get("logbook/info")
    return tuple(
        found[f"ocmf_{name}"] for name in ("total_number", "first_internal_progressive", "last_internal_progressive")
    )  # type: ignore[return-value]


@pytest.mark.proves("D-280", "D-281", "D-248", "D-091")
def test_every_record_is_kept_under_the_next_number(bench: Make) -> None:
    meter = bench()
    assert info(meter) == (0, 0, 0)
    made = [meter.begin(), meter.signed("C"), meter.signed("E"), meter.signed("r"), meter.begin(), meter.signed("r")]
    assert [payload(record)["PG"] for record in made] == [f"T{number}" for number in range(1, 7)]
    assert info(meter) == (6, 1, 6) and meter.raw("ocmf_count") == 6
    for number, record in enumerate(made, 1):
        assert meter.get(f"logbook/OCMF?index_type=PROGR&index_value={number}")["OCMF_LOG"] == record
    meter.fault("signature-error", 1)
    meter.message()
    meter.command("B")
    meter.wait(1)
    assert info(meter) == (6, 1, 6), "a signing that fails makes no record and takes no number"
    assert payload(meter.begin())["PG"] == "T7"


@pytest.mark.proves("D-282", "D-281")
def test_a_full_log_of_records_drops_the_oldest(bench: Make) -> None:
    meter = bench(ocmf_log_size="3")
    meter.begin()
    for _ in range(4):
        meter.signed("C")
    assert info(meter) == (3, 3, 5) and (meter.raw("ocmf_max"), meter.raw("ocmf_count")) == (3, 3)
    assert meter.status_of("GET", "logbook/OCMF?index_type=PROGR&index_value=2") == 404
    again = bench(ocmf_log_size="3", state=meter.meter.checkpoint(), log=tuple(meter.meter.log())).wait(2)
    assert info(again) == (3, 3, 5)


@pytest.mark.proves("D-090")
def test_more_events_than_a_register_can_count(bench: Make) -> None:
    meter = bench(event_log_size="70000")
    meter.fault("logbook-full")
    assert (meter.raw("events_max"), meter.raw("events_count")) == (0xFFFF, 0xFFFF)
    assert meter.get("logbook/info")["events_total_number"] == 70000


@pytest.mark.proves("D-285", "D-322", "D-090")
@pytest.mark.parametrize("how", ["by itself", "logbook-full"])
def test_a_full_log_of_events(bench: Make, how: str) -> None:
    meter = bench(event_log_size="6").set_time()
    if how == "logbook-full":
        meter.fault("logbook-full")
    else:
        meter.set_time().set_time()
    assert meter.raw("events_count") == meter.raw("events_max") == 6
    fatal = meter.get("system_status")["board_2_status_bits"]
    assert (fatal["fatal_err_bits"]["e_11"], fatal["fatal_err"]) == (1, 1)
    kept = [event.text for event in meter.meter.logbook.events]
    meter.set_time(EPOCH + 1)
    assert [event.text for event in meter.meter.logbook.events] == kept, "nothing more is stored"
    meter.control(operative="operating")
    assert meter.get("system_status")["board_2_status_bits"]["fatal_err_bits"]["e_11"] == 0
    meter.set_time(EPOCH + 2)
    assert meter.raw("events_count") == 6
    assert [event.code for event in meter.meter.logbook.events][-3:] == [6, 2, 3], "in Operating the oldest goes"
