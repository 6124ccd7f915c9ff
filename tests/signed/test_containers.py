"""S.A.F.E. XML and the charging-station JSON of Chargy: read as they come, written byte for byte."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import InvalidValue
from wattproof.signed import curves, jsonscan, testkeys
from wattproof.signed.formats import (
    FormatRow,
    JsonRow,
    XmlRow,
    bsm,
    bsm_export,
    bsm_json,
    chargeit,
    ocmf,
    rows,
    safe_xml,
)
from wattproof.signed.formats.bsm_export import Meter
from wattproof.signed.formats.safe_xml import BEGIN, END, Signed
from wattproof.signed.limits import Limits
from wattproof.signed.records import KeySource, Moment, Record, Verdict
from wattproof.signed.units import Carrier, Enclosed, Item, KeyText
from wattproof.signed.verification import is_test_key, verify

SERIAL = "001BZR9900000001"
KEY = testkeys.public_key("secp256r1", SERIAL)


def records(items: list[Item], trusted: KeyText | None = None) -> list[Record]:
    """The judged records of a container whose texts are OCMF."""
    found = []
    for item in items:
        units = ocmf.parse(item.decoded or item.content, item.carrier) if isinstance(item, Enclosed) else [item]
        found += [verify(unit, trusted) for unit in units]
    return found


def codes(record: Record) -> list[str]:
    return [finding.code for finding in record.findings]


def record_of(text: str, encoding: str = "utf-8") -> bytes:
    """An OCMF record over a payload whose identification is ``text``."""
    head = f'"FV":"1.0","GS":"{SERIAL}","PG":"T1","MS":"{SERIAL}","IS":false,"ID":"{text}"'
    reading = '"TM":"2024-03-01T10:00:00,000+0100 S","TX":"B","RV":1.5,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"'
    payload = f'{{{head},"RD":[{{{reading}}}]}}'.encode(encoding)
    der = curves.sign_digest(testkeys.private_key("secp256r1", SERIAL), hashlib.sha256(payload).digest())
    return b"OCMF|" + payload + b'|{"SA":"ECDSA-secp256r1-SHA256","SD":"' + der.hex().encode() + b'"}'


# --- S.A.F.E. XML ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("B-149", "B-127")
def test_the_maker_tools_file_is_written_byte_for_byte(vectors: Path) -> None:
    folder = vectors / "bsm"
    key = (folder / "public_key.der").read_bytes()
    parts = [
        Signed((folder / f"ocmf_T{page}.txt").read_bytes(), context, key)
        for page, context in ((4276, BEGIN), (4277, END))
    ]
    assert safe_xml.write(parts) == (folder / "ev-charging-ocmf.xml").read_bytes()


@pytest.mark.proves("B-149")
def test_what_is_written_is_read_and_verifies(vectors: Path) -> None:
    first, last = records(safe_xml.read((vectors / "bsm/ev-charging-ocmf.xml").read_bytes()))
    for record, page, context, moment in ((first, 4276, BEGIN, Moment.BEGIN), (last, 4277, END, Moment.END)):
        assert record.signature.verdict is Verdict.VALID
        assert record.signature.key_source is KeySource.CONTAINER
        assert (record.container, record.page, record.context, record.transaction) == ("SAFE-XML", page, context, "1")
        assert record.readings[0].moment is moment
        assert record.readings[0].register == "1-0:1.8.0*198"
        assert record.findings == []


@pytest.mark.proves("B-151", "T-117")
@pytest.mark.parametrize("text", ["a < b & c > d", "]]> & <!-- x -->", "quotes ' only", "a\\nb"])
def test_markup_in_metadata_survives(text: str) -> None:
    data = safe_xml.write([Signed(record_of(text), BEGIN, KEY.spki)])
    (record,) = records(safe_xml.read(data))
    assert record.signature.verdict is Verdict.VALID
    assert record.identification == text.replace("\\n", "\n")


def test_control_characters_cannot_be_written() -> None:
    with pytest.raises(InvalidValue, match="U\\+0001"):
        safe_xml.write([Signed(b"OCMF|\x01", BEGIN, KEY.spki)])


@pytest.mark.proves("T-103", "T-117")
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_bytes_of_a_file_declared_latin_1_are_the_signed_ones(encoding: str) -> None:
    record = record_of("T\u00fcr", encoding)
    data = safe_xml.write([Signed(record, BEGIN, KEY.spki)])
    (found,) = records(safe_xml.read(data))
    assert found.signature.verdict is Verdict.VALID
    assert "F-XML-ENCODING" in codes(found)
    assert found.identification == "T\u00fcr"
    assert found.signed == record.split(b"|")[1]
    (changed,) = records(safe_xml.read(data.replace(b"T1", b"T2")))
    assert changed.signature.verdict is Verdict.INVALID


@pytest.mark.proves("T-117")
def test_a_file_in_utf8_needs_no_second_reading() -> None:
    record = record_of("T\u00fcr")
    text = safe_xml.write([Signed(record, BEGIN, KEY.spki)]).decode("latin-1").encode("latin-1")
    data = text.replace(b"ISO-8859-1", b"UTF-8")
    (found,) = records(safe_xml.read(data))
    assert found.signature.verdict is Verdict.VALID
    assert codes(found) == []
    (latin,) = records(
        safe_xml.read(
            safe_xml.write([Signed(record_of("T\u00fcr"), BEGIN, KEY.spki)])
            .replace(b"ISO-8859-1", b"UTF-8")
            .replace("T\u00fcr".encode(), b"T\xfcr")
        )
    )
    assert latin.signature.reason == "F-XML"


def value(content: str, attributes: str = "", key: str = "", outer: str = 'transactionId="7"') -> str:
    public = f"<publicKey>{key}</publicKey>" if key else ""
    return f"<value {outer}><signedData {attributes}>{content}</signedData>{public}</value>"


RECORD = record_of("x").decode()


@pytest.mark.proves("B-150", "T-075", "T-074")
@pytest.mark.parametrize(
    "text",
    [
        value(RECORD, key=KEY.spki.hex()),
        value(RECORD, 'format="OCMF"', KEY.spki.hex()),
        value(RECORD.encode().hex(), 'encoding="hex"', KEY.spki.hex()),
        value(base64.b64encode(RECORD.encode()).decode(), 'encoding="base64"', KEY.spki.hex()),
        value(base64.b32encode(RECORD.encode()).decode(), 'encoding="base32"', base64.b32encode(KEY.spki).decode()),
        value(RECORD, 'encoding="base64"', KEY.spki.hex()),  # a wrong label
        value(f"\n\t{RECORD}\r\n", 'encoding="plain"', KEY.spki.hex()),
        f"<value><publicKey>{KEY.spki.hex()}</publicKey><other/>"
        f"<signedData transactionId=' 7 '>{RECORD}</signedData></value>",
        value(f"<![CDATA[{RECORD}]]>", key=KEY.spki.hex()),
    ],
)
def test_what_readers_accept(text: str) -> None:
    (record,) = records(safe_xml.read(f"<?xml version='1.0'?><values>{text}</values>".encode()))
    assert record.signature.verdict is Verdict.VALID
    assert record.transaction == "7"
    assert codes(record) == []


@pytest.mark.proves("B-150")
def test_order_and_missing_keys(vectors: Path) -> None:
    text = (vectors / "bsm/ev-charging-ocmf.xml").read_text("latin-1")
    begin, end = (f"<value {part.split('</value>')[0]}</value>" for part in text.split("<value ")[1:])
    start = end.partition("<publicKey")[0]
    reverse = f"<values>{start}</value>{begin}</values>"
    last, first = records(safe_xml.read(reverse.encode()))
    assert (last.page, first.page) == (4277, 4276)
    assert last.signature.verdict is first.signature.verdict is Verdict.VALID
    assert "F-KEY-SHARED" in codes(last)
    alone = f"<values>{start}</value></values>"
    (missing,) = records(safe_xml.read(alone.encode()))
    assert (missing.signature.verdict, missing.signature.reason) == (Verdict.NO_KEY, "V-NO-KEY")
    assert missing.readings
    assert 'transactionId="1"' in start
    elsewhere = start.replace('transactionId="1"', 'transactionId="2"')
    other = f"<values>{elsewhere}</value>{begin}</values>"
    assert records(safe_xml.read(other.encode()))[0].signature.verdict is Verdict.NO_KEY


@pytest.mark.proves("T-075")
def test_namespaces_and_fragments() -> None:
    inner = value(RECORD, key=KEY.spki.hex())
    (spaced,) = records(safe_xml.read(f'<values xmlns="urn:x">{inner}</values>'.encode()))
    assert spaced.signature.verdict is Verdict.VALID
    assert codes(spaced) == ["F-XML-NAMESPACE"]
    for text in (
        inner,
        f"<?xml version='1.0' encoding='ISO-8859-1'?>\n{inner}\n{inner}",
        f"<signedData>{RECORD}</signedData> Key: x",
    ):
        found = records(safe_xml.read(text.encode()), KeyText(KEY.spki.hex(), KeySource.TRUSTED))
        assert found[0].signature.verdict is Verdict.VALID
        assert "F-XML-FRAGMENT" in codes(found[0])


DEEP = "<values>" + "<a>" * 64 + "</a>" * 64 + "</values>"


@pytest.mark.proves("T-034", "T-076")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "F-XML"),
        ("<", "F-XML"),
        ("hello", "F-XML"),
        ("<values>", "F-XML"),
        ("<values>&nbsp;</values>", "F-XML"),
        ("<values/>", "F-EMPTY"),
        ("<values><value/></values>", "F-EMPTY"),
        ("<values><value><signedData> \n</signedData></value></values>", "F-EMPTY"),
        ("<current><value/></current>", "F-XML"),
        (DEEP, "F-XML-DEPTH"),
        ("<!DOCTYPE values><values/>", "F-XML-DTD"),
        ('<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/passwd">]><values>&a;</values>', "F-XML-DTD"),
        ("<?xml version='1.0' encoding='no-such'?><values/>", "F-XML"),
        ("<values xmlns:a='x'><a:b c='1' c='2'/></values>", "F-XML"),
    ],
)
def test_files_that_cannot_be_read(text: str, code: str) -> None:
    (record,) = records(safe_xml.read(text.encode()))
    assert (record.signature.verdict, record.signature.reason) == (Verdict.FORMAT_ERROR, code)
    assert record.container == "SAFE-XML"


@pytest.mark.proves("T-076")
def test_one_empty_value_does_not_stop_the_others() -> None:
    text = f"<values>{value('', outer='')}{value(RECORD, key=KEY.spki.hex())}<note/><value/></values>"
    found = records(safe_xml.read(text.encode()))
    assert [record.signature.verdict for record in found] == ["format-error", "valid", "format-error"]
    assert [record.signature.reason for record in found] == ["F-EMPTY", None, "F-EMPTY"]


def test_utf16_and_oversize_are_refused() -> None:
    assert records(safe_xml.read("<values/>".encode("utf-16")))[0].signature.reason == "F-XML"
    assert records(safe_xml.read(b"<values/>", limits=Limits(document=5)))[0].signature.reason == "F-SIZE"
    many = b"<values>" + b"<a/>" * 20 + b"</values>"
    assert records(safe_xml.read(many, limits=Limits(xml_elements=10)))[0].signature.reason == "F-SIZE"
    values = f"<values>{value(RECORD) * 9}</values>".encode()
    assert [r.signature.reason for r in records(safe_xml.read(values, limits=Limits(units=2)))][2:] == ["F-SIZE"]


@pytest.mark.proves("T-084")
def test_sealed_records_are_recognised_and_not_judged(vectors: Path) -> None:
    data = (vectors / "transparency/containers/safe_test_ocmf_rsa_01.xml").read_bytes()
    (record,) = records(safe_xml.read(data))
    assert record.format == "OCMF-SEALED"
    assert (record.signature.verdict, record.signature.reason) == (Verdict.UNSUPPORTED, "V-SEALED")


# --- keys beside records --------------------------------------------------------------------------------------------

OTHER = testkeys.public_key("secp256r1", "another")


def judged(trusted: str | None, beside: str | None, record: str = RECORD) -> Record:
    text = f"<values>{value(record, key=beside or '')}</values>"
    key = KeyText(trusted, KeySource.TRUSTED) if trusted else None
    return records(safe_xml.read(text.encode()), key)[0]


@pytest.mark.proves("T-077", "T-122")
def test_which_key_decides() -> None:
    right, wrong = KEY.spki.hex(), OTHER.spki.hex()
    both = judged(right, right.upper())
    assert (both.signature.verdict, both.signature.key_source, codes(both)) == ("valid", "trusted", [])
    beside = judged(None, right)
    assert (beside.signature.verdict, beside.signature.key_source) == ("valid", "container")
    differs = judged(right, wrong)
    assert (differs.signature.verdict, codes(differs)) == ("valid", ["F-KEY-DIFFERS"])
    conflict = judged(wrong, right)
    assert (conflict.signature.verdict, conflict.signature.reason) == ("key-error", "V-KEY-CONFLICT")
    assert conflict.signature.hints == ["would_verify_with_other_key"]
    assert conflict.signature.public_key == OTHER.spki
    neither = judged(wrong, testkeys.public_key("secp256r1", "third").spki.hex())
    assert (neither.signature.verdict, neither.signature.hints) == ("key-error", [])
    alone = judged(wrong, None)
    assert (alone.signature.verdict, alone.signature.reason) == ("invalid", "V-MISMATCH")
    unusable = judged("no key", right)
    assert (unusable.signature.reason, unusable.signature.hints) == ("V-KEY-ENCODING", ["would_verify_with_other_key"])
    section = judged(None, wrong, f"{RECORD}|{right}")
    assert section.signature.reason == "V-KEY-CONFLICT"


@pytest.mark.proves("T-122", "T-077")
def test_every_key_of_a_value_takes_part() -> None:
    other = testkeys.public_key("secp256r1", "somebody else").spki.hex()
    again = KEY.spki.hex().upper()

    def beside(*texts: str) -> Record:
        keys = "".join(f"<publicKey>{text}</publicKey>" for text in texts)
        (record,) = records(
            safe_xml.read(f"<values><value><signedData>{RECORD}</signedData>{keys}</value></values>".encode())
        )
        return record

    right = beside(KEY.spki.hex(), other)
    assert right.signature.verdict is Verdict.VALID and "F-KEY-DIFFERS" in codes(right)
    wrong = beside(other, KEY.spki.hex())
    assert (wrong.signature.verdict, wrong.signature.reason) == (Verdict.KEY_ERROR, "V-KEY-CONFLICT")
    assert wrong.signature.hints == ["would_verify_with_other_key"]
    assert codes(beside(KEY.spki.hex(), again)) == []
    assert "F-SIZE" in codes(beside(*(KEY.spki.hex() + f"{n:02x}" for n in range(20))))


@pytest.mark.proves("T-077")
def test_no_conflict_where_no_key_could_decide() -> None:
    other = testkeys.public_key("secp256r1", "somebody else").spki.hex()
    broken = RECORD.replace('"SD":"30', '"SD":"31')
    found = judged(other, KEY.spki.hex(), broken)
    assert (found.signature.verdict, found.signature.reason) == (Verdict.INVALID, "V-SIG-ENCODING")
    curve = testkeys.public_key("secp256k1", SERIAL).spki.hex()
    found = judged(curve, KEY.spki.hex())
    assert (found.signature.verdict, found.signature.reason) == (Verdict.KEY_ERROR, "V-KEY-CONFLICT")
    assert judged(curve, other).signature.reason == "V-CURVE-MISMATCH"


@pytest.mark.proves("T-107")
def test_a_published_test_key_is_recognised() -> None:
    assert is_test_key(judged(KEY.spki.hex(), None))
    assert not is_test_key(judged(OTHER.spki.hex(), None))
    assert not is_test_key(judged(None, None))


# --- charging-station JSON ------------------------------------------------------------------------------------------


@pytest.fixture
def captures(vectors: Path) -> list[bytes]:
    document = json.loads((vectors / "bsm/snapshots_2022.json").read_text())
    return [bytes.fromhex(snapshot["registers_hex"]) for snapshot in document["snapshots"]]


@pytest.fixture
def example(vectors: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((vectors / "bsm/ev-charging-chargy.json").read_text())
    return document


@pytest.fixture
def meter(vectors: Path) -> Meter:
    key = (vectors / "bsm/public_key.der").read_bytes()
    return Meter(key, "1.9:32CA:AFF4, f1d3d06", "BAUER Electronic", "BSM-WS36A-H01-1311-0000")


def read(document: dict[str, Any] | str) -> list[Record]:
    parsed, findings = jsonscan.load(document if isinstance(document, str) else json.dumps(document))
    return records(chargeit.read(parsed, Carrier(findings=tuple(findings))))


def without_display(snapshot: dict[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(snapshot))
    for entry in (copied["value"], *copied["additionalValues"]):
        entry.pop("displayedFormat", None)
    return copied


@pytest.mark.proves("B-144", "B-148")
def test_the_export_of_the_captures_equals_the_example(
    captures: list[bytes], example: dict[str, Any], meter: Meter, vectors: Path
) -> None:
    snapshots = [bsm_export.write(registers, meter) for registers in captures[:2]]
    first, last = example["signedMeterValues"]
    assert snapshots[0] == first
    assert list(snapshots[0]) == list(first)
    for snapshot in snapshots:
        names = [entry["measurand"]["name"] for entry in snapshot["additionalValues"]]
        assert names == [field.name for field in bsm.CURRENT]
        shown = {
            e["measurand"]["name"]: e["displayedFormat"] for e in snapshot["additionalValues"] if "displayedFormat" in e
        }
        assert shown == {
            "RCR": {"prefix": "kilo", "precision": 2},
            "TotWhImp": {"prefix": "kilo", "precision": 2},
            "W": {"prefix": "kilo", "precision": 3},
        }
    plain = [snapshots[0], without_display(snapshots[1])]  # the example's second snapshot has no displayedFormat
    written = chargeit.write(
        plain,
        identifier=example["@id"],
        charge_point=chargeit.charge_point(
            "DE*BDO*E8025334492*2",
            street="Breitenbergstr. 2",
            town="Mindelheim",
            zip_code="87719",
            latitude=48.03552,
            longitude=10.50669,
        ),
        station=chargeit.station(
            "chargeIT mobility GmbH",
            "CIT Lades\u00e4ule online",
            serial_number="2020-24-T-042",
            controller_software_version="v1.2.34",
            compliance=example["chargingStationInfo"]["compliance"],
        ),
    )
    assert written == (vectors / "bsm/ev-charging-chargy.json").read_bytes()
    example["signedMeterValues"] = snapshots
    assert [record.signature.verdict for record in read(example)] == ["valid", "valid"]
    assert last["@id"] == snapshots[1]["@id"]


@pytest.mark.proves("B-145", "T-069")
def test_the_example_verifies_and_its_copies_agree(example: dict[str, Any]) -> None:
    first, last = read(example)
    for record, page, moment, energy in ((first, 4276, Moment.BEGIN, "0"), (last, 4277, Moment.END, "150")):
        assert record.signature.verdict is Verdict.VALID
        assert record.signature.key_source is KeySource.EMBEDDED
        assert (record.format, record.container, record.page) == ("BSM", "chargeIT-JSON", page)
        assert record.session == example["@id"]
        assert record.unsigned_mismatches == []
        assert not record.evse_mismatch
        assert record.findings == []
        assert record.readings[0].moment is moment
        assert str(record.readings[0].literal) == energy
        assert record.readings[0].register == "1-0:1.8.0*198"
        assert record.readings[1].register == "1-0:1.8.0*255"
        assert record.readings[0].time_text is not None
        assert record.readings[0].time_text.endswith("+02:00")


@pytest.mark.proves("B-146", "T-069", "T-122")
@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("measurementId", 4275),
        ("@id", "001BZR1521070006-4275"),
        ("time", "2022-07-08T10:00:29+02:00"),
        ("time", "2022-07-08T09:00:28+01:00"),
        ("time", "never"),
        ("meterInfo/meterId", "001BZR1521070007"),
        ("contract/id", "12345678"),
        ("contract/type", "sms"),
        ("value/measuredValue/value", 1),
        ("value/measuredValue/scale", 0),
    ],
)
def test_changed_copies_are_reported_and_never_shown(example: dict[str, Any], path: str, changed: Any) -> None:
    before = read(example)[0]
    holder: Any = example["signedMeterValues"][0]
    *parents, name = path.split("/")
    for parent in parents:
        holder = holder[parent]
    holder[name] = changed
    record = read(example)[0]
    assert record.signature.verdict is Verdict.VALID
    assert len(record.unsigned_mismatches) == 1
    assert path.split("/")[0] in record.unsigned_mismatches[0]
    assert record.readings == before.readings
    assert (record.page, record.meter_serial, record.identification) == (
        4276,
        "001BZR1521070006",
        before.identification,
    )


@pytest.mark.proves("B-146")
def test_another_charge_point_and_another_controller_version(example: dict[str, Any]) -> None:
    example["chargePointInfo"]["evseId"] = "DE*BDO*E1"
    example["chargingStationInfo"]["controllerSoftwareVersion"] = "v2"
    for record in read(example):
        assert record.evse_mismatch
        assert codes(record) == ["F-UNSIGNED-DIFFERS"]
    example["chargePointInfo"]["evseId"] = "unknown"
    assert not any(record.evse_mismatch for record in read(example))


@pytest.mark.proves("T-069", "B-114", "B-120")
@pytest.mark.parametrize("name", [field.name for field in bsm.CURRENT])
def test_every_signed_value_counts(example: dict[str, Any], name: str) -> None:
    for entry in example["signedMeterValues"][0]["additionalValues"]:
        if entry["measurand"]["name"] == name:
            measured = entry["measuredValue"]
            measured["value"] = measured["value"] + ("x" if isinstance(measured["value"], str) else 1)
    first, last = read(example)
    assert (first.signature.verdict, first.signature.reason) == ("invalid", "V-MISMATCH")
    assert last.signature.verdict is Verdict.VALID


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["measurand"]["name"] == name)


@pytest.mark.proves("T-069", "B-113")
def test_the_order_of_the_hash_is_fixed_whatever_the_order_of_the_file(example: dict[str, Any]) -> None:
    before = read(example)[0]
    example["signedMeterValues"][0]["additionalValues"].reverse()
    after = read(example)[0]
    assert after.signature.verdict is Verdict.VALID
    assert (after.signed, after.readings, after.text) == (before.signed, before.readings, before.text)


@pytest.mark.proves("T-125", "T-069")
@pytest.mark.parametrize(
    ("one", "other"),
    [("RCR", "TotWhImp"), ("DI", "DO"), ("OS", "Epoch"), ("RCnt", "Typ"), ("Meta1", "Meta2"), ("MA1", "Meta1")],
)
def test_names_that_change_places_are_not_valid(example: dict[str, Any], one: str, other: str) -> None:
    snapshot = example["signedMeterValues"][0]
    first, second = (_named(snapshot["additionalValues"], name) for name in (one, other))
    for entry, content in ((first, 1), (second, 2)):  # whatever the captures hold, the two differ
        stated = entry["measuredValue"]
        stated["value"] = str(content) if stated["valueType"] == "String" else content
    digest = hashlib.sha256(read(example)[0].signed).digest()
    snapshot["signature"] = curves.sign_digest(testkeys.private_key("secp256r1", SERIAL), digest).hex()
    snapshot["meterInfo"]["publicKey"] = KEY.spki.hex()
    assert read(example)[0].signature.verdict is Verdict.VALID
    first["measurand"]["name"], second["measurand"]["name"] = other, one
    assert read(example)[0].signature.verdict is not Verdict.VALID


@pytest.mark.proves("T-125", "T-122", "B-113")
def test_a_value_that_the_order_does_not_sign_is_refused(vectors: Path) -> None:
    manual = json.loads((vectors / "bsm/manual_appendix_d_vector.json").read_text())
    document = legacy_document(manual)
    extra = {"measurand": {"name": "RCR"}, "measuredValue": {"value": 99999, "scale": 1, "unitEncoded": 30}}
    document["signedMeterValues"][0]["additionalValues"].append(extra)
    (record,) = read(document)
    assert (record.signature.verdict, record.signature.reason) == (Verdict.FORMAT_ERROR, "F-FORMAT")
    assert record.readings == []


def legacy_document(manual: dict[str, Any]) -> dict[str, Any]:
    """The manual's example as a file of its time: no context, place at the root, values in legacy order."""
    entries = []
    for part in manual["pieces"]:
        data = bytes.fromhex(part["data_hex"])
        measured: dict[str, Any]
        if part["encoding"] == "String":
            measured = {"value": data[4:].decode("latin-1"), "valueType": "String", "valueEncoding": "ISO-8859-1"}
        else:
            raw, scale, unit = struct.unpack(">ibB" if part["encoding"] == "SI32" else ">IbB", data)
            measured = {"value": raw, "scale": scale, "unitEncoded": unit}
            if raw in (0xFFFFFFFF, -0x8000):
                del measured["value"]
        entries.append({"measurand": {"name": part["id"]}, "measuredValue": measured})
    return {
        "placeInfo": {},
        "signedMeterValues": [
            {
                "@context": "https://www.chargeit-mobility.com/contexts/bsm-ws36a-json-v0",
                "meterInfo": {"publicKey": manual["public_key_der"]},
                "additionalValues": entries,
                "signature": manual["signature_der"],
            }
        ],
    }


