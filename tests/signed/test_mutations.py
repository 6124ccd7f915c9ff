"""Records changed byte by byte and piece by piece: nothing tampered is valid, nothing valid shows another value.

The display rule: whatever a unit of the mutated input shows, if it is valid, equals what the unchanged input shows for
the unit with the same signed bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import examine
from wattproof.signed.records import Record, Verdict
from wattproof.signed.report import Report
from wattproof.signed.sessions import SessionVerdict

SEED = 20221
NOW = 1_800_000_000
CHECKED = "FV GI GS GV PG MV MM MS MF IS IL IF IT ID CT CI".split()
READING = "TM TX RV RI RU RT EF ST".split()


def crashed(report: Report) -> bool:
    return any("internal error" in finding.message for record in report.records for finding in record.findings)


def judged(data: bytes, key: str | None = None) -> Report:
    report = examine(data, key, now=NOW)
    assert not crashed(report)
    json.dumps(report.as_dict())
    return report


def shown(record: Record) -> tuple[Any, ...]:
    """Everything that is displayed of a record's signed content."""
    return (
        record.gateway_serial,
        record.meter_serial,
        record.identification,
        record.assigned,
        record.assignment_level,
        record.evse,
        record.page_text,
        [
            (r.moment, r.register, r.value, r.literal, r.unit, r.time, r.time_text, r.status, r.error_flags)
            for r in record.readings
        ],
    )


def obeys(before: Report, after: Report) -> None:
    known = {record.signed: shown(record) for record in before.records}
    for record in after.records:
        if record.signature.verdict is Verdict.VALID:
            assert record.signed in known
            assert shown(record) == known[record.signed]


def cases(vectors: Path) -> Iterator[tuple[str, bytes, str | None]]:
    folder = vectors / "transparency"
    for case in json.loads((folder / "manifest.json").read_text())["cases"]:
        path = folder / case["file"]
        if path.is_file():
            key = case["key"]
            # where a key is no text, the manifest says in words where it is
            yield case["file"], path.read_bytes(), key if key and len(key) > 40 else None


