"""What is read fast is read as everything else is: the same unit, or none."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import testkeys
from wattproof.signed.formats import ocmf, ocmf_plain, ocmf_times
from wattproof.signed.limits import DEFAULT
from wattproof.signed.records import KeySource
from wattproof.signed.units import NO_CARRIER, Carrier, KeyText

READING: dict[str, Any] = {
    "TM": "2026-01-01T10:00:00,000+0100 S",
    "TX": "B",
    "RV": 0.125,
    "RI": "01-00:B2.08.00*FF",
    "RU": "kWh",
    "RT": "AC",
    "EF": "",
    "ST": "G",
}
PAYLOAD: dict[str, Any] = {
    "FV": "1.0",
    "GI": "gateway",
    "GS": "G1",
    "GV": "1",
    "PG": "T7",
    "MV": "maker",
    "MM": "model",
    "MS": "M1",
    "MF": "2",
    "IS": True,
    "IL": "VERIFIED",
    "IF": ["RFID_PLAIN", "OCPP_AUTH"],
    "IT": "ISO14443",
    "ID": "00112233",
    "TT": "dear",
    "CF": "3",
    "CT": "EVSEID",
    "CI": "DE*1",
    "RD": [READING, {**READING, "TM": "2026-01-01T11:00:00,000+0100 S", "TX": "E", "RV": 12.5}],
}
CARRIERS = (
    NO_CARRIER,
    Carrier("SAFE-XML", "a.xml", (KeyText("3059", KeySource.CONTAINER, "hex"),), transaction="7", context="begin"),
)


def signed(payload: str, section: str | None = None) -> bytes:
    """A record as a meter writes it."""
    der = testkeys.private_key("secp256r1", "M1").sign(payload.encode(), _SHA)
    section = section or json.dumps({"SA": "ECDSA-secp256r1-SHA256", "SD": der.hex()}, separators=(",", ":"))
    return f"OCMF|{payload}|{section}".encode()


def made(**changes: Any) -> bytes:
    """The record of :data:`PAYLOAD` with other members; ``None`` leaves one out."""
    payload = {name: value for name, value in {**PAYLOAD, **changes}.items() if value is not None}
    return signed(json.dumps(payload, separators=(",", ":")))


def _algorithm() -> Any:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.ECDSA(hashes.SHA256())


_SHA = _algorithm()


def same(data: bytes) -> bool:
    """Whether the record is read fast; then it is what the other reader makes of it."""
    fast = [ocmf_plain.read(data, carrier, DEFAULT) for carrier in CARRIERS]
    for carrier, found in zip(CARRIERS, fast, strict=True):
        if found is not None:
            assert [found] == ocmf.parse_any(data, carrier), data
    return fast[0] is not None


def test_what_a_fleet_repeats_is_read_fast() -> None:
    assert same(made())
    assert same(made(IL=None, IF=None, IT=None, ID=None, TT=None, CF=None, CT=None, CI=None, GI=None, MM=None, MF=None))
    assert same(made(GS=None)) and same(made(MS=None)) and same(made(IS=False, PG="F0"))
    assert same(made(RD=[{name: value for name, value in READING.items() if name not in ("RT", "EF")}]))
    assert same(signed(json.dumps(PAYLOAD))), "white space, but none behind a quote"


@pytest.mark.parametrize(
    "changes",
    [
        {"FV": "0.4"},
        {"FV": "2.0"},
        {"FV": None},
        {"FV": 1.0},
        {"PG": "7"},
        {"PG": "T07"},
        {"PG": None},
        {"MS": 7},
        {"MS": None, "GS": None},
        {"MS": "", "GS": ""},
        {"IS": "VERIFIED"},
        {"IS": None},
        {"IL": "SURE"},
        {"IF": []},
        {"IF": ["RFID_PLAIN", "RFID_PSK"]},
        {"IF": "RFID_PLAIN"},
        {"IT": "CARD"},
        {"ID": "x"},
        {"TT": "x" * 251},
        {"CF": "x" * 26},
        {"CT": "free"},
        {"U": 1},
        {"unknown": 1},
        {"LC": {"LR": 1, "LU": "mOhm"}},
        {"RD": []},
        {"ID": "ä"},
        {"ID": "a|b"},
        {"ID": 'a"b'},
        {"MM": "x" * 5000},
        {"RD": [READING, {"RV": 1}]},
        {"RD": [READING, {name: value for name, value in READING.items() if name != "EF"}]},
        *(
            {"RD": [{**READING, name: value}]}
            for name, value in (
                ("TM", "now"),
                ("TM", "2026-01-01T10:00:00.000+0100 S"),
                ("TX", "Q"),
                ("TX", None),
                ("RV", "1"),
                ("RV", None),
                ("RV", 1e300),
                ("RI", "x"),
                ("RU", "MWh"),
                ("RT", "DA"),
                ("EF", "x"),
                ("ST", "x"),
                ("CL", 1),
                ("XV", 1),
            )
        ),
    ],
    ids=str,
)
def test_what_deviates_is_left_to_the_other_reader(changes: dict[str, Any]) -> None:
    if changes == {"IF": []}:
        assert same(made(**changes)), "an empty list is in order"
        return
    assert not same(made(**changes))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"GI":"gateway"', '"GI":"a","GI":"b"'),
        ('"GI":"gateway"', '"GI":"a", "GI":""'),
        ('"CI":"DE*1"', '"CI":null'),
        ('"EF":""', '"EF":null'),
        ('"EF":"",', '"EF":"EE",'),
        ('"RT":"AC",', '"RT":"AC","RT":"AC",'),
        ('"SD":"', '"SD":"","SD":"'),
        ('"SD":"', '"SA":"","SD":"'),
        ('"SA":"ECDSA-secp256r1-SHA256"', '"SA":null'),
        ('"SA":"', '      "SA":"'),
        ('"SA":"', '"SA":"x","SA":"'),
        ('"RV":0.125', '"RV":true'),
        ('"RV":0.125', '"RV":null'),
        ('"RV":0.125', '"RV":[1]'),
        ('"RV":0.125', '"RV":1E5'),
        ('"RV":0.125', '"RV":-0'),
        ('"RV":0.125', '"RV": 0.125'),
        ('"IF":["RFID_PLAIN"', '"IF":["RFID_PLAIN", "RFID_PSK"'),
        ('"GI":', '"GI" :'),
        ('"MS":"M1"', '"MS":"M2","MS":"M1"'),
        ('"RV":0.125', '"RV":7,"RV":0.125'),
        ("12.5", "012.5"),
        ("12.5", "+12.5"),
        ("12.5", "12."),
        ("12.5", "1.25e1"),
        ("12.5", "0.000000000000000000000000001"),
        ('"ST"', '"st"'),
        ('"GI":"gateway"', '"GI":"gate\\u0077ay"'),
        ('"GI":"gateway"', '"GI":null'),
        ('"MF"', '"\\u004dF"'),
        ('"GI":"gateway"', '"GI":":"'),
        ('"GI":"gateway"', '"GI":" x"'),
        ("{", " {"),
        ("}|", "} |"),
        ("OCMF|", "OCMF |"),
        ('"}', '"}|3059'),
        ('"}', '"}\n'),
        ('"SA"', '"SE":"hex","SA"'),
        ('"SA"', '"SM":"x","SA"'),
        ('"SD"', '"sd"'),
        ('"SA":"ECDSA-secp256r1-SHA256"', '"SA":"ECDSA-P-256-SHA256"'),
        ('"SD":"', '"SD":"zz'),
        ('"SD":"', '"SD":"1","SD":"'),
        ('"IS":true', '"IS":1'),
        ('"PG":"T7"', '"PG":"T7\n"'),
        ('"ID":"', '"ID":"\t'),
    ],
)
def test_texts_that_deviate(old: str, new: str) -> None:
    text = made().decode()
    place = text.rindex(old) if old in ('"}', '"SD":"') else text.index(old)
    assert text.count(old)
    same((text[:place] + new + text[place + len(old) :]).encode())


def test_without_a_name_of_the_algorithm() -> None:
    text = made().decode()
    assert same(re.sub(r'"SA":"[^"]+",', "", text).encode())


@pytest.mark.proves("T-029", "T-035")
def test_whatever_is_changed_is_read_alike() -> None:
    """Characters and pieces of JSON put in, left out, replaced and moved."""
    draw = random.Random(20)
    pieces = [
        b'"',
        b":",
        b",",
        b"{",
        b"}",
        b"[",
        b"]",
        b"|",
        b" ",
        b"\\",
        b"0",
        b"1",
        b".",
        b"-",
        b"e",
        b"null",
        b"true",
        b'"RV":1,',
        b'"MS":"M2",',
        b'"":"",',
        b"\n",
        b"\xc3\xa4",
        b"\x00",
        b'"EF":"E",',
        b'"TX":"E",',
    ]
    texts = [made(), made(IL=None, IF=None, RD=[READING])]
    plain = 0
    for _ in range(20_000):
        text = draw.choice(texts)
        for _ in range(draw.randrange(1, 3)):
            at = draw.randrange(len(text))
            until = min(len(text), at + draw.randrange(4))
            text = text[:at] + draw.choice([b"", *pieces]) + text[until:]
        plain += same(text)
    assert plain > 100, "changes inside of texts leave a record plain"


def test_real_records_are_read_alike(vectors: Path) -> None:
    found = [path.read_bytes().strip() for path in sorted(vectors.rglob("*.ocmf"))]
    assert len(found) > 30
    assert sum(map(same, found)) > 15


_PARTS = (
    st.sampled_from(["2026", "0000", "9999", "26", "\u0662026"]),
    st.sampled_from(["-", "/", ""]),
    st.sampled_from(["01", "02", "12", "13", "00", "1"]),
    st.sampled_from(["-", " "]),
    st.sampled_from(["01", "29", "30", "31", "32", "00", "\u0661\u0661"]),
    st.sampled_from(["T", "t", " "]),
    st.sampled_from(["00", "09", "23", "24", "+1", " 1"]),
    st.sampled_from([":", "."]),
    st.sampled_from(["00", "59", "60", "1_"]),
    st.sampled_from([":", ""]),
    st.sampled_from(["00", "59", "60", "61"]),
    st.sampled_from([",", ".", ""]),
    st.sampled_from(["000", "999", "12", "1234", "-01"]),
    st.sampled_from(["+", "-", "", "Z"]),
    st.sampled_from(["00", "01", "23", "24", ""]),
    st.sampled_from(["00", "30", "59", "60", ":00", ""]),
    st.sampled_from([" S", " U", " I", " R", " X", "S", "", " s"]),
)
_USUAL = ("2026", "-", "01", "-", "01", "T", "00", ":", "00", ":", "00", ",", "000", "+", "00", "00", " S")


@settings(max_examples=1500, deadline=None)
@given(st.tuples(*_PARTS), st.sets(st.integers(0, len(_PARTS) - 1), max_size=4), st.data())
def test_times_are_read_alike_by_their_parts(parts: tuple[str, ...], changed: set[int], data: Any) -> None:
    text = "".join(part if at in changed else _USUAL[at] for at, part in enumerate(parts))
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text("0123456789-+:,. TZSURI\n\ud800", max_size=2)) + text[at + 1 :]
    careful = ocmf_times.any_form(text)
    try:
        assert ocmf_times.exact(text) == careful and careful.exact
    except KeyError:
        assert not careful.exact