@pytest.mark.proves("B-112", "T-069")
def test_the_manual_example_as_an_old_file(vectors: Path) -> None:
    manual = json.loads((vectors / "bsm/manual_appendix_d_vector.json").read_text())
    document = legacy_document(manual)
    assert chargeit.detect(document)
    (record,) = read(document)
    assert record.signature.verdict is Verdict.VALID
    assert codes(record) == ["F-BSM-LEGACY"]
    assert record.signed.hex() == manual["hash_input_hex"]
    assert [reading.register for reading in record.readings] == ["1-0:1.8.0*255"]


def own_registers(meta: bytes, **changes: bytes) -> bytes:
    """Registers of a snapshot signed with the published test key; ``changes`` set registers by field name."""
    data = bytearray(508)
    data[0:4] = bytes.fromhex("fd8500fc")
    for name, content in {
        "Typ": b"\0\1",
        "MA1": SERIAL.encode(),
        "RCnt": b"\0\0\0\7",
        "OS": b"\0\0\1\0",
        "Epoch": bytes.fromhex("62c7e41c"),
        "TZO": b"\0\x78",
        "Meta1": meta,
        **changes,
    }.items():
        offset = (bsm.FIELDS[name].offset or 0) * 2
        data[offset : offset + len(content)] = content
    der = curves.sign_digest(testkeys.private_key("secp256r1", SERIAL), bsm.digest(bytes(data)))
    data[408:412] = struct.pack(">HH", 48, len(der))
    data[412:] = der.ljust(96, b"\0")
    return bytes(data)


