"""PTB containers, OCPI signed data and OCPP messages: records found, keys and labels applied, copies compared."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import ocpi, ocpp_export, ptb
from wattproof.signed.formats.safe_xml import BEGIN, END, Signed
from wattproof.signed.limits import Limits
from wattproof.signed.report import Report

NOW = 1_800_000_000


def judged(document: Any, **options: Any) -> Report:
    data = document if isinstance(document, (bytes, str)) else json.dumps(document)
    report = examine(data, **{"now": NOW, **options})
    assert not any("internal error" in finding.message for record in report.records for finding in record.findings)
    json.dumps(report.as_dict())
    return report


def verdicts(report: Report) -> list[str]:
    return [record.signature.verdict.value for record in report.records]


@pytest.fixture
def pair(forge: Any) -> list[Signed]:
    key = bytes.fromhex(forge.key)
    return [
        Signed(forge.ocmf([forge.reading("B", "100.100")], PG="T7").encode(), BEGIN, key),
        Signed(forge.ocmf([forge.reading("E", "112.340")], PG="T8").encode(), END, key),
    ]


@pytest.fixture
def whole(forge: Any) -> Signed:
    return Signed(forge.session().encode(), None, bytes.fromhex(forge.key))


@pytest.fixture
def example(vectors: Path) -> Callable[[str], Any]:
    return lambda name: json.loads((vectors / "transparency/other" / name).read_text())


# -- PTB ----------------------------------------------------------------------------------------------------------


def test_ptb_is_one_session_with_the_key_of_the_container(pair: list[Signed]) -> None:
    report = judged(ptb.write(pair[0].record, pair[1].record, pair[0].public_key))
    (session,) = report.sessions
    assert verdicts(report) == ["valid", "valid"] and session.verdict == "ok"
    assert [(r.container, r.context, r.signature.key_source) for r in session.records] == [
        ("PTB", BEGIN, "container"),
        ("PTB", END, "container"),
    ]
    assert session.id.startswith("sha256:")


def test_ptb_with_records_exchanged_fails(pair: list[Signed], codes: Any) -> None:
    (session,) = judged(ptb.write(pair[1].record, pair[0].record, pair[0].public_key)).sessions
    assert session.verdict == "fail" and "S-CONTEXT" in codes(session)


def test_ptb_of_two_meters_is_still_one_session(forge: Any, pair: list[Signed], codes: Any) -> None:
    other = forge.ocmf([forge.reading("E", "112.340")], PG="T8", MS="OTHER", GS="OTHER").encode()
    (session,) = judged(ptb.write(pair[0].record, other, pair[0].public_key)).sessions
    assert {"S-METER-MISMATCH", "S-GATEWAY-MISMATCH"} <= codes(session)


@pytest.mark.proves("T-076")
@pytest.mark.parametrize("empty", ["", " ", 7, [], {"a": 1}])
def test_an_empty_record_of_ptb_does_not_stop_the_other(pair: list[Signed], empty: Any) -> None:
    document = json.loads(ptb.write(pair[0].record, pair[1].record, pair[0].public_key))
    report = judged({**document, "ocmfBegin": empty})
    assert verdicts(report) == ["format-error", "valid"]
    assert report.records[0].signature.reason == "F-EMPTY"
    assert report.sessions[0].verdict == "incomplete"


def test_ptb_without_one_record_is_incomplete_and_without_both_empty(pair: list[Signed]) -> None:
    document = json.loads(ptb.write(pair[0].record, pair[1].record, pair[0].public_key))
    del document["ocmfEnd"]
    assert judged(document).sessions[0].verdict == "incomplete"
    report = judged({"format": "ptb", "ocmfBegin": None, "ocmfEnd": None})
    assert verdicts(report) == ["format-error", "format-error"] and not report.sessions


def test_ptb_without_key(pair: list[Signed], forge: Any) -> None:
    document = json.loads(ptb.write(pair[0].record, pair[1].record, b""))
    assert verdicts(judged(document)) == ["no-key", "no-key"]
    assert judged(document, public_key=forge.key).summary["green"] == 1


# -- OCPI ---------------------------------------------------------------------------------------------------------


@pytest.mark.proves("T-073")
@pytest.mark.parametrize("form", ["base64", "plain", "hex", "lines"])
def test_ocpi_values_in_every_text_form(pair: list[Signed], form: str) -> None:
    document = json.loads(ocpi.write(pair, identifier="CDR1"))
    forms: dict[str, Callable[[bytes], str]] = {
        "base64": lambda data: base64.b64encode(data).decode(),
        "plain": lambda data: data.decode(),
        "hex": lambda data: data.hex(),
        "lines": lambda data: base64.encodebytes(data).decode(),
    }
    for value, signed in zip(document["signed_data"]["signed_values"], pair, strict=True):
        value["signed_data"] = forms[form](signed.record)
    report = judged(document)
    (session,) = report.sessions
    assert verdicts(report) == ["valid", "valid"] and session.verdict == "ok"
    assert [record.signed for record in report.records] == [
        record.signed for record in judged(pair[0].record).records
    ] + [record.signed for record in judged(pair[1].record).records]
    assert not [finding for record in report.records for finding in record.findings]


@pytest.mark.proves("T-073")
def test_ocpi_object_wherever_it_stands(pair: list[Signed], whole: Signed) -> None:
    document = json.loads(ocpi.write(pair, identifier="CDR1"))
    other = json.loads(ocpi.write([whole], identifier="CDR2"))
    bare = {**document["signed_data"], "placeInfo": {}, "meterInfo": {}}
    for found in (document, document["signed_data"], bare, {"data": document, "status_code": 1000}, [document]):
        report = judged(found)
        assert [session.verdict for session in report.sessions] == ["ok"]
        assert {record.container for record in report.records} == {"OCPI"}
    assert [session.verdict for session in judged({"data": [document, other]}).sessions] == ["ok", "ok"]


def test_ocpi_key_of_the_older_form(pair: list[Signed]) -> None:
    signed = json.loads(ocpi.write(pair, identifier="CDR1"))["signed_data"]
    key = signed.pop("public_key")
    assert verdicts(judged({**signed, "meterInfo": {"publicKey": key}})) == ["valid", "valid"]
    assert verdicts(judged(signed)) == ["no-key", "no-key"]


def test_ocpi_natures_are_labels(pair: list[Signed], codes: Any) -> None:
    document = json.loads(ocpi.write(pair, identifier="CDR1"))
    values = document["signed_data"]["signed_values"]
    values.reverse()
    assert judged(document).sessions[0].verdict == "ok"
    values[0]["nature"], values[1]["nature"] = values[1]["nature"], values[0]["nature"]
    (session,) = judged(document).sessions
    assert session.verdict == "fail" and "S-CONTEXT" in codes(session)


def test_ocpi_values_of_one_object_are_one_session(pair: list[Signed], forge: Any, codes: Any) -> None:
    other = forge.ocmf([forge.reading("E", "112.340")], PG="T8", MS="OTHER").encode()
    data = ocpi.write([pair[0], Signed(other, END, pair[1].public_key)], identifier="CDR1")
    (session,) = judged(data).sessions
    assert session.verdict == "fail" and "S-METER-MISMATCH" in codes(session)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda plain: plain, False),
        (lambda plain: json.dumps(json.loads(plain), indent=1), False),
        (lambda plain: plain.replace("100.100", "100.1"), False),
        (lambda plain: plain.replace("100.100", "100.101"), True),
        (lambda plain: plain.replace('"PG":"T7",', ""), True),
        (lambda plain: f"OCMF|{plain}|{{}}", False),
        (lambda plain: f'OCMF|{plain}|{{"SD":"00"}}', False),
        (lambda plain: f'OCMF|{plain.replace("100.100", "1.0")}|{{"SD":"00"}}', True),
        (lambda _: "a text of another kind", False),
        (lambda _: "{broken", False),
        (lambda _: None, False),
        (lambda _: 17, False),
        (lambda _: "{}", True),
    ],
)
def test_plain_data_is_compared_and_never_shown(pair: list[Signed], change: Any, differs: bool, codes: Any) -> None:
    document = json.loads(ocpi.write(pair, identifier="CDR1"))
    value = document["signed_data"]["signed_values"][0]
    value["plain_data"] = change(value["plain_data"])
    report = judged(document)
    assert ("F-PLAIN-DIFFERS" in codes(report.records[0])) is differs
    assert report.sessions[0].verdict == "ok"
    assert report.sessions[0].begin is not None and report.sessions[0].begin.literal == "100.100"


@pytest.mark.proves("T-076")
@pytest.mark.parametrize("value", [None, 7, "x", [], {}, {"signed_data": ""}, {"signed_data": 7}, {"signed_data": {}}])
def test_broken_values_of_ocpi_do_not_stop_the_others(pair: list[Signed], value: Any) -> None:
    document = json.loads(ocpi.write(pair, identifier="CDR1"))
    document["signed_data"]["signed_values"].insert(1, value)
    report = judged(document)
    assert verdicts(report) == ["valid", "format-error", "valid"]
    assert report.sessions[0].verdict == "ok"


def test_ocpi_without_values_says_so() -> None:
    for document in ({"signed_values": []}, {"signed_data": {}}, {"signed_data": {"signed_values": 7}}):
        (record,) = judged(document).records
        assert (record.container, record.signature.reason) == ("OCPI", "F-EMPTY")


@pytest.mark.proves("T-114")
def test_repeated_keys_of_ocpi_are_ambiguous(pair: list[Signed], codes: Any) -> None:
    text = ocpi.write(pair, identifier="CDR1").decode()
    inside = judged(text.replace('"nature": "End"', '"nature": "Start", "nature": "End"'))
    assert [record.ambiguous for record in inside.records] == [[], ["/signed_data/signed_values/1/nature"]]
    assert inside.sessions[0].verdict == "fail" and "S-AMBIGUOUS" in codes(inside.sessions[0])
    outside = judged(text.replace('"url": ""', '"url": "", "url": ""'))
    assert [record.ambiguous for record in outside.records] == [["/signed_data/url"]] * 2
    assert [codes(record) for record in outside.records] == [{"F-JSON-DUPKEY:signed_data/url"}, set()]


def test_more_values_than_a_document_may_hold(pair: list[Signed]) -> None:
    limits = Limits(units=1)
    for data in (ocpi.write(pair, identifier="C"), ocpp_export.write_16(pair)):
        (record,) = judged(data, limits=limits).records
        assert record.signature.reason == "F-SIZE"


# -- OCPP ---------------------------------------------------------------------------------------------------------


@pytest.mark.proves("T-072")
@pytest.mark.parametrize(
    ("write", "container"), [(ocpp_export.write_16, "OCPP-1.6"), (ocpp_export.write_201, "OCPP-2.0.1")]
)
def test_messages_of_both_versions(pair: list[Signed], whole: Signed, write: Any, container: str, codes: Any) -> None:
    for data in (write(pair), json.dumps(json.loads(write(pair))[3]), json.dumps([json.loads(write(pair))])):
        report = judged(data)
        (session,) = report.sessions
        assert (session.id, session.verdict) == ("1", "ok")
        assert [(r.container, r.signature.verdict.value) for r in report.records] == [(container, "valid")] * 2
        assert [codes(record) for record in report.records] == [set(), {"F-KEY-SHARED"}]
    (session,) = judged(write([whole])).sessions
    assert session.verdict == "ok" and "S-CONTEXT-IGNORED" in codes(session)


@pytest.mark.proves("T-072")
@pytest.mark.parametrize(
    "form",
    [
        lambda text, _: text,
        lambda text, _: json.loads(text),
        lambda text, _: base64.b64encode(text.encode()).decode(),
        lambda text, _: text.encode().hex(),
        lambda text, _: text.replace("signedMeterData", "signedMeterValue"),
        lambda _, record: record.decode(),
        lambda _, record: base64.b64encode(record).decode(),
        lambda _, record: record.hex(),
        lambda text, record: json.dumps({**json.loads(text), "signedMeterData": record.decode()}),
    ],
)
def test_every_form_of_a_1_6_value(whole: Signed, form: Any, forge: Any) -> None:
    document = json.loads(ocpp_export.write_16([whole]))
    value = document[3]["transactionData"][0]["sampledValue"][0]
    value["value"] = form(value["value"], whole.record)
    report = judged(document, public_key=forge.key)
    (record,) = report.records
    assert (record.signature.verdict, record.container, record.transaction) == ("valid", "OCPP-1.6", "1")
    assert record.signed == judged(whole.record).records[0].signed


@pytest.mark.proves("T-072")
@pytest.mark.parametrize("where", [0, 1])
def test_a_key_sent_once_holds_for_the_transaction(pair: list[Signed], where: int, forge: Any, codes: Any) -> None:
    document = json.loads(ocpp_export.write_201(pair))
    values = [value["sampledValue"][0]["signedMeterValue"] for value in document[3]["meterValue"]]
    values[where]["publicKey"], values[1 - where]["publicKey"] = values[0]["publicKey"], ""
    report = judged(document)
    assert verdicts(report) == ["valid", "valid"]
    assert "F-KEY-SHARED" in codes(report.records[1 - where]) and "F-KEY-SHARED" not in codes(report.records[where])
    assert {record.signature.key_source for record in judged(document, public_key=forge.key).records} == {"trusted"}


@pytest.mark.proves("T-072")
def test_a_key_does_not_hold_for_another_transaction(pair: list[Signed], forge: Any) -> None:
    first = json.loads(ocpp_export.write_16(pair[:1], 1))
    second = json.loads(ocpp_export.write_16(pair[1:], 2))
    inner = second[3]["transactionData"][0]["sampledValue"][0]
    inner["value"] = json.dumps({**json.loads(inner["value"]), "publicKey": ""})
    report = judged([first, second])
    assert verdicts(report) == ["valid", "no-key"]
    assert [(session.id, session.verdict) for session in report.sessions] == [("1", "incomplete"), ("2", "incomplete")]
    assert judged([first, second], public_key=forge.key).records[1].signature.key_source == "trusted"


@pytest.mark.proves("T-072")
def test_the_last_key_sent_counts(pair: list[Signed], new_forge: Any) -> None:
    other = new_forge(identity="another key")
    values = [pair[0], Signed(pair[0].record, None, bytes.fromhex(other.key)), pair[1]]
    document = json.loads(ocpp_export.write_201(values))
    wrapped = base64.b64encode(f"oca:base16:asn1:{other.key}".encode()).decode()
    document[3]["meterValue"][1]["sampledValue"][0]["signedMeterValue"]["publicKey"] = wrapped
    assert verdicts(judged(document)) == ["valid", "invalid", "invalid"]


def test_both_records_in_one_value_have_no_label(pair: list[Signed]) -> None:
    both = Signed(pair[0].record + b"\n" + pair[1].record, END, pair[0].public_key)
    for data in (ocpp_export.write_16([both]), ocpp_export.write_201([both]), ocpi.write([both], identifier="1")):
        report = judged(data)
        (session,) = report.sessions
        assert verdicts(report) == ["valid", "valid"] and session.verdict == "ok"


def test_many_repeated_keys_cost_no_more_than_their_document(pair: list[Signed]) -> None:
    document = json.loads(ocpi.write(pair, identifier="1"))
    document["signed_data"]["signed_values"] = ["@"] * 300
    repeated = ",".join(f'"k{number}":0,"k{number}":0' for number in range(90))
    text = json.dumps(document).replace('"@"', "{" + repeated + "}")
    report = judged(text)
    assert sum(len(record.findings) for record in report.records) < 12_000
    assert all(len(record.findings) > 1 for record in report.records)


@pytest.mark.parametrize(
    ("stated", "differs"),
    [(100100, False), (100101, True), (100099, True), ("100.1", False), (1e9, True), (None, False)],
)
def test_counters_of_the_message_are_compared(pair: list[Signed], stated: Any, differs: bool, codes: Any) -> None:
    document = json.loads(ocpp_export.write_16(pair))
    document[3].update(meterStart=stated, meterStop=112340)
    report = judged(document)
    assert ("F-UNSIGNED-DIFFERS" in codes(report.records[0])) is differs
    assert "F-UNSIGNED-DIFFERS" not in codes(report.records[1])
    document[3]["meterStop"] = 112341
    assert "F-UNSIGNED-DIFFERS" in codes(judged(document).records[1])


def test_exchanged_contexts_fail(pair: list[Signed], codes: Any) -> None:
    exchanged = [Signed(pair[0].record, END, pair[0].public_key), Signed(pair[1].record, BEGIN, pair[1].public_key)]
    for write in (ocpp_export.write_16, ocpp_export.write_201):
        (session,) = judged(write(exchanged)).sessions
        assert session.verdict == "fail" and "S-CONTEXT" in codes(session)


@pytest.mark.proves("T-076")
@pytest.mark.parametrize("value", [None, 7, "", " ", [], {}, "{", "{}", '{"signedMeterData": 7}', "nothing"])
def test_broken_values_of_ocpp_do_not_stop_the_others(pair: list[Signed], value: Any) -> None:
    document = json.loads(ocpp_export.write_16(pair))
    document[3]["transactionData"].insert(1, {"sampledValue": [{"format": "SignedData", "value": value}]})
    report = judged(document)
    assert verdicts(report) == ["valid", "format-error", "valid"]
    assert report.sessions[0].verdict == "ok"


@pytest.mark.proves("T-114")
def test_repeated_keys_of_ocpp_are_ambiguous(pair: list[Signed], codes: Any) -> None:
    text = ocpp_export.write_16(pair).decode()
    for old, new in (
        ('"transactionId": 1', '"transactionId": 2, "transactionId": 1'),
        ('"context": "Transaction.End"', '"context": "Transaction.Begin", "context": "Transaction.End"'),
        ('\\"publicKey\\": \\"\\"', '\\"publicKey\\": \\"\\", \\"publicKey\\": \\"\\"'),
    ):
        assert old in text
        (session,) = judged(text.replace(old, new)).sessions
        assert session.verdict == "fail" and "S-AMBIGUOUS" in codes(session)


def test_the_object_alone_is_read(whole: Signed) -> None:
    document = json.loads(ocpp_export.write_201([whole]))
    inner = document[3]["meterValue"][0]["sampledValue"][0]["signedMeterValue"]
    for found in (
        inner,
        {**{k: v for k, v in inner.items() if k != "signedMeterData"}, "signedMeterValue": inner["signedMeterData"]},
    ):
        report = judged(found)
        assert verdicts(report) == ["valid"] and report.sessions[0].id.startswith("sha256:")


# -- all of them --------------------------------------------------------------------------------------------------


@pytest.mark.proves("T-107", "T-108")
def test_records_of_test_keys_in_every_container(new_forge: Any, codes: Any) -> None:
    forge = new_forge(identity="METER0001")
    key = bytes.fromhex(forge.key)
    values = [
        Signed(forge.ocmf([forge.reading("B", "100.100")], PG="T7").encode(), BEGIN, key),
        Signed(forge.ocmf([forge.reading("E", "112.340")], PG="T8").encode(), END, key),
    ]
    assert curves.spki(testkeys.private_key("secp256r1", "METER0001")) == key
    for data in (
        ptb.write(values[0].record, values[1].record, key),
        ocpi.write(values, identifier="1"),
        ocpp_export.write_16(values),
        ocpp_export.write_201(values),
    ):
        report = judged(data, public_key=forge.key)
        assert all("F-TEST-KEY" in codes(record) for record in report.records) and report.summary["yellow"] == 1
        assert judged(data, public_key=forge.key, allow_test_keys=True).summary["green"] == 1


@pytest.mark.proves("T-077")
def test_a_container_key_that_is_not_the_trusted_one(
    pair: list[Signed], new_forge: Any, forge: Any, codes: Any
) -> None:
    other = new_forge(identity="another key")
    for data in (
        ptb.write(pair[0].record, pair[1].record, pair[0].public_key),
        ocpi.write(pair, identifier="1"),
        ocpp_export.write_16(pair),
    ):
        wrong = judged(data, public_key=other.key)
        assert {record.signature.reason for record in wrong.records} == {"V-KEY-CONFLICT"}
        changed = data.decode().replace(forge.key, other.key)
        if changed.encode() != data:
            for record in judged(changed, public_key=forge.key).records:
                assert record.signature.verdict == "valid" and "F-KEY-DIFFERS" in codes(record)


@pytest.mark.proves("T-080", "T-081")
@pytest.mark.parametrize(
    "name",
    [
        "ptb_container.json",
        "ocpi_cdr_signed_data.json",
        "ocpp16_stop_two_values.json",
        "ocpp201_transaction_event.json",
    ],
)
def test_no_change_of_a_byte_makes_a_false_record_valid(vectors: Path, name: str) -> None:
    data = (vectors / "transparency/other" / name).read_bytes()
    before = judged(data)
    known = {record.signed for record in before.records}
    for at in range(0, len(data), 37):
        judged(data[:at])
        for bit in (0x01, 0x20):
            changed = bytearray(data)
            changed[at] ^= bit
            for record in judged(bytes(changed)).records:
                assert record.signature.verdict != "valid" or record.signed in known


def test_deep_and_large_documents(pair: list[Signed]) -> None:
    deep = b'{"sampledValue":' * 40 + b"1" + b"}" * 40
    assert judged(deep).records[0].signature.reason == "F-JSON-DEPTH"
    many = {"transactionId": 1, "meterValue": [{"sampledValue": [{"format": "SignedData", "value": "x"}]}] * 500}
    assert len(judged(many).records) == 500


def test_vectors_keep_their_verdicts_when_read_as_text(example: Callable[[str], Any]) -> None:
    for name in ("ptb_container.json", "ocpi_cdr_signed_data.json", "ocpp16_stop_two_values.json"):
        data = json.dumps(example(name)).encode()
        for encoded in (data.hex().encode(), base64.b64encode(data)):
            assert [session.verdict for session in judged(encoded).sessions] == ["ok"]


# -- records of binary formats in containers ----------------------------------------------------------------------


@pytest.fixture
def lines(vectors: Path) -> list[str]:
    """Start, intermediate and stop of one ALFEN session."""
    return (vectors / "transparency/other/alfen_synthetic_ok.txt").read_text().split()


def test_alfen_lines_in_every_container(lines: list[str], codes: Any) -> None:
    alone = judged("\n".join(lines))
    values = [Signed(line.encode(), label, b"", "ALFEN") for line, label in zip(lines, (BEGIN, None, END), strict=True)]
    for data in (
        json.dumps({"placeInfo": {}, "signedMeterValues": [{"format": "ALFEN", "payload": line} for line in lines]}),
        json.dumps({"placeInfo": {}, "signedMeterValues": [{"format": "ALFEN", "payload": "\n".join(lines)}]}),
        ocpi.write(values, identifier="1"),
        ocpp_export.write_16(values),
        ocpp_export.write_201(values),
        ocpp_export.write_16([Signed("\n".join(lines).encode(), END, b"", "ALFEN")]),
    ):
        report = judged(data)
        (session,) = report.sessions
        assert session.verdict == "ok" and verdicts(report) == ["valid"] * 3
        assert [record.signed for record in session.records] == [record.signed for record in alone.records]
        assert not [code for record in report.records for code in codes(record) if code == "F-FORMAT-LABEL"]
    for label, expected in (("Alfen Eichrecht", False), ("OCMF", True), ("EDL40 Mennekes", True), (" ", False)):
        document = json.loads(ocpi.write(values, identifier="1"))
        document["signed_data"]["encoding_method"] = label
        assert all(("F-FORMAT-LABEL" in codes(record)) is expected for record in judged(document).records)
    changed = [Signed(values[0].record.replace(b"A", b"B", 1), BEGIN, b"", "ALFEN"), *values[1:]]
    assert "valid" not in verdicts(judged(ocpi.write(changed[:1], identifier="1")))


def test_plain_data_of_alfen_is_compared(lines: list[str], codes: Any) -> None:
    document = json.loads(ocpi.write([Signed(lines[0].encode(), BEGIN, b"", "ALFEN")], identifier="1"))
    (value,) = document["signed_data"]["signed_values"]
    assert "F-PLAIN-DIFFERS" not in codes(judged(document).records[0])
    value["plain_data"] = lines[2]
    assert "F-PLAIN-DIFFERS" in codes(judged(document).records[0])
    value["plain_data"] = "AP;0;broken"
    assert "F-PLAIN-DIFFERS" not in codes(judged(document).records[0])


def test_telegrams_of_edl_meters_in_messages(vectors: Path) -> None:
    """Both telegrams of a container of S.A.F.E., labelled as they are there."""
    from wattproof.signed import xmlscan

    root = xmlscan.parse((vectors / "transparency/containers/safe_NewEHZSML.xml").read_bytes()).root
    stated = []
    for value, label in zip(root.all("value"), (BEGIN, END), strict=True):
        (data,), (key,) = value.all("signedData"), value.all("publicKey")
        stated.append((data.text, key.text, label))
    alone = examine(vectors / "transparency/containers/safe_NewEHZSML.xml", now=NOW)
    document = {
        "transactionId": 7,
        "transactionData": [
            {
                "sampledValue": [
                    {
                        "format": "SignedData",
                        "context": label,
                        "value": json.dumps({"signedMeterData": data, "encodingMethod": "EDL", "publicKey": key}),
                    }
                ]
            }
            for data, key, label in stated
        ],
    }
    report = judged(document)
    (session,) = report.sessions
    assert (session.id, session.verdict) == ("7", alone.sessions[0].verdict)
    assert [record.signed for record in report.records] == [record.signed for record in alone.records]
    assert verdicts(report) == ["valid", "valid"]


def test_pcdf_lines_in_ocpi(vectors: Path) -> None:
    data = (vectors / "transparency/containers/safe_valid.pcdf").read_bytes()
    report = judged(ocpi.write([Signed(data, END, b"", "PCDF")], identifier="1"))
    (session,) = report.sessions
    assert verdicts(report) == ["valid"] and session.verdict == examine(data, now=NOW).sessions[0].verdict
