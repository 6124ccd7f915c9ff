"""ChargePoint records in archives: the two files of a record and its key, found by name."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import Any

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import chargepoint_export

NOW = 1_800_000_000
KEY = testkeys.private_key("secp224k1", "a key of these tests")


def files() -> dict[str, bytes]:
    stated = chargepoint_export.Session("M1", "1.0", "2.5", 1_700_000_000, 1_700_003_600)
    data = chargepoint_export.record(stated)
    return chargepoint_export.files(data, chargepoint_export.sign(data, KEY), curves.public_key(KEY))


def tar(found: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as packed:
        for name, data in found.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    return target.getvalue()


@pytest.mark.proves("T-071", "T-099")
@pytest.mark.parametrize("pack", [chargepoint_export.archive, tar, lambda found: gzip.compress(tar(found), mtime=0)])
def test_a_record_in_an_archive(pack: Any) -> None:
    found = files()
    for order in (list(found), list(found)[::-1]):
        report = examine(pack({f"x/{name}": found[name] for name in order}), now=NOW)
        (session,) = report.sessions
        (record,) = report.records
        assert (session.verdict, record.signature.verdict, record.signature.key_source) == ("ok", "valid", "container")
        assert record.container == "CHARGEPOINT" and record.source.endswith("!/x/secrrct")
    trusted = examine(pack(dict(list(found.items())[:2])), curves.spki(KEY), now=NOW)
    assert trusted.summary["green"] == 1
    alone = examine(pack({"secrrct": found["secrrct"]}), now=NOW)
    assert alone.records[0].signature.reason == "F-SD"
    changed = {**found, "secrrct": found["secrrct"].replace(b"2.5", b"2.6")}
    assert examine(pack(changed), now=NOW).records[0].signature.verdict in ("invalid", "key-error")


def test_two_records_in_one_archive() -> None:
    found = files()
    both = {f"{folder}/{name}": data for folder in ("a", "b") for name, data in found.items()}
    report = examine(chargepoint_export.archive(both), now=NOW)
    assert [record.signature.verdict for record in report.records] == ["valid", "valid"]
    assert report.summary["sessions"] == 2