OWN = Meter(KEY.spki, "1.9, x", "BAUER Electronic", "BSM-WS36A")


def exported(registers: bytes, encoding: str = "ISO-8859-1") -> dict[str, Any]:
    return {"placeInfo": {}, "signedMeterValues": [bsm_export.write(registers, OWN, encoding=encoding)]}


@pytest.mark.proves("T-102", "B-119")
@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-8"])
def test_text_above_ascii_verifies_in_its_encoding(encoding: str) -> None:
    document = exported(own_registers("T\u00fcr".encode(encoding)), encoding)
    (record,) = read(document)
    assert record.signature.verdict is Verdict.VALID
    assert record.identification == "T\u00fcr"
    for entry in document["signedMeterValues"][0]["additionalValues"]:
        entry["measuredValue"].pop("valueEncoding", None)
    (record,) = read(document)
    assert record.signature.verdict is (Verdict.VALID if encoding == "UTF-8" else Verdict.INVALID)


@pytest.mark.proves("T-102")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("UTF-16", "x"),
        ("nonsense", "x"),
        (7, "x"),
        ("latin1", "x"),
        ("utf8", "x"),
        ("iso8859-1", "x"),
        (" UTF-8", "x"),
        ("ISO-8859-1", "\u20ac"),
    ],
)
def test_encodings_that_cannot_be_signed(name: Any, text: str) -> None:
    document = exported(own_registers(b"x"))
    for entry in document["signedMeterValues"][0]["additionalValues"]:
        if entry["measurand"]["name"] == "Meta1":
            entry["measuredValue"].update(value=text, valueEncoding=name)
    (record,) = read(document)
    assert (record.signature.verdict, record.signature.reason) == (Verdict.FORMAT_ERROR, "F-BSM-ENCODING")


