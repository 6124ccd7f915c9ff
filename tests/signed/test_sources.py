"""Where records come from: archives, streams of rows, PDF files, images. Every wrapper gives the same record."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest

from wattproof.signed import examine, examine_stream
from wattproof.signed.limits import Limits

NOW = 1_800_000_000


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def tarred(*members: tuple[str, bytes], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def table(*rows: Iterable[str], delimiter: str = ",", header: tuple[str, ...] | None = None) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([header, *rows] if header else rows)
    return file.getvalue().encode()


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as files

    file = io.BytesIO()
    files.write_table(pyarrow.table(columns), file, **options)
    return file.getvalue()


def code(text: str | bytes, kind: str = "QRCode") -> Any:
    """An image of a code."""
    zxing = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    made = zxing.write_barcode_to_image(zxing.create_barcode(text, getattr(zxing.BarcodeFormat, kind)), scale=3)
    height, width = memoryview(made).shape
    return image.frombytes("L", (width, height), bytes(memoryview(made)))


def picture(*images: Any, format: str = "PNG") -> bytes:
    """Images side by side."""
    from PIL import Image

    whole = Image.new("L", (sum(each.width + 20 for each in images), max(each.height for each in images)), 255)
    at = 0
    for each in images:
        whole.paste(each, (at, 0))
        at += each.width + 20
    file = io.BytesIO()
    whole.save(file, format)
    return file.getvalue()


def pdf(*attachments: tuple[str, bytes], images: Iterable[Any] = ()) -> bytes:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    for image in images:
        page = io.BytesIO()
        image.save(page, "PDF")
        writer.append(io.BytesIO(page.getvalue()))
    if not writer.pages:
        writer.add_blank_page(100, 100)
    for name, data in attachments:
        writer.add_attachment(name, data)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def lines(*values: Any) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


WRAPPERS: dict[str, tuple[Callable[[str], bytes], str, str]] = {
    "bare": (lambda r: r.encode(), "none", "data"),
    "gzip": (lambda r: gzip.compress(r.encode()), "GZIP", "data"),
    "zip": (lambda r: zipped(("a.ocmf", r.encode())), "ZIP", "data!/a.ocmf"),
    "tar": (lambda r: tarred(("a.ocmf", r.encode())), "TAR", "data!/a.ocmf"),
    "tar.gz": (lambda r: tarred(("d/a.ocmf", r.encode()), mode="w:gz"), "TAR", "data!/d/a.ocmf"),
    "lines of texts": (lambda r: lines(r, r), "JSONL", "data#1"),
    "lines of objects": (lambda r: lines({"x": 1, "OCMF": r}, {"ocmf": r}), "JSONL", "data#1"),
    "one line, an object": (lambda r: lines({"signed-data": r}), "JSONL", "data#1"),
    "one line, a text": (lambda r: lines(r), "JSONL", "data#1"),
    "line in Base64": (lambda r: lines({"Record": base64.b64encode(r.encode()).decode()}, 1), "JSONL", "data#1"),
    "CSV with header": (lambda r: table(["1", r], header=("id", "Signed Data")), "CSV", "data#1"),
    "CSV without header": (lambda r: table(["17", r]), "CSV", "data#1"),
    "CSV with ;": (lambda r: table([r, "x"], delimiter=";", header=("ocmf", "y")), "CSV", "data#1"),
    "CSV with ; and no quotes": (lambda r: f"n;ocmf\r\n1;{r}\r\n".encode(), "CSV", "data#1"),
    "CSV with ; , no quotes, no header": (lambda r: f"17;{r}\r\n".encode(), "CSV", "data#1"),
    "CSV with tab": (lambda r: f"ocmf\tx\n{r}\t1\n".encode(), "CSV", "data#1"),
    "CSV of one column": (lambda r: f"payload\n{r}".encode(), "CSV", "data#1"),
    "CSV of one quoted column": (lambda r: table([r]), "CSV", "data#1"),
    "CSV in hex": (lambda r: f"record,encoding\n{r.encode().hex()},hex\n".encode(), "CSV", "data#1"),
    "CSV in Base64, no header": (lambda r: b"1," + base64.b64encode(r.encode()) + b"\n2,x", "CSV", "data#1"),
    "Parquet": (lambda r: parquet({"a": [1], "signed_data": [r]}), "PARQUET", "data#1"),
    "Parquet, another name": (lambda r: parquet({"a": ["x"], "b": [r.encode()]}), "PARQUET", "data#1"),
    "Parquet in zip": (lambda r: zipped(("a", parquet({"ocmf": [r]}))), "PARQUET", "data!/a#1"),
    "lines in zip in gzip": (
        lambda r: gzip.compress(zipped(("a.jsonl", lines(r, r)))),
        "JSONL",
        "data!/a.jsonl#1",
    ),
    "PDF attachment": (lambda r: pdf(("a.ocmf", r.encode())), "PDF", "data!/a.ocmf"),
    "PDF image": (lambda r: pdf(images=[code(r)]), "QR", "data!/page1/image1"),
    "QR code": (lambda r: picture(code(r)), "QR", "data"),
    "QR code in JPEG": (lambda r: picture(code(r), format="JPEG"), "QR", "data"),
    "QR code in TIFF": (lambda r: picture(code(r), format="TIFF"), "QR", "data"),
    "QR code in WebP": (lambda r: picture(code(r), format="WEBP"), "QR", "data"),
    "Data Matrix": (lambda r: picture(code(r, "DataMatrix")), "QR", "data"),
    "zip in Base64": (lambda r: base64.b64encode(zipped(("a", r.encode()))), "ZIP", "data!/a"),
}


@pytest.mark.proves("T-099", "T-095")
@pytest.mark.parametrize("name", WRAPPERS)
def test_every_wrapper_gives_the_same_record(name: str, forge: Any) -> None:
    wrap, container, source = WRAPPERS[name]
    text = forge.session(ID="äöü" if "Data Matrix" not in name else "aou")
    plain = forge.examine(text)
    report = forge.examine(wrap(text))
    record = report.records[0]
    assert (record.signature.verdict, record.signed) == ("valid", plain.records[0].signed)
    assert (record.container, record.source, record.index) == (container, source, 0)
    assert report.sessions[0].id == plain.sessions[0].id and report.sessions[0].verdict == "ok"
    broken = forge.examine(wrap(text.replace("112.340", "112.341"))).records[0]
    assert (broken.signature.verdict, broken.signature.reason) == ("invalid", "V-MISMATCH")


@pytest.mark.proves("T-095")
def test_a_transaction_column_names_the_session(forge: Any) -> None:
    record = forge.session()
    for data in (
        lines({"ocmf": record, "transaction_id": " 17 "}),
        lines({"ocmf": record, "TransactionId": 17}, {}),
        table([record, "17"], header=("ocmf", "session-id")),
        parquet({"ocmf": [record], "transaction": ["no"], "Transaction ID": [17]}),
        parquet({"ocmf": [record], "transactionid": ["17"]}),
        forge.xml((record, "17")),
    ):
        assert forge.examine(data).sessions[0].id == "17"


def test_documents_in_rows_and_members_are_containers(forge: Any) -> None:
    xml = forge.xml((forge.session(), "1"))
    for data, source in (
        (zipped(("d/a.xml", xml)), "data!/d/a.xml"),
        (table([xml.decode()], header=("record",)), "data#1"),
        (lines({"payload": xml.decode()}, 1), "data#1"),
        (pdf(("a.xml", xml)), "data!/a.xml"),
        (gzip.compress(xml), "data"),
    ):
        record = examine(data, now=NOW).records[0]
        assert (record.signature.verdict, record.container, record.source) == ("valid", "SAFE-XML", source)
        assert record.signature.key_source == "container"


# -- streams of rows ----------------------------------------------------------------------------------------------


def _summary(parts: Iterable[Any]) -> list[tuple[list[str], list[str]]]:
    """Sources of records and ids of sessions of each part."""
    return [([record.source for record in part.records], [session.id for session in part.sessions]) for part in parts]


@pytest.mark.proves("T-124", "T-095")
@pytest.mark.parametrize("kind", ["lines", "csv", "parquet"])
def test_rows_of_a_transaction_that_follow_each_other_are_one_session(kind: str, forge: Any) -> None:
    begin = forge.ocmf([forge.reading("B", "1")], PG="T1")
    end = forge.ocmf([forge.reading("E", "2")], PG="T2")
    rows = [(begin, "A"), (end, "A"), (begin, "B"), (begin, "A"), (end, "B"), (begin, None), (end, None)]
    if kind == "lines":
        data = lines(*({"ocmf": record, "transactionId": id} for record, id in rows))
    elif kind == "csv":
        data = table(*([record, id or ""] for record, id in rows), header=("ocmf", "transaction_id"))
    else:
        data = parquet({"ocmf": [row[0] for row in rows], "transactionid": [row[1] for row in rows]})
    parts = list(examine_stream(data, forge.key, now=NOW))
    verdicts = [session.verdict for part in parts for session in part.sessions]
    assert verdicts == ["ok", *["incomplete"] * 5]
    ids = _summary(parts)
    assert ids[0] == (["data#1", "data#2"], ["A"])
    assert [sources for sources, _ in ids[1:]] == [[f"data#{number}"] for number in range(3, 8)]
    assert [id for _, (id,) in ids[1:4]] == ["B", "A", "B"]
    assert all(id.startswith("sha256:") for _, (id,) in ids[4:])


@pytest.mark.proves("T-124")
def test_a_row_borrows_a_key_only_inside_its_group(forge: Any, codes: Any) -> None:
    begin = forge.ocmf([forge.reading("B", "1")], PG="T1")
    end = forge.ocmf([forge.reading("E", "2")], PG="T2")
    data = lines(
        {"ocmf": begin, "transactionId": "A", "publicKey": forge.key, "context": "Transaction.Begin"},
        {"ocmf": end, "transactionId": "A"},
        {"ocmf": end},
        {"ocmf": end, "transactionId": "B"},
        {"ocmf": begin, "transactionId": "A"},
    )
    records = examine(data, now=NOW).records
    assert [record.signature.verdict for record in records] == ["valid", "valid", "no-key", "no-key", "no-key"]
    assert ["F-KEY-SHARED" in codes(record) for record in records] == [False, True, False, False, False]
    assert [record.context for record in records] == ["Transaction.Begin", None, None, None, None]
    assert [record.transaction for record in records] == ["A", "A", None, "B", "A"]


@pytest.mark.proves("T-124")
def test_keys_of_one_row_are_compared(forge: Any, new_forge: Any, codes: Any) -> None:
    other = new_forge(identity="another").key
    for key, more, verdict, reason in (
        (forge.key, other, "valid", None),
        (other, forge.key, "key-error", "V-KEY-CONFLICT"),
    ):
        (record,) = examine(lines({"ocmf": forge.session(), "publicKey": key, "key": more}), now=NOW).records
        assert (record.signature.verdict, record.signature.reason) == (verdict, reason)
    assert "F-COLUMN-TWICE" not in codes(record)
    text = table([forge.session(), other, forge.key], header=("ocmf", "Public Key", "public_key"))
    (record,) = examine(text, now=NOW).records
    assert record.signature.reason == "V-KEY-CONFLICT" and "F-COLUMN-TWICE" in codes(record)


@pytest.mark.proves("T-124")
def test_a_second_record_column_is_not_left_out_without_a_word(forge: Any, codes: Any) -> None:
    good, bad = forge.session(), forge.session().replace("112.340", "912.340")
    for data in (table([good, bad], header=("record", "ocmf")), lines({"ocmf": bad, "record": good}, {"ocmf": good})):
        record, *_ = forge.examine(data).records
        assert record.signature.verdict == "valid" and "F-COLUMN-TWICE" in codes(record)


@pytest.mark.proves("T-124", "T-114")
def test_a_line_that_states_its_record_twice_is_ambiguous(forge: Any, codes: Any) -> None:
    first, second = json.dumps(forge.session()), json.dumps(forge.session("1.000"))
    report = forge.examine(f'{{"ocmf":{first},"ocmf":{second}}}\n[]'.encode())
    assert "S-AMBIGUOUS" in codes(report.sessions[0]) and report.sessions[0].verdict == "fail"
    assert report.records[0].signed == forge.session("1.000").split("|")[1].encode()


def test_containers_on_lines_are_documents(forge: Any) -> None:
    xml = forge.xml((forge.session(), "1")).decode()
    data = lines(
        xml,
        {"signed_data": {"public_key": "x"}},
        {"meterValue": [], "transactionId": 1},
        {"ocmf": None},
        5,
        "",
        {"ocmf": "rubbish", "transactionId": "7"},
        [],
    )
    report = forge.examine(data)
    assert [record.source for record in report.records] == [f"data#{number}" for number in range(1, 9)]
    assert report.records[0].container == "SAFE-XML" and report.records[0].signature.verdict == "valid"
    assert all(record.signature.verdict in ("format-error", "unsupported") for record in report.records[1:])
    reasons = [record.signature.reason for record in report.records]
    assert reasons[3:6] == ["F-EMPTY", "F-JSON", "F-EMPTY"] and report.records[6].transaction == "7"


def test_natures_of_ocpi_are_labels(forge: Any) -> None:
    rows = [{"signed_data": forge.session(), "nature": nature} for nature in ("Start", "end", "Intermediate")]
    contexts = [record.context for record in forge.examine(lines(*rows)).records]
    assert contexts == ["Transaction.Begin", "Transaction.End", "Intermediate"]


@pytest.mark.proves("T-098")
@pytest.mark.parametrize("kind", ["lines", "csv", "parquet", "lines in gzip"])
def test_a_row_that_is_too_long_is_one_format_error(kind: str, forge: Any) -> None:
    record, long = forge.session(), "x" * 2_000_000
    texts = [record, long, record, f"OCMF|{long}", record]
    if kind == "csv":
        data = table(*([text] for text in texts), header=("ocmf",))
    elif kind == "parquet":
        data = parquet({"ocmf": texts})
    else:
        random = "".join(f"{number:x}" for number in range(300_000))  # no archive of a few bytes
        texts[3] = random + random
        data = lines(*({"ocmf": text} for text in texts))
        data = gzip.compress(data) if kind.endswith("gzip") else data
    report = forge.examine(data)
    assert [record.signature.reason for record in report.records] == [None, "F-SIZE", None, "F-SIZE", None]
    assert [record.source for record in report.records] == [f"data#{number}" for number in range(1, 6)]


@pytest.mark.proves("T-098")
@pytest.mark.parametrize("kind", ["lines", "csv", "parquet"])
def test_a_stream_may_have_more_rows_than_a_document_units(kind: str, forge: Any) -> None:
    record, count = forge.session(), 41
    if kind == "lines":
        data = lines(*({"ocmf": record} for _ in range(count)))
    elif kind == "csv":
        data = table(*([record] for _ in range(count)), header=("ocmf",))
    else:
        data = parquet({"ocmf": [record] * count})
    small = Limits(units=10, document=len(record) * 5)
    assert sum(len(part.sessions) for part in examine_stream(data, forge.key, now=NOW, limits=small)) == count
    assert {len(part.records) for part in examine_stream(data, forge.key, now=NOW, limits=small)} == {1}


@pytest.mark.parametrize("limits", [Limits(units=3), Limits(document=2100)])
def test_a_group_of_rows_is_limited_like_a_document(limits: Limits, forge: Any) -> None:
    pages = [forge.ocmf([forge.reading("C", "1")], PG=f"T{page}") for page in range(1, 8)]
    data = lines(*({"ocmf": record, "sessionid": "1"} for record in pages), {"ocmf": pages[0], "sessionid": "2"})
    first, second = examine_stream(data, forge.key, now=NOW, limits=limits)
    assert first.records[-1].signature.reason == "F-SIZE" and len(first.records) == 4
    assert [record.source for record in second.records] == ["data#8"]


@pytest.mark.proves("T-124")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ocmf,x\n"{0}",1\n"{1}",2\n', ["#1", "#2"]),
        ('ocmf,x\n"open,1\n"{1}",2\n', ["#1!", "#2"]),
        ('ocmf,x\n"closed" and more,1\n"{1}",2\n', ["#1!", "#2"]),
        ('ocmf,x\n\r\n\n"{0}",1\n\n"{1}",2', ["#1", "#2"]),
        ('x,ocmf\n"a\nb, c",{2}\n1,"{1}"\n', ["#1!", "#2!", "#3"]),
        ('x,ocmf\n"a\n""b"", c","{0}"\n1,"{1}"\n', ["#1", "#2"]),
        ('ocmf,x\nocmf,x\n"{1}",\n', ["#1!", "#2"]),
        ('x;ocmf\n1\n1;"{1}"\n', ["#1!", "#2"]),
        ('\ufeffocmf\n"{0}"\n"{1}"', ["#1", "#2"]),
    ],
)
def test_quotes_and_line_ends_in_tables(text: str, expected: list[str], forge: Any) -> None:
    first, second = forge.session(), forge.session("1.000")
    quoted = [record.replace('"', '""') for record in (first, second)]
    data = text.replace("{0}", quoted[0]).replace("{1}", quoted[1]).replace("{2}", first)
    report = forge.examine(data.encode())
    found = []
    for record in report.records:
        valid = record.signature.verdict == "valid"
        found.append(record.source.removeprefix("data") + ("" if valid else "!"))
        assert not valid or record.signed in (first.split("|")[1].encode(), second.split("|")[1].encode())
    assert found == expected


def test_an_open_quote_costs_one_row(forge: Any) -> None:
    data = b'ocmf,x\n"open\n' + (b"a," + b"b" * 997 + b"\n") * 1500 + table([forge.session(), "1"])
    last = None
    for part in examine_stream(data, forge.key, now=NOW):
        last = part
    assert last is not None and last.records[0].source == "data#1502"
    assert last.records[0].signature.verdict == "valid"


@pytest.mark.parametrize("name", ["fleet.jsonl", "fleet.NDJSON"])
def test_the_ending_of_a_name_breaks_a_tie(name: str, forge: Any, tmp_path: Any) -> None:
    path = tmp_path / name
    path.write_bytes(b"{broken\n" + lines({"ocmf": forge.session()}))
    report = examine(path, forge.key, now=NOW)
    assert [record.signature.reason for record in report.records] == ["F-JSON", None]
    assert len(forge.examine(path.read_bytes()).records) == 1  # by its content this is a broken JSON document


def test_lines_that_are_no_utf8(forge: Any, codes: Any) -> None:
    payload = json.dumps(
        forge.payload([forge.reading("B", None), forge.reading("E", None)], ID="ä"), ensure_ascii=False
    )
    record = forge.sign(payload.encode("latin-1"))
    line = b'{"ocmf":' + json.dumps(
        record.encode("utf-8", "surrogateescape").decode("latin-1"), ensure_ascii=False
    ).encode("latin-1")
    (found, _) = forge.examine(line + b"}\n{}").records
    assert found.signature.verdict == "valid" and "F-UTF8" in codes(found)


@pytest.mark.slow
@pytest.mark.proves("T-098")
@pytest.mark.parametrize("kind", ["lines", "csv", "parquet"])
def test_a_hundred_thousand_and_one_rows(kind: str) -> None:
    count = 100_001
    if kind == "lines":
        data = b'{"ocmf":"OCMF|{}|{}"}\n' * count
    elif kind == "csv":
        data = b"ocmf\n" + b"OCMF|{}|{}\n" * count
    else:
        data = parquet({"ocmf": ["OCMF|{}|{}"] * count})
    last = ""
    number = 0
    for number, part in enumerate(examine_stream(data), 1):  # noqa: B007
        (record,) = part.records
        last = record.source
    assert number == count and last == f"data#{count}"


@pytest.mark.proves("T-124")
@pytest.mark.parametrize("kind", ["lines", "csv"])
def test_a_changed_stream_shows_nothing_that_was_not_signed(kind: str, forge: Any) -> None:
    records = [forge.session(PG=f"T{page}") for page in range(1, 5)]
    if kind == "lines":
        data = lines(*({"transactionId": str(at // 2), "ocmf": each} for at, each in enumerate(records)))
    else:
        data = table(*([str(at // 2), each] for at, each in enumerate(records)), header=("sessionid", "ocmf"))
    shown = {each.records[0].signed: each.as_dict()["sessions"][0]["energy"] for each in map(forge.examine, records)}
    random = Random(11)
    pieces = [b'"', b",", b"\n", b"\r\n", b"{", b"}", b"\\", b'""', b"ocmf", b"|", b"\0", b"", b"\xff"]
    for _ in range(400):
        changed = bytearray(data)
        for _ in range(random.choice((1, 1, 2))):
            at = random.randrange(len(changed))
            changed[at : at + random.choice((0, 1, 1, 30))] = random.choice(pieces)
        report = forge.examine(bytes(changed))
        for record in report.records:
            assert record.signature.verdict != "valid" or record.signed in shown
        for session in report.sessions:
            if session.verdict == "ok" and all(each.signature.verdict == "valid" for each in session.records):
                assert all(each.signed in shown for each in session.records)
