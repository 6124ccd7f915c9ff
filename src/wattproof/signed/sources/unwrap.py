"""What a source is, by its content: a wrapper, a stream of rows, or one document; and every signed unit in it.

:func:`groups` gives the units of one document, or of rows that belong together, at a time: a session never spans two
of them. Source: verifier specification, 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import permutations
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from wattproof.signed import keys, recognise
from wattproof.signed.formats import chargepoint_files
from wattproof.signed.formats.chargepoint_files import SUFFIX, Beside
from wattproof.signed.records import KeySource, Severity, Verdict
from wattproof.signed.sources.source import (
    HEAD,
    Budget,
    Place,
    Refused,
    Source,
    Unreadable,
    from_bytes,
    keep,
    problem,
    read_all,
)
from wattproof.signed.units import Detached, KeyText, Unit, stopped
from wattproof.signed.verification import verifies_with

if TYPE_CHECKING:
    from wattproof.signed.sources.archives import Member
    from wattproof.signed.sources.rows import Group, Row, Rows

_LINES = (".jsonl", ".ndjson")
#: Codes of one image that are tried as the further parts of a record.
_MOST_PARTS = 5
#: Keys beside the records of one archive that are tried.
_MOST_KEYS = 16
#: Bytes of a signature in a file of its own.
_LARGEST_SIGNATURE = 4096


def groups(source: Source, place: Place) -> Iterator[Group]:
    """Every unit in a source, in its order, as far as it can be read; at least one unit.

    Raises :class:`.source.Unreadable` if the disk or the network fails, and nothing else.
    """
    yield from _guarded(_groups(source, place), place)


def _guarded(groups: Iterator[Group], place: Place) -> Iterator[Group]:
    found = False
    try:
        for group in groups:
            found = found or bool(group)
            yield group
    except Unreadable:
        raise
    except Refused as refused:
        found = True
        yield [problem(place, refused.code, str(refused))]
    except Exception as error:  # a crash on any input is a defect, but ends neither the run nor the file
        found = True
        yield [problem(place, "F-FORMAT", f"internal error, please report it: {type(error).__name__}")]
    if not found:
        yield [problem(place, "F-EMPTY", "there is nothing in it")]


def _groups(source: Source, place: Place) -> Iterator[Group]:
    head = source.peek()
    kind = recognise.wrapper(head)
    if kind == "PARQUET" and not _ends_as_parquet(source, place):
        kind = None
    if kind is not None:
        try:
            yield from _WRAPPERS[kind](source, place)
        except Refused as refused:
            yield [problem(replace(place, container=kind), refused.code, str(refused))]
        return
    body = recognise.stripped(head)
    if body and not recognise.names_record(body):
        streamed = _stream(source, place)
        if streamed is not None:
            yield from streamed
            return
    yield from _document(source, place)


def _document(source: Source, place: Place) -> Iterator[Group]:
    data = read_all(source.reader(), place.limits.document + 1)
    if not place.decoded and len(data) <= place.limits.document:
        inner = recognise.inner(recognise.stripped(data))
        if inner is not None:
            yield from _groups(from_bytes(inner), replace(place, name="", decoded=True))
            return
        body = recognise.stripped(data)
        if body[:1] in (b'"', b"{") and len(body) <= place.limits.row and not recognise.names_record(body):
            from wattproof.signed.sources import lines

            row = lines.parse(body, place.limits)
            if row.content is not None and row.content != body:  # a stream of one line
                yield from _rows(place, "JSONL").groups([row])
                return
    yield recognise.read(data, place.carrier(), place.limits, plain=True)


# -- streams of rows ------------------------------------------------------------------------------------------------


def seekable_rows(source: Source, place: Place) -> Literal["JSONL", "PARQUET"] | None:
    """The kind of a stream whose rows can be read from any of them on; ``None`` if it is none."""
    head = source.peek()
    kind = recognise.wrapper(head)
    if kind == "PARQUET" and _ends_as_parquet(source, place):
        return "PARQUET" if find_spec("pyarrow") is not None else None
    body = recognise.stripped(head)
    lines = kind in (None, "PARQUET") and body and not recognise.names_record(body) and _is_lines(source, place)
    return "JSONL" if lines else None


def some_rows(
    rows: Iterator[Row], place: Place, kind: Literal["JSONL", "PARQUET"], first: int, broke: Callable[[], object]
) -> Iterator[Group]:
    """The same as :func:`groups` for some rows of a stream; before the first of them there are ``first`` others.

    ``broke`` is called when the stream is damaged there, so that what follows is not read.
    """

    def found() -> Iterator[Group]:
        try:
            yield from _rows(place, kind, first).groups(rows)
        except Refused as refused:
            broke()
            yield [problem(replace(place, container=kind), refused.code, str(refused))]

    yield from _guarded(found(), place)


def one_row(row: Row, place: Place, container: str, number: int) -> list[Unit]:
    """The units of one row of a stream, which was read elsewhere."""
    found = _guarded(_rows(place, container, number - 1).groups([row]), place)
    return [unit for group in found for unit in group]


def _rows(place: Place, container: str, before: int = 0) -> Rows:
    from wattproof.signed.sources.rows import Rows

    return Rows(place, container, _inside_row, before)


def _inside_row(data: bytes, place: Place) -> Iterator[Group]:
    """What one row holds that is not simply a record: a container, text in another encoding, a wrapper."""
    head = data[:HEAD]
    if recognise.wrapper(head) is not None:
        yield from groups(from_bytes(data), place)
        return
    body = recognise.stripped(data)
    inner = None if place.decoded else recognise.inner(body)
    if inner is not None:
        yield from _inside_row(inner, replace(place, decoded=True))
    else:
        yield recognise.read(data, place.carrier(), place.limits, plain=True)


def _stream(source: Source, place: Place) -> Iterator[Group] | None:
    """Rows l and n: the rows of a stream, ``None`` if it is none."""
    from wattproof.signed.sources import lines, table

    limits = place.limits
    if _is_lines(source, place):
        return _rows(place, "JSONL").groups(lines.read(source.reader(), limits))
    if recognise.stripped(source.peek(HEAD))[:1] in (b"{", b"["):
        return None
    head = source.peek(limits.row + HEAD)
    how = table.layout(head)
    if how is None or (not how.header and not how.delimiter and _is_one_text(source, place)):
        return None
    return _rows(place, "CSV").groups(table.read(source.reader(), how, limits))


def _is_lines(source: Source, place: Place) -> bool:
    """Whether the name says so, or the first line alone is a JSON value, and another one follows that is not blank."""
    from wattproof.signed.sources import lines

    if place.name.lower().endswith(_LINES):
        return True
    if recognise.stripped(source.peek(HEAD))[:1] not in (b"{", b"[", b'"'):
        return False
    size = HEAD
    while True:
        head = source.peek(size)
        body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        line, end, rest = body.partition(b"\n")
        if end or len(head) < size or size > place.limits.document:
            break
        size *= 8
    if not lines.is_complete(line, place.limits):
        return False
    while not rest.strip():
        size += HEAD
        longer = source.peek(size)
        if len(longer) <= len(head) or size > place.limits.document:
            return False
        rest, head = longer[len(head) :], longer
    return True


def _is_one_text(source: Source, place: Place) -> bool:
    """Whether lines in hexadecimal, Base64 or Base32 are one text rather than a record each."""
    data = source.peek(place.limits.document + 1)
    return len(data) <= place.limits.document and recognise.inner(recognise.stripped(data)) is not None


# -- wrappers -------------------------------------------------------------------------------------------------------


def _gzip(source: Source, place: Place) -> Iterator[Group]:
    from wattproof.signed.sources import archives

    keep(source)
    inside = archives.gunzip(source, place.limits)
    is_tar = recognise.wrapper(inside.peek()) == "TAR"  # .tar.gz is one archive
    name = place.name.removesuffix(".gz") if place.name.lower().endswith(".gz") else place.name
    below = place.inside("GZIP")
    yield from groups(inside, replace(below, name=name, depth=place.depth if is_tar else below.depth))


def _zip(source: Source, place: Place) -> Iterator[Group]:
    from wattproof.signed.sources import archives

    keep(source)
    yield from _members(lambda limits, budget: archives.zip_members(source, limits, budget), place.inside("ZIP"))


def _tar(source: Source, place: Place) -> Iterator[Group]:
    from wattproof.signed.sources import archives

    keep(source)
    if place.depth:
        source.file(place.limits.unpacked)
    yield from _members(lambda limits, budget: archives.tar_members(source, limits, budget), place.inside("TAR"))


def _members(listed: Callable[..., Iterator[Member]], place: Place) -> Iterator[Group]:
    """The members that are keys are looked for first; then every other member is a document or a stream."""
    limits = place.limits
    if place.budget is None:
        place = replace(place, budget=Budget(limits.unpacked))
    found: dict[int, KeyText] = {}
    records = 0
    signatures: dict[str, bytes] = {}
    signed: list[str] = []
    for number, (name, member) in enumerate(listed(limits, Budget(limits.unpacked))):
        key = _key(member) if isinstance(member, Source) else None
        if key is None:
            records += 1
        else:
            found[number] = key
        if key is None and isinstance(member, Source):
            _note_pair(name, member, signatures, signed)
    beside = tuple(dict.fromkeys(found.values())) if records else ()
    pairs = {name + SUFFIX for name in signed} & signatures.keys()
    for number, (name, member) in enumerate(listed(limits, place.budget)):
        if (records and number in found) or name in pairs:
            continue
        where = place.member(name)
        if isinstance(member, Refused):
            yield [problem(where, member.code, str(member))]
            continue
        if name + SUFFIX in pairs:
            data = read_all(member.reader(), limits.record + 1)
            member = from_bytes(data)
            where = replace(where, beside=Beside(Detached(data, signatures[name + SUFFIX])))
        for group in groups(member, where):
            yield [_beside(unit, beside) for unit in group]


def _note_pair(name: str, member: Source, signatures: dict[str, bytes], signed: list[str]) -> None:
    """Members that may be the two files of a ChargePoint record, found by name (2.13)."""
    try:
        if name.endswith(SUFFIX):
            content = member.peek(_LARGEST_SIGNATURE + 1)
            if len(content) <= _LARGEST_SIGNATURE:
                signatures[name] = content
        elif chargepoint_files.may_be_record(member.peek()):
            signed.append(name)
    except Refused:
        return


def _key(member: Source) -> KeyText | None:
    """The key that a member is, if it is one (row p)."""
    if member.size is not None and member.size > 64 * 1024:
        return None
    try:
        data = member.peek(64 * 1024 + 1)
    except Refused:
        return None
    return key_of(data)


def key_of(data: bytes) -> KeyText | None:
    """A document that is a public key rather than a record (row p)."""
    body = recognise.stripped(data)
    if not body or recognise.wrapper(data) is not None or recognise.names_record(body) or body[:1] in (b"{", b"["):
        return None
    for text in (body, data):
        if keys.looks_like_key(text):
            return KeyText(text.decode("ascii") if text.isascii() else text, KeySource.CONTAINER)
    return None


def _beside(unit: Unit, beside: tuple[KeyText, ...]) -> Unit:
    """Gives a unit the keys beside it in the archive: first the one that belongs to it, if there are several."""
    from wattproof.signed.sources.rows import with_keys

    if len(beside) > 1 and unit.algorithm is not None:
        own = next((key for key in beside[:_MOST_KEYS] if verifies_with(unit, key)), None)
        if own is not None:
            beside = (own,)
    with_keys(unit, beside[:_MOST_KEYS])
    return unit


def documents(found: list[tuple[Place, bytes]]) -> Iterator[Group]:
    """Documents that a PDF or an image holds, each at its place, with the keys among them beside the others."""
    by_number = {number: key for number, (_, data) in enumerate(found) if (key := key_of(data)) is not None}
    records = len(found) - len(by_number)
    beside = tuple(dict.fromkeys(by_number.values())) if records else ()
    for number, (where, data) in enumerate(found):
        if not (records and number in by_number):
            for group in groups(from_bytes(data), where):
                yield [_beside(unit, beside) for unit in group]


def _ends_as_parquet(source: Source, place: Place) -> bool:
    keep(source)
    file = source.file(place.limits.unpacked)
    end = file.seek(0, 2)
    file.seek(max(0, end - 4))
    return end >= 12 and file.read(4) == b"PAR1"


def _parquet(source: Source, place: Place) -> Iterator[Group]:
    try:
        from wattproof.signed.sources import parquet
    except ImportError:
        yield [missing(place, "PARQUET", "a Parquet file")]
        return
    file = source.file(place.limits.unpacked)
    yield from _rows(place, "PARQUET").groups(parquet.read(file, place.limits))


def _pdf(source: Source, place: Place) -> Iterator[Group]:
    try:
        from wattproof.signed.sources import pdf
    except ImportError:
        yield [missing(place, "PDF", "a PDF file")]
        return
    keep(source)
    inside = place.inside("PDF")
    found = pdf.read(source.file(place.limits.unpacked), place.limits)
    listed = [(replace(inside.member(name), container=token), data) for name, data, token in found.documents]
    yield from documents(listed)
    for name, refused in found.refused:
        yield [problem(inside.member(name), refused.code, str(refused))]
    if found.without_images and not listed:
        yield [missing(place, "PDF", "a PDF file with images")]
    elif not listed and not found.refused:
        raise Refused("F-FORMAT", "the PDF file holds no attachment and no image with a code")


def _image(source: Source, place: Place) -> Iterator[Group]:
    try:
        from wattproof.signed.sources import images
    except ImportError:
        yield [missing(place, "QR", "an image")]
        return
    texts = images.read(read_all(source.reader(), place.limits.document + 1), place.limits)
    if not texts:
        raise Refused("F-FORMAT", "there is no QR or Data Matrix code in the image")
    inside = replace(place, container="QR", name="")
    yield from documents([(inside, text) for text in _joined(texts, inside)])


def _joined(texts: list[bytes], place: Place) -> list[bytes]:
    """Codes that are parts of one record, joined if they are complete; the library does not say which are parts.

    So a text that begins like a record but does not end like one is tried with the texts that are nothing by
    themselves. Only the order that gives a readable record counts; what it is worth, its signature says.
    """
    begun = [text for text in texts if recognise.names_record(recognise.stripped(text)) and not _is_whole(text, place)]
    others = [text for text in texts if not recognise.is_recognised(text) and key_of(text) is None]
    if len(begun) != 1 or not 0 < len(others) <= _MOST_PARTS:
        return texts
    for order in permutations(others):
        whole = begun[0] + b"".join(order)
        if _is_whole(whole, place):
            return [whole, *(text for text in texts if text is not begun[0] and not any(text is o for o in others))]
    return texts


def _is_whole(text: bytes, place: Place) -> bool:
    units = recognise.read(text, place.carrier(), place.limits, plain=True)
    return all(unit.algorithm is not None for unit in units)


def missing(place: Place, container: str, name: str) -> Unit:
    """A document for which the extra is not installed."""
    message = f"this is {name}: reading it needs the extra: pip install 'wattproof[documents]'"
    return stopped(
        "unknown",
        "F-EXTRA",
        message,
        carrier=replace(place, container=container).carrier(),
        verdict=Verdict.UNSUPPORTED,
        reason="V-EXTRA",
        severity=Severity.INFO,
    )


_WRAPPERS: dict[str, Callable[[Source, Place], Iterator[Group]]] = {
    "GZIP": _gzip,
    "ZIP": _zip,
    "TAR": _tar,
    "PARQUET": _parquet,
    "PDF": _pdf,
    "QR": _image,
}