@pytest.mark.parametrize("name", ["iso-8859-1", "Utf-8"])
def test_the_case_of_an_encoding_does_not_matter(name: str) -> None:
    document = exported(own_registers(b"x"))
    for entry in document["signedMeterValues"][0]["additionalValues"]:
        if "valueEncoding" in entry["measuredValue"]:
            entry["measuredValue"]["valueEncoding"] = name
    assert read(document)[0].signature.verdict is Verdict.VALID


@pytest.mark.proves("B-146", "T-122")
@pytest.mark.parametrize(
    ("name", "content"),
    [("value", 5), ("value", "x"), ("value", {"measuredValue": 5}), ("value", []), ("meterInfo", 5)],
)
def test_a_copy_of_another_kind_contradicts(example: dict[str, Any], name: str, content: Any) -> None:
    example["signedMeterValues"][0][name] = content
    stated = read(example)[0].unsigned_mismatches
    assert stated and stated[0].startswith(f"/signedMeterValues/0/{name}")


@pytest.mark.proves("B-147", "B-117")
def test_what_the_meter_does_not_know_is_left_out() -> None:
    for changes in ({"Epoch": b"\xff" * 4}, {"TZO": b"\x80\0"}):
        document = exported(own_registers(b"", **changes))
        (snapshot,) = document["signedMeterValues"]
        assert "time" not in snapshot
        (left_out,) = (e for e in snapshot["additionalValues"] if e["measurand"]["name"] in changes)
        assert "value" not in left_out["measuredValue"]
        (record,) = read(document)
        assert record.signature.verdict is Verdict.VALID
        assert is_test_key(record)
        assert record.unsigned_mismatches == []
        assert (record.readings[0].time is None) is ("Epoch" in changes)


