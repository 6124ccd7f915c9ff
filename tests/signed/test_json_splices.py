"""JSON containers spliced, swapped and relabelled (4.2, M7 to M9): what is good shows what one meter signed."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import chargy_export, emh_export, ocpi, ocpp_export, ptb, samples
from wattproof.signed.formats.safe_xml import BEGIN, END, Signed
from wattproof.signed.records import Moment
from wattproof.signed.report import Report

NOW = 1_800_000_000
START = 1_700_000_000


def judged(document: Any) -> Report:
    return examine(document if isinstance(document, bytes) else json.dumps(document), now=NOW)


def ocmf(forge: Any, tx: str, value: str, page: int, **fields: Any) -> bytes:
    hour = 10 + page % 12
    time = f"2024-03-01T{hour:02d}:00:00,000+0100 S"
    return bytes(forge.ocmf([forge.reading(tx, value, time)], PG=f"T{page}", **fields).encode())


@pytest.fixture
def pools(forge: Any, new_forge: Any) -> dict[str, tuple[bytes, bytes]]:
    """Begin and end of four sessions: two of one meter, one of another user, one of another meter and key."""
    other = new_forge(identity="another meter's key")
    return {
        "first": (ocmf(forge, "B", "100.000", 1), ocmf(forge, "E", "110.000", 2)),
        "second": (ocmf(forge, "B", "111.000", 4), ocmf(forge, "E", "119.000", 5)),
        "user": (ocmf(forge, "B", "110.000", 2, ID="FF"), ocmf(forge, "E", "112.000", 3, ID="FF")),
        "meter": (ocmf(other, "B", "100.000", 1, MS="M2", GS="G2"), ocmf(other, "E", "105.000", 2, MS="M2", GS="G2")),
    }


def containers(begin: bytes, end: bytes, key: bytes, labels: tuple[str, str] = (BEGIN, END)) -> Iterator[Report]:
    values = [Signed(begin, labels[0], key), Signed(end, labels[1], key)]
    yield judged(ocpi.write(values, identifier="1"))
    yield judged(ocpp_export.write_16(values))
    yield judged(ocpp_export.write_201(values))
    if labels == (BEGIN, END):
        yield judged(ptb.write(begin, end, key))


@pytest.mark.proves("T-120")
def test_only_a_begin_and_the_end_of_its_own_session_are_good(pools: dict[str, Any], forge: Any) -> None:
    key = bytes.fromhex(forge.key)
    for one, two in itertools.product(pools, repeat=2):
        for report in containers(pools[one][0], pools[two][1], key):
            good = [session for session in report.sessions if session.verdict == "ok"]
            if one == two:
                assert len(good) == 1
                assert {r.signature.verdict for r in good[0].records} == ({"valid"} if one != "meter" else {"invalid"})
            else:
                assert not good


@pytest.mark.proves("T-121")
def test_swapped_records_and_labels_fail_or_show_the_same(pools: dict[str, Any], forge: Any) -> None:
    key = bytes.fromhex(forge.key)
    begin, end = pools["first"]
    right = [report.as_dict()["sessions"][0] for report in containers(begin, end, key)]
    for labels, (one, two) in itertools.product(
        itertools.product((BEGIN, END, "Sample.Periodic"), repeat=2), ((begin, end), (end, begin), (begin, begin))
    ):
        for report, shown in zip(containers(one, two, key, labels), right, strict=False):
            for session in report.as_dict()["sessions"]:
                if session["verdict"] == "ok":
                    assert [session[name] for name in ("begin", "end", "energy")] == [
                        shown[name] for name in ("begin", "end", "energy")
                    ]


@pytest.mark.proves("T-122", "T-120")
def test_a_record_in_two_sessions_and_intermediate_readings_of_another(pools: dict[str, Any], forge: Any) -> None:
    key = bytes.fromhex(forge.key)
    begin, end = pools["first"]
    middle = ocmf(forge, "C", "105.000", 9, MS="M2")
    values = [Signed(begin, BEGIN, key), Signed(middle, None, key), Signed(end, END, key)]
    for data in (ocpi.write(values, identifier="1"), ocpp_export.write_16(values)):
        assert all(session.verdict != "ok" for session in judged(data).sessions)
    twice = [json.loads(ocpp_export.write_16(values[::2], number)) for number in (1, 2)]
    report = judged(twice)
    assert [(session.id, session.verdict) for session in report.sessions] == [("1", "ok"), ("2", "ok")]
    assert {session["energy"]["value"] for session in report.as_dict()["sessions"]} == {"10.000"}


@pytest.mark.proves("T-122")
def test_a_moved_key_changes_its_source_and_nothing_that_is_shown(pools: dict[str, Any], forge: Any) -> None:
    key = bytes.fromhex(forge.key)
    values = [Signed(record, label, key) for record, label in zip(pools["first"], (BEGIN, END), strict=True)]
    document = json.loads(ocpp_export.write_201(values))
    inner = [value["sampledValue"][0]["signedMeterValue"] for value in document[3]["meterValue"]]
    before = judged(document).as_dict()["sessions"]
    for one, two in itertools.product((inner[0]["publicKey"], ""), repeat=2):
        inner[0]["publicKey"], inner[1]["publicKey"] = one, two
        after = judged(document).as_dict()["sessions"]
        for name in ("id", "begin", "end", "energy", "verdict"):
            assert after[0][name] == before[0][name]


SAMPLES = {
    "first": [
        samples.Sample(Moment.BEGIN, 100, START, 1),
        samples.Sample(Moment.END, 200, START + 3600, 2, second_index=103_600),
    ],
    "second": [
        samples.Sample(Moment.BEGIN, 200, START + 7200, 4, second_index=107_200),
        samples.Sample(Moment.END, 300, START + 10_800, 5, second_index=110_800),
    ],
}


@pytest.mark.proves("T-120", "T-122")
@pytest.mark.parametrize("write", [emh_export.write, chargy_export.write])
def test_values_of_two_emh_sessions(write: Any) -> None:
    """These meters sign neither begin nor end; what a splice shows is the difference of two values that they signed."""
    key = testkeys.private_key("secp192r1", "a key of these tests")
    one, two = (json.loads(write(SAMPLES[name], key)) for name in ("first", "second"))

    def values(document: Any) -> Any:
        if "signedMeterValues" in document:
            return document["signedMeterValues"]
        return document["chargingSessions"][0]["measurements"][0]["values"]

    pool = [*values(one), *values(two)]
    for chosen in itertools.product(range(4), repeat=2):
        document = copy.deepcopy(one)
        values(document)[:] = [pool[position] for position in chosen]
        for session in judged(document).as_dict()["sessions"]:
            if session["verdict"] in ("ok", "warn") and len(session["records"]) == 2:
                assert chosen[0] < chosen[1]
                steps = {(0, 1): "0.1000", (0, 2): "0.1000", (0, 3): "0.2000", (1, 2): "0.0000", (1, 3): "0.1000"}
                assert session["energy"]["value"] == steps.get(chosen, "0.1000")
    other = json.loads(write(SAMPLES["first"], testkeys.private_key("secp192r1", "b"), serial="0901454D480000000002"))
    document = copy.deepcopy(one)
    values(document)[1] = values(other)[1]
    assert all(
        session.verdict != "ok" or session.records[1].signature.verdict != "valid"
        for session in judged(document).sessions
    )
    assert judged(document).summary["green"] == judged(document).summary["yellow"] == 0


@pytest.mark.proves("T-119")
def test_no_signature_of_one_reading_serves_another() -> None:
    key = testkeys.private_key("secp192r1", "a key of these tests")
    document = json.loads(emh_export.write(SAMPLES["first"], key))
    first, last = document["signedMeterValues"]
    first["signature"], last["signature"] = last["signature"], first["signature"]
    assert [record.signature.verdict for record in judged(document).records] == ["invalid", "invalid"]
    order = curves.CURVES["secp192r1"].order
    own = first["signature"]  # of the last reading, since they were exchanged
    r, s = int(own[:48], 16), int(own[48:], 16)
    document["signedMeterValues"] = [last]
    for twin, expected in (((r, s), "valid"), ((r, order - s), "valid"), ((s, r), "invalid"), ((r, 0), "invalid")):
        last["signature"] = "".join(f"{number:048X}" for number in twin)
        assert judged(document).records[0].signature.verdict == expected
