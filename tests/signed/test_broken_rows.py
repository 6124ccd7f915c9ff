"""Rows that are no records cost little, and are judged as if nothing were known about them beforehand."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from wattproof.signed import examine_stream, recognise
from wattproof.signed.limits import Limits
from wattproof.signed.sources import lines, rows
from wattproof.signed.units import Carrier

NOW = 1_800_000_000
DOCUMENTS = (
    "{}",
    "[]",
    "[1]",
    '{"a":1}',
    '{"a":1,"a":2}',
    '{"a":{"b":1,"b":[]}}',
    '{"a":"\\ud800"}',
    '{"format":"ptb"}',
    '{"format":"PTB","ocmfBegin":"x"}',
    '{"ocmfBegin":1,"ocmfEnd":{}}',
    '{"format":1,"ocmfEnd":"x"}',
    '{"@context":"https://open.charging.cloud/contexts/CTR+json"}',
    '{"@context":["https://open.charging.cloud/contexts/CTR+json"],"chargingSessions":[{}]}',
    '{"@context":null}',
    '{"@context":7}',
    '{"signedMeterValues":[{}],"placeInfo":1}',
    '{"signed_values":[{"signed_data":"x"}]}',
    '{"format":"SignedData","value":"OCMF|{}|{}"}',
    '{"signedMeterValue":{"signedMeterData":"T0NNRg==","encodingMethod":"OCMF"}}',
    '[2,"1","StopTransaction",{"transactionData":[]}]',
    '{"session_id":1,"outlet":2}',
    '{"record":{"a":1}}',
    '{"a":"%PDF-1.7"}',
    '{"record":"%PDF-1.7"}',
    '{"record":"PAR1"}',
    '{"record":"I am no image"}',
    '{"record":"a"}',
    '{"record":"RIFF....WEBP"}',
)


def _plainly(line: bytes, limits: Limits) -> rows.Row:
    """The row of a line, without what is known about its content."""
    found = lines.parse_any(line, limits)
    return rows.row(found.content, findings=found.findings) if found.loaded is not None else found


def _judged(data: bytes, **options: Any) -> list[dict[str, Any]]:
    return [part.as_dict() for part in examine_stream(data, now=NOW, **options)]


@pytest.mark.proves("T-076", "T-124")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_known_of_a_line_changes_nothing(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b'{"record":"x"}\n' + document.encode() + b"\n"
    found = _judged(data)
    assert len(found) == 2
    monkeypatch.setattr(lines, "parse", _plainly)
    assert _judged(data) == found


def test_a_tar_archive_that_begins_like_json_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    document = b'{"' + b"\0" * 255 + b"ustar" + b'":1}'
    assert document[257:262] == b"ustar"
    data = b'{"record":"x"}\n' + document + b"\n"
    found = _judged(data)
    assert found[1]["records"][0]["reason"] == "F-ARCHIVE"
    monkeypatch.setattr(lines, "parse", _plainly)
    assert _judged(data) == found


def test_wrappers_are_found_by_all_of_their_tests() -> None:
    """The first look at the bytes leaves nothing out."""
    draw = random.Random(3)
    starts = [b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*",
              b"RIFF....WEBP", b"{", b"[", b"<", b" ", b"AP;", b"OCMF|{", b"", b'"', b"\xef\xbb\xbf{"]  # fmt: skip
    pieces = [*starts, b"x" * 100, b"\0" * 60, b"x" * 1020]
    met: set[str | None] = set()
    for _ in range(3000):
        data = draw.choice(starts) + b"".join(draw.choices(pieces, k=draw.randrange(3)))
        if draw.random() < 0.3:
            data = data[:257].ljust(257, draw.choice([b"\0", b"x"])) + b"ustar" + data[257:]
        expected = next((row.name for row in recognise._WRAPPERS if row.test(data)), None)
        assert (recognise._wrapper(data) or recognise.Row("", bool, list)).name == (expected or ""), data  # type: ignore[arg-type]
        met.add(expected)
    assert met == {None, *(row.name for row in recognise._WRAPPERS)}


def test_a_document_beyond_its_limit_is_refused_though_it_was_loaded() -> None:
    body = json.dumps({"a": "x" * 100})
    limits = Limits(document=50)
    units = recognise.read(body.encode(), Carrier("JSONL"), limits, loaded=({"a": 1}, []))
    assert units[0].record.signature.reason == "F-SIZE"