def test_the_contract_of_every_tag() -> None:
    for meta, expected in (
        (b"contract-id: rfid:04aa", {"id": "04aa", "type": "rfid"}),
        (b"contract-id: sms:+49", {"id": "+49", "type": "sms"}),
        (b"contract-id: DE-1", {"id": "DE-1"}),
        (b"anything", {"id": None}),
    ):
        document = exported(own_registers(meta))
        assert document["signedMeterValues"][0]["contract"] == expected
        (record,) = read(document)
        assert record.unsigned_mismatches == []


def test_event_bits_are_named() -> None:
    (record,) = read(exported(own_registers(b"", Evt=b"\0\x08\0\x04")))
    assert record.readings[0].status == "power failure, development mode"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda v: v.pop("additionalValues"), "F-FORMAT"),
        (lambda v: v["additionalValues"].pop(), "F-FORMAT"),
        (lambda v: v["additionalValues"].append(v["additionalValues"][1]), "F-FORMAT"),
        (lambda v: v["additionalValues"][1].update(measuredValue=None), "F-FORMAT"),
        (lambda v: v["additionalValues"][1]["measuredValue"].update(value=-1), "F-FORMAT"),
        (lambda v: v["additionalValues"][1]["measuredValue"].update(value=1.5), "F-FORMAT"),
        (lambda v: v["additionalValues"][1]["measuredValue"].update(value="1"), "F-FORMAT"),
        (lambda v: v["additionalValues"][1]["measuredValue"].update(value=10**30), "F-FORMAT"),
        (lambda v: v["additionalValues"][1]["measuredValue"].update(scale=999), "F-FORMAT"),
        (lambda v: v["additionalValues"][4]["measuredValue"].update(value=5), "F-FORMAT"),
        (lambda v: v.pop("signature"), "F-SD"),
        (lambda v: v.update(signature="zz"), "F-SD"),
        (lambda v: v.update(signature="3"), "F-SD"),
        (lambda v: v.update(signature=[]), "F-SD"),
    ],
)
def test_snapshots_that_cannot_be_rebuilt(example: dict[str, Any], change: Any, code: str) -> None:
    change(example["signedMeterValues"][0])
    first, last = read(example)
    assert (first.signature.verdict, first.signature.reason) == (Verdict.FORMAT_ERROR, code)
    assert last.signature.verdict is Verdict.VALID