@pytest.mark.proves("T-080")
def test_no_truncation_raises(vectors: Path) -> None:
    for name, data, key in cases(vectors):
        step = max(1, len(data) // 40)
        whole = judged(data, key)
        for end in range(0, len(data), step):
            report = judged(data[:end], key)
            if name.endswith((".ocmf", ".xml")):
                obeys(whole, report)


@pytest.mark.proves("T-081")
def test_no_flipped_byte_is_valid(vectors: Path) -> None:
    flips = 0
    source = random.Random(SEED)
    for name, data, key in cases(vectors):
        if not name.endswith(".ocmf"):
            continue
        for record in judged(data, key).records:
            if record.signature.verdict is not Verdict.VALID:
                continue
            start = data.index(record.signed)
            step = 1 if name.endswith("syn-secp256r1-ok.ocmf") else 23
            for position in range(start, start + len(record.signed), step):
                changed = bytearray(data)
                changed[position] ^= 1 << source.randrange(8)
                assert all(
                    found.signature.verdict is not Verdict.VALID for found in judged(bytes(changed), key).records
                )
                flips += 1
    assert flips > 1500


@pytest.mark.proves("T-081", "T-122")
@pytest.mark.parametrize(
    "name", ["containers/safe_test_ocmf_ebee_01.xml", "sessions/pair-ok.xml", "other/bsm_chargeit_ok.json"]
)
def test_no_flipped_byte_of_a_container_shows_another_value(vectors: Path, name: str) -> None:
    data = (vectors / "transparency" / name).read_bytes()
    before = judged(data)
    source = random.Random(SEED)
    for position in range(0, len(data), 11):
        changed = bytearray(data)
        changed[position] ^= 1 << source.randrange(8)
        obeys(before, judged(bytes(changed)))


def parts(record: str) -> tuple[str, str]:
    _, payload, section = record.split("|")
    return payload, section


@pytest.mark.proves("T-114")
def test_repeated_keys_after_signing_change_nothing_that_is_shown(forge: Any) -> None:
    record = forge.session()
    before = judged(record.encode(), forge.key)
    payload, section = parts(record)
    for text, keys in ((payload, [*CHECKED, *READING]), (section, ["SA", "SD"])):
        for key in keys:
            for spelling in (key, f"\\u{ord(key[0]):04x}{key[1:]}"):
                for value in ('"T9"', "7", "null", '"30"'):
                    for mutated in (
                        text.replace(f'"{key}":', f'"{spelling}":{value},"{key}":', 1),
                        text.replace("{", f'{{"{spelling}":{value},', 1),
                        text[:-1] + f',"{spelling}":{value}}}',
                    ):
                        after = judged(record.replace(text, mutated).encode(), forge.key)
                        obeys(before, after)
                        if text is payload:
                            assert all(found.signature.verdict is not Verdict.VALID for found in after.records)


@pytest.mark.proves("T-114", "T-026")
@pytest.mark.parametrize("key", [*CHECKED, *READING, "CL", "TT", "CF"])
def test_a_checked_key_repeated_before_signing_never_gives_a_good_session(forge: Any, raw: Any, key: str) -> None:
    payload, _ = parts(forge.session(TT="x", CF="y"))
    if f'"{key}":' not in payload:
        payload = payload.replace('"TX":"E"', '"TX":"E","CL":0', 1).replace('"TX":"B"', '"TX":"B","CL":0', 1)
    start = payload.index(f'"{key}":')
    value = json.JSONDecoder().raw_decode(payload, start + len(key) + 3)[1]
    member = payload[start:value]
    report = judged(forge.sign(payload.replace(member, f"{member},{member}", 1)).encode(), forge.key)
    assert report.records[0].signature.verdict is Verdict.VALID
    assert report.records[0].ambiguous
    assert all(session.verdict is not SessionVerdict.OK for session in report.sessions)


NUMBERS = ["12.34", "12.3400", "1.2340e1", '"12.340"', "+12.340", "012.340", "12,340", "0xC", "NaN", "1" * 400]
NUMBERS.append("\u0661\u0662.\u0663")  # digits of another script


@pytest.mark.proves("T-115")
@pytest.mark.parametrize("number", NUMBERS)
def test_another_form_of_a_number_is_never_valid(forge: Any, number: str) -> None:
    record = forge.session(begin="1.000", end="12.340")
    before = judged(record.encode(), forge.key)
    after = judged(record.replace("12.340", number).encode(), forge.key)
    obeys(before, after)
    assert all(found.signature.verdict is not Verdict.VALID for found in after.records)


@pytest.mark.proves("T-116")
def test_moved_and_doubled_separators(forge: Any) -> None:
    record, other = forge.session(), forge.session(end="999.999")
    payload, section = parts(record)
    false_payload, _ = parts(other)
    before = judged(record.encode(), forge.key)
    for mutated in (
        record.replace("OCMF|", "OCMF ||"),
        record.replace("OCMF|", "OCMF |"),
        record.replace("OCMF|", "ocmf|"),
        record.replace("}|{", "}||{"),
        record.replace("}|{", "}{"),
        record.replace("}|{", "}\\u007c{"),
        f"OCMF|{false_payload}|{payload}|{section}",
        f"OCMF|{payload}|{section}|{false_payload}",
        f"OCMF|{payload}|{section[:-1]},\"payload\":{false_payload}}}",
        f"OCMF|{payload}|{section}|{forge.key}|{false_payload}",
        f"OCMF|{false_payload}|{section}",
        f"{record}OCMF|{false_payload}|{section}",
        f"{record}\n{record}",
    ):  # fmt: skip
        obeys(before, judged(mutated.encode(), forge.key))


WHITE = [" ", "\r", "\n", "\t", "\u00a0", "\ufeff", "\0", "\u200b", "\x0b", "\x85"]


@pytest.mark.proves("T-117")
@pytest.mark.parametrize("white", WHITE, ids=ascii)
def test_white_space_at_every_boundary(forge: Any, white: str) -> None:
    record = forge.session()
    before = judged(record.encode(), forge.key)
    boundaries = [at for at, character in enumerate(record) if character in '{}[]|,:"'] + [len(record)]
    for at in boundaries:
        mutated = record[:at] + white + record[at:]
        after = judged(mutated.encode(), forge.key)
        obeys(before, after)
        beside = at in (record.index("{"), record.index("}|{") + 1)
        for found in after.records:
            if found.signature.verdict is Verdict.VALID and beside:
                assert "F-PAYLOAD-TRIM" in {finding.code for finding in found.findings}


@pytest.mark.proves("T-117")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\u00fc", "u\u0308"),
        ("\u00fc", "\\u00fc"),
        ("\u00fc", "&#252;"),
        ("\u00fc", "<!-- x -->\u00fc"),
        ("\u00fc", "<?x?>\u00fc"),
        ("\u00fc", "<![CDATA[\u00fc]]>"),
        ("UTF-8", "ISO-8859-1"),
        ("UTF-8", "windows-1252"),
        ("UTF-8", "UTF-16"),
        ("<signedData", "<signedData x=''"),
        ("</signedData>", "</signedData><signedData>x</signedData>"),
    ],
)
def test_forms_of_text_in_a_container(forge: Any, before: str, after: str) -> None:
    record = forge.session(ID="T\u00fcr")
    text = forge.xml((record, "1")).decode()
    assert before in text
    obeys(judged(text.encode(), forge.key), judged(text.replace(before, after, 1).encode(), forge.key))


