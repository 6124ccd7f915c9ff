"""The fuzz targets: one for each format of the registries, for each parser below them, and for each kind of source.

A format that is added to :mod:`wattproof.signed.formats` or to the forge is a target by that alone.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.fuzz.guided import oracles, parsers, resign, seeds
from wattproof.signed import jsonscan, recognise, xmlscan
from wattproof.signed.forging import MAKERS
from wattproof.signed.formats import FormatRow, JsonRow, Row, XmlRow, rows
from wattproof.signed.limits import DEFAULT
from wattproof.signed.records import Verdict
from wattproof.signed.units import Carrier, Enclosed, Item, Unit
from wattproof.signed.verification import verify

#: Inputs that are kept, a folder for each target.
CORPUS = Path(__file__).resolve().parent.parent / "corpus"


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` raises for a defect. ``seeds`` are made when asked for. ``structured``: inputs are files, and changed as
    such. ``length``: of the longest input. ``weight``: how many runs a short run takes, one being usual."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    structured: bool = True
    length: int = 16 * 1024
    weight: float = 1.0

    @property
    def corpus(self) -> Path:
        """The folder of its kept inputs."""
        return CORPUS / self.name

    def inputs(self) -> list[bytes]:
        """Seeds and kept inputs."""
        kept = sorted(self.corpus.iterdir()) if self.corpus.is_dir() else []
        return [*self.seeds(), *(path.read_bytes() for path in kept)]


def slug(token: str) -> str:
    """The name of a target for a token."""
    return re.sub(r"[^a-z0-9]+", "-", token.lower()).strip("-")


# -- files -----------------------------------------------------------------------------------------------------------


def document(data: bytes) -> None:
    """A file as it is, and signed anew."""
    oracles.document(data, seeds.signed())
    again = resign.resigned(data, seeds.private_keys())
    if again is not None and again[0] != data:
        found, signed = again
        oracles.document(found, seeds.signed() | signed)


def rows_of(files: Sequence[bytes]) -> list[Row]:
    """The rows of the registry that recognise one of these files."""
    bodies = [recognise.stripped(data) for data in files]
    return [row for row in rows() if any(_recognises(row, body) for body in bodies)]


def _recognises(row: Row, body: bytes) -> bool:
    if isinstance(row, FormatRow):
        return row.detect(body)
    if isinstance(row, XmlRow):
        return body[:1] == b"<" and row.detect(xmlscan.root_name(body) or "")
    try:
        return body[:1] in (b"{", b"[") and row.detect(jsonscan.load(body)[0])
    except jsonscan.JsonProblem:
        return False


def direct(row: Row, data: bytes) -> None:
    """A row's parser with bytes that nobody recognised for it: it raises for nothing, and every unit has a verdict."""
    body = recognise.stripped(data)
    carrier = Carrier(experimental=True)
    items: Sequence[Item]
    if isinstance(row, FormatRow):
        row.detect(body)
        items = row.parse(body, carrier, DEFAULT)
    elif isinstance(row, XmlRow):
        items = row.read(body, carrier, DEFAULT)
    else:
        items = _of_json(row, body, carrier)
        if not items:
            return
    assert items
    for item in items:
        units = recognise.read(item.content, item.carrier) if isinstance(item, Enclosed) else [item]
        for unit in units:
            assert isinstance(unit, Unit)
            record = verify(unit)
            assert record.signature.verdict is Verdict.VALID or record.signature.reason


def _of_json(row: JsonRow, body: bytes, carrier: Carrier) -> Sequence[Item]:
    try:
        value, _ = jsonscan.load(body)
    except jsonscan.JsonProblem:
        return ()
    return row.read(value, carrier, DEFAULT) if row.detect(value) else ()


def _of_files(name: str, files: Callable[[], Sequence[bytes]], own: Sequence[Row] | None = None) -> Target:
    @cache
    def found() -> Sequence[Row]:
        return own if own is not None else rows_of(files())

    def run(data: bytes) -> None:
        document(data)
        for row in found():
            direct(row, data)

    return Target(name, run, files, weight=0.5)