def test_a_snapshot_without_key_and_with_a_raw_signature(example: dict[str, Any]) -> None:
    value = example["signedMeterValues"][0]
    value["meterInfo"] = "x"
    assert read(example)[0].signature.reason == "V-NO-KEY"
    example = json.loads(json.dumps(example))
    value = example["signedMeterValues"][1]
    value["signature"] = "11" * 64
    assert read(example)[1].signature.reason == "V-SIG-ENCODING"


@pytest.mark.proves("T-114")
def test_repeated_keys_make_a_snapshot_ambiguous(vectors: Path) -> None:
    text = (vectors / "bsm/ev-charging-chargy.json").read_text()
    inside = text.replace('"measurementId": 4276,', '"measurementId": 4276, "measurementId": 4276,', 1)
    first, last = read(inside)
    assert first.signature.verdict is Verdict.VALID
    assert first.ambiguous == ["/signedMeterValues/0/measurementId"]
    assert last.ambiguous == []
    outside = text.replace('"evseId":', '"evseId": "x", "evseId":', 1)
    assert [record.ambiguous for record in read(outside)] == [["chargePointInfo/evseId"]] * 2


@pytest.mark.proves("T-114")
def test_repeated_keys_are_found_once_at_the_record_they_belong_to(example: dict[str, Any]) -> None:
    count = 300
    value = example["signedMeterValues"][0]
    text = json.dumps(value).replace('"measurementId": 4276', '"measurementId": 4276, "measurementId": 4276')
    document = json.dumps({**example, "signedMeterValues": ["@"] * count}).replace('"@"', text)
    found = read(document.replace('"evseId":', '"evseId": "x", "evseId":', 1))
    assert [codes(record) for record in found] == [
        [*(["F-JSON-DUPKEY:chargePointInfo/evseId"] if position == 0 else []), "F-JSON-DUPKEY:measurementId"]
        for position in range(count)
    ]
    assert found[-1].findings[0].where == f"/signedMeterValues/{count - 1}/measurementId"
    assert all(len(record.ambiguous) == 2 for record in found)


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, {"@context": 3}, {"format": "EMH"}, {"format": "ALFEN"}])
def test_values_of_other_kinds_do_not_stop_the_container(example: dict[str, Any], value: Any) -> None:
    example["signedMeterValues"].append(value)
    *known, other = read(example)
    assert [record.signature.verdict for record in known] == ["valid", "valid"]
    assert other.signature.verdict in (Verdict.FORMAT_ERROR, Verdict.UNSUPPORTED)