@pytest.mark.proves("T-118")
def test_slack_in_the_encoding_of_a_signature(forge: Any) -> None:
    import base64

    record = forge.session()
    payload, section = parts(record)
    der = bytes.fromhex(json.loads(section)["SD"])
    text = base64.b64encode(der).decode()
    for encoding, slack in (
        ("base64", text.rstrip("=")),
        ("base64", text + "="),
        ("base64", text[:20] + "\n" + text[20:]),
        ("base64", text.replace("A", "-").replace("+", "_")),
        ("base64", text[:-1] + "!"),
        ("hex", der.hex() + "0"),
        ("hex", "0x" + der.hex()),
        ("hex", " ".join(der.hex())),
        ("hex", text),
        ("base64", der.hex()),
    ):
        mutated = f"OCMF|{payload}|" + json.dumps({"SA": "ECDSA-secp256r1-SHA256", "SE": encoding, "SD": slack})
        (found,) = judged(mutated.encode(), forge.key).records
        if found.signature.verdict is Verdict.VALID:
            assert base64.b64decode(slack + "==") == der


@pytest.mark.proves("T-119")
def test_no_signature_serves_another_record(forge: Any, new_forge: Any) -> None:
    texts = [forge.session(end=f"112.34{digit}") for digit in range(3)] + [
        new_forge(identity="b").session(end="112.349")
    ]
    pairs = [parts(text) for text in texts]
    for one, (payload, _) in enumerate(pairs):
        for two, (_, section) in enumerate(pairs):
            (found,) = judged(f"OCMF|{payload}|{section}".encode(), forge.key).records
            assert (found.signature.verdict is Verdict.VALID) is (one == two and one < 3)


PIECES = [
    "|",
    "{",
    "}",
    '"',
    ",",
    ":",
    "\\",
    " ",
    "\n",
    '"RV":9,',
    '"PG":"T8",',
    "\ufeff",
    "0",
    "e9",
    "\u0308",
    "OCMF|",
]


def changed(text: str, source: random.Random) -> str:
    """``text`` with one piece put in, cut out, replaced or doubled."""
    at, kind = source.randrange(len(text)), source.randrange(4)
    piece = source.choice(PIECES)
    if kind == 0:
        return text[:at] + piece + text[at:]
    if kind == 1:
        return text[:at] + text[at + source.randrange(1, 8) :]
    if kind == 2:
        return text[:at] + piece + text[at + 1 :]
    end = min(len(text), at + source.randrange(1, 60))
    return text[:at] + text[at:end] * 2 + text[end:]


@pytest.mark.slow
@pytest.mark.proves("T-125")
def test_random_combinations_of_two_mutations(forge: Any) -> None:
    source = random.Random(SEED)
    print(f"seed {SEED}")
    record = forge.session(ID="T\u00fcr|x")
    before = judged(record.encode(), forge.key)
    valid = 0
    for _ in range(100_000):
        after = examine(changed(changed(record, source), source).encode(), forge.key, now=NOW)
        assert not crashed(after)
        obeys(before, after)
        valid += any(found.signature.verdict is Verdict.VALID for found in after.records)
    assert 0 < valid < 50_000
