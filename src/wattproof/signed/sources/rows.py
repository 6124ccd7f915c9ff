"""Rows of a stream: which columns count, what one row holds, which rows belong together.

A row knows only itself. Rows whose transaction column holds the same text and that follow each other directly form a
group, which is judged like one document; inside it, and nowhere else, a key serves the rows that have none.
Source: verifier specification, 0.5 and 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from wattproof.signed import recognise
from wattproof.signed.formats import ocmf_plain
from wattproof.signed.keys import ENCODINGS
from wattproof.signed.limits import Limits
from wattproof.signed.records import Finding, KeySource, Severity
from wattproof.signed.sources.source import Place, shared_key
from wattproof.signed.units import Carrier, KeyText, Unit, stopped

#: Names of columns by what they hold; of several record columns the first in this order counts.
RECORD = ("signeddata", "signedmetervalue", "signedmeterdata", "record", "ocmf", "payload")
KEY = ("publickey", "key")
TRANSACTION = ("transactionid", "sessionid")
CONTEXT = ("context", "nature")
ENCODING = ("encoding",)
KNOWN = frozenset((*RECORD, *KEY, *TRANSACTION, *CONTEXT, *ENCODING))

_NAME = str.maketrans("", "", " \t-_")
#: OCPI's words (2.16) for the labels of records.
_NATURES = {"start": "Transaction.Begin", "end": "Transaction.End"}
_SPACE = " \t\r\n\v\f"
_KEPT_NAMES = 1024  # characters of names that are kept for the next row
_LONGEST = 4096  # characters of a transaction id, context or encoding that count
_SHARED = shared_key("the key stands beside another row of the same transaction")
_TWICE = Finding("F-COLUMN-TWICE", Severity.WARNING, "two columns have the same meaning, the first one counts", "row")

Group = list[Unit]


def normal(name: str) -> str:
    """A column's name as it is compared: without case, blanks, ``-`` and ``_``."""
    return name.translate(_NAME).lower() if len(name) <= 64 else ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of the columns that count; the first of each list does, but every key is a key."""

    record: int | None
    keys: tuple[int, ...] = ()
    transaction: int | None = None
    context: int | None = None
    encoding: int | None = None
    twice: bool = False

    @property
    def positions(self) -> list[int]:
        """All of them, in the order of the file."""
        found = {self.record, *self.keys, self.transaction, self.context, self.encoding}
        return sorted(position for position in found if position is not None)


def columns(names: Collection[str]) -> Columns | None:
    """The columns that a header names; ``None`` if it names none of them. Answers are kept: rows repeat their names."""
    stated = tuple(names)
    return (_kept if len(stated) <= 32 and len("".join(stated)) <= _KEPT_NAMES else _columns)(stated)


def _columns(names: tuple[str, ...]) -> Columns | None:
    stated = [normal(name) for name in names]
    if not KNOWN.intersection(stated):
        return None

    def places(wanted: Sequence[str]) -> list[int]:
        return [at for name in wanted for at, found in enumerate(stated) if found == name]

    lists = [places(wanted) for wanted in (RECORD, TRANSACTION, CONTEXT, ENCODING)]
    record, transaction, context, encoding = (found[0] if found else None for found in lists)
    known = [name for name in stated if name in KNOWN]
    # Of two record columns one is not judged, whatever their names are; that must not go without saying.
    twice = len(set(known)) < len(known) or len(lists[0]) > 1
    return Columns(record, tuple(places(KEY)), transaction, context, encoding, twice)


_kept = lru_cache(maxsize=1024)(_columns)


class Row(Struct, frozen=True, gc=False):
    """What one row says. ``content`` is the record; without it ``code`` and ``message`` say why there is none.

    ``ambiguous`` names members that the row states twice, ``loaded`` is what content means that is JSON.
    """

    content: bytes | None = None
    keys: tuple[KeyText, ...] = ()
    transaction: str | None = None
    context: str | None = None
    encoding: str | None = None
    findings: tuple[Finding, ...] = ()
    ambiguous: tuple[str, ...] = ()
    code: str = "F-EMPTY"
    message: str = "the row holds no record"
    text: str = ""
    loaded: recognise.Loaded | None = None


def row(
    content: bytes | None,
    keys: Iterable[str | bytes | None] = (),
    transaction: str | None = None,
    context: str | None = None,
    encoding: str | None = None,
    *,
    nature: bool = False,
    findings: tuple[Finding, ...] = (),
    ambiguous: tuple[str, ...] = (),
) -> Row:
    """A row of the texts in its columns."""
    texts = [key for key in keys if key]
    context = label(context)
    if nature and context is not None:
        context = _NATURES.get(context.lower(), context)
    return Row(
        content,
        tuple(KeyText(key, KeySource.CONTAINER) for key in dict.fromkeys(texts)) if texts else (),
        label(transaction),
        context,
        label(encoding),
        findings,
        ambiguous,
    )


def broken(code: str, message: str, text: str = "") -> Row:
    """A row that cannot be read."""
    return Row(code=code, message=message, text=text)


def label(value: str | None) -> str | None:
    """What a transaction, context or encoding column says: as much as counts, nothing if it is blank."""
    if value is None:
        return None
    return value[:_LONGEST].strip(_SPACE) or None


#: Reads a document that is not simply a record: gives its groups.
Deeper = Callable[[bytes, Place], Iterator[Group]]


class Rows:
    """Turns rows into groups of units, one group at a time. ``before``: rows of the stream that come before them."""

    def __init__(self, place: Place, container: str, deeper: Deeper, before: int = 0) -> None:
        self._place = replace(place, container=container)
        self._deeper = deeper
        self._number = before

    def groups(self, rows: Iterable[Row]) -> Iterator[Group]:
        """The units of every row that stands alone, and of all rows of a transaction that follow each other."""
        limits = self._place.limits
        current: str | None = None
        kept: list[tuple[tuple[KeyText, ...], Group]] = []
        count = size = 0
        for each in rows:
            self._number += 1
            if kept and each.transaction != current:
                yield joined(kept)
                kept, count, size = [], 0, 0
            current = each.transaction
            if current is None:
                plain = self._plain(each)
                if plain is None:
                    yield from self._read(each)
                else:
                    yield [plain]
                continue
            if count > limits.units:  # this group stopped
                continue
            if self._place.seen is not None:
                self._place.seen(self._place.row(self._number), self._place.container, each)
            units = [unit for group in self._read(each) for unit in group]
            count, size = count + len(units), size + len(each.content or b"")
            if count > limits.units or size > limits.document:
                most = f"{limits.units} records or {limits.document} bytes"
                message = f"more than {most} under one transaction: the others are not judged"
                units, count = [self._stopped("F-SIZE", message, each)], limits.units + 1
            kept.append((each.keys, units))
        if kept:
            yield joined(kept)

    def _carrier(self, each: Row) -> Carrier:
        place = self._place
        return Carrier(
            place.container,
            place.row(self._number),
            each.keys,
            None,
            each.encoding,
            each.transaction,
            each.context,
            findings=each.findings,
        )

    def _stopped(self, code: str, message: str, each: Row) -> Unit:
        return stopped("unknown", code, message, carrier=self._carrier(each), text=each.text)

    def _plain(self, each: Row) -> Unit | None:
        """The unit of a row that holds what most rows hold, a plain OCMF record; whatever else it is, nothing."""
        content = each.content
        if content is None or content[:6] != b"OCMF|{" or each.ambiguous:
            return None
        try:
            return ocmf_plain.read(content, self._carrier(each), self._place.limits)
        except Exception:  # a defect of this program, which the careful reader reports
            return None

    def _read(self, each: Row) -> Iterator[Group]:
        content = each.content
        if content is None:
            yield [self._stopped(each.code, each.message, each)]
        elif content[:5] == b"OCMF|":
            units = recognise.read(content, self._carrier(each), self._place.limits)
            for unit in units if each.ambiguous else ():
                unit.record.ambiguous = [*each.ambiguous, *unit.record.ambiguous]
            yield units
        else:
            yield from self._read_other(each, content)

    def _read_other(self, each: Row, content: bytes) -> Iterator[Group]:
        if not recognise.stripped(content):
            yield [self._stopped("F-EMPTY", "the row holds no record", each)]
            return
        if content[:1] in (b"{", b"["):
            units = recognise.read(content, self._carrier(each), self._place.limits, loaded=each.loaded)
            yield [_dressed(unit, each) for unit in units]
            return
        decoded = _decoded(content, each.encoding)
        source = self._place.row(self._number)
        place = replace(self._place, source=source, name="", decoded=decoded is not None, seen=None)
        for group in self._deeper(content if decoded is None else decoded, place):
            yield [_dressed(unit, each) for unit in group]


def _decoded(content: bytes, encoding: str | None) -> bytes | None:
    """What the text means in the encoding that its row states, if that is recognised."""
    decode = ENCODINGS.get((encoding or "").lower())
    if decode is None:
        return None
    try:
        data = decode("".join(content.decode("ascii").split()))
    except ValueError:
        return None
    return data if recognise.is_recognised(data) else None


def _dressed(unit: Unit, each: Row) -> Unit:
    """What the row says, where the record or its own container says nothing."""
    record = unit.record
    with_keys(unit, each.keys)
    record.transaction = record.transaction or each.transaction
    record.context = record.context or each.context
    record.findings[:0] = [finding for finding in each.findings if finding not in record.findings]
    if each.ambiguous:
        record.ambiguous = [*each.ambiguous, *record.ambiguous]
    return unit


def with_keys(unit: Unit, keys: tuple[KeyText, ...], finding: Finding | None = None) -> bool:
    """Gives a unit keys that stand around it, unless it has one in its own container. Says whether it took them."""
    if not keys or unit.algorithm is None or any(key.source is KeySource.CONTAINER for key in unit.keys):
        return False
    unit.keys = (*keys, *unit.keys)
    record = unit.record
    if record.extra.get("key_text") is None:
        record.extra = {**Carrier("row", keys=keys).extra(), **{k: v for k, v in record.extra.items() if v is not None}}
    if finding is not None:
        record.findings.append(finding)
    return True


def joined(kept: list[tuple[tuple[KeyText, ...], Group]]) -> Group:
    """One group of rows, with the first key in it for the rows that have none."""
    units = [unit for _, group in kept for unit in group]
    keys = next((keys for keys, _ in kept if keys), ())
    if keys:
        for own, group in kept:
            if not own:
                for unit in group:
                    with_keys(unit, keys, _SHARED)
    return units


def too_long(limits: Limits) -> str:
    """Why a row is not read."""
    return f"more than the {limits.row} bytes that one row may have"


def twice(found: Columns) -> tuple[Finding, ...]:
    """The finding of every row under a header that names a column twice."""
    return (_TWICE,) if found.twice else ()