def test_alfen_lines_are_handed_on(example: dict[str, Any]) -> None:
    example["signedMeterValues"] = [{"format": "ALFEN", "payload": "AP;0;3;X;Y;Z"}]
    parsed, _ = jsonscan.load(json.dumps(example))
    (item,) = chargeit.read(parsed)
    assert isinstance(item, Enclosed)
    assert item.content == b"AP;0;3;X;Y;Z"
    assert item.carrier.container == "chargeIT-JSON"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"signedMeterValues": [], "placeInfo": {}}, True),
        ({"signedMeterValues": [], "@context": chargeit.CONTEXT}, True),
        (
            {"signedMeterValues": [], "@context": "https://www.lichtblick.de/contexts/charging-station-json-v1"},
            True,
        ),
        ({"signedMeterValues": []}, False),
        ({"signedMeterValues": {}, "placeInfo": {}}, False),
        ({"signedMeterValues": [], "@context": "https://evil.example/contexts/charging-station-json-v1"}, False),
        ([], False),
        ("x", False),
    ],
)
def test_which_documents_are_charging_station_files(document: Any, expected: bool) -> None:
    assert chargeit.detect(document) is expected


def test_an_empty_container_says_so() -> None:
    (record,) = read({"signedMeterValues": [], "placeInfo": {}})
    assert record.signature.reason == "F-EMPTY"


def test_the_registry_offers_what_this_package_reads() -> None:
    found = {row.token: type(row) for row in rows()}
    assert found["OCMF"] is FormatRow
    assert found["SAFE-XML"] is XmlRow
    assert found["chargeIT-JSON"] is JsonRow
    assert bsm_json.TOKEN == "BSM"