def _formats() -> list[Target]:
    targets = [_of_files(slug(token), lambda token=token: seeds.of_format(token)) for token in MAKERS]  # type: ignore[misc]
    targets.append(_of_files("chargy-ctr", seeds.chargy))
    targets.append(_of_files("edl-xml", seeds.edl_xml))
    targets.append(_of_files("chargepoint-files", seeds.chargepoint))
    names = {target.name for target in targets}
    everything = [recognise.stripped(data) for data in seeds.all_formats()]
    others = [  # formats of other packages, of which the forge knows nothing
        row for row in rows() if slug(row.token) not in names and not any(_recognises(row, body) for body in everything)
    ]
    return [*targets, *(_of_files(slug(row.token), lambda: (b"",), [row]) for row in others)]


# -- sources ---------------------------------------------------------------------------------------------------------


def source(data: bytes) -> None:
    """A wrapper or stream: the questions to a document, and nothing is signed anew."""
    oracles.document(data, seeds.signed())


def gzipped(data: bytes) -> None:
    """A gzip file against the standard library, then as a source."""
    parsers.gunzip(data)
    source(data)


def packed(data: bytes) -> None:
    """What a gzip file could hold."""
    source(gzip.compress(data, mtime=0))


def _sources() -> list[Target]:
    kinds = seeds.archives
    return [
        Target("zip", source, lambda: kinds()["zip"], length=64 * 1024, weight=0.3),
        Target("tar", source, lambda: kinds()["tar"], length=64 * 1024, weight=0.3),
        Target("gzip", gzipped, lambda: kinds()["gzip"], length=64 * 1024, weight=0.3),
        Target("gzip-content", packed, lambda: [*seeds.lines(), *kinds()["tar"]], length=64 * 1024, weight=0.3),
        Target("pdf", source, seeds.pdf, length=64 * 1024, weight=0.3),
        Target("image", source, seeds.images, length=64 * 1024, weight=0.2),
        Target("parquet", source, seeds.parquet, length=64 * 1024, weight=0.3),
        Target("json-lines", source, seeds.lines, weight=0.5),
        Target("csv", source, seeds.tables, weight=0.5),
        Target("any-document", document, _any, weight=0.5),
    ]


def _any() -> list[bytes]:
    return [*seeds.all_formats(), *seeds.lines(), *seeds.tables(), *seeds.archives()["zip"]]


# -- parsers ---------------------------------------------------------------------------------------------------------

_LITERALS = [b"12.340", b" 0.1", b"1e30", b"-0", b"1E-30", b"0" * 40, b"2025-03-01T10:00:00,000+0100 S", b"NaN"]


def _signatures() -> list[bytes]:
    found = [bytes.fromhex("30060201010201ff"), bytes.fromhex("3006020101020101"), b"\x01" * 48, b"\x7f" * 64]
    return [bytes((curve,)) + data for curve in range(10) for data in found]


def _telegrams() -> list[bytes]:
    from tests.fuzz.guided.encoded import TOKEN, readings_of
    from wattproof.signed.formats import sml

    found = []
    for token in ("EDL_40_P", "ISA_EDL_40_P"):
        for match in TOKEN.finditer(seeds.of_format(token)[0]):
            found += [sml.telegram(data, 0)[0] for _, data in readings_of(match[0]) if data.startswith(sml.START)]
    return found


def _parsers() -> list[Target]:
    def json_files() -> list[bytes]:
        return [data for token in ("PTB", "OCPI", "EMH", "OCPP-1.6") for data in seeds.of_format(token)[:1]]

    def xml_files() -> list[bytes]:
        return [data for token in ("SAFE-XML", "EDL_40_SIG", "EDL_40_MENNEKES") for data in seeds.of_format(token)[:1]]

    return [
        Target("parser-json", parsers.json_text, json_files),
        Target("parser-xml", parsers.xml_text, xml_files),
        Target("parser-ocmf-plain", oracles.quick, seeds.plain, length=4096),
        Target("parser-number", parsers.number, lambda: _LITERALS, structured=False, length=256),
        Target("parser-key", parsers.key, lambda: [b"\0" + data for data in seeds.key_texts()], length=1024),
        Target("parser-signature", parsers.signature, _signatures, structured=False, length=200),
        Target("parser-sml", parsers.telegram, _telegrams, structured=False, length=4096),
        Target("parser-lines", parsers.json_lines, seeds.lines, length=4096),
        Target("parser-csv", parsers.csv_text, seeds.tables, length=4096),
        Target("parser-recognise", parsers.recognised, _any),
    ]


@cache
def targets() -> dict[str, Target]:
    """Every target by its name."""
    return {target.name: target for target in (*_formats(), *_sources(), *_parsers())}
