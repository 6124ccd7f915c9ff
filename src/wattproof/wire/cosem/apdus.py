"""xDLMS APDUs with logical name referencing: GET, SET, ACTION in all forms, and refusals (abb-meters.md 2.5).

Each class stands beside its tag, the number of its form, and its fields in the order of the bytes; decoding and
encoding both walk that row. ``invoke`` is the whole byte invoke-id-and-priority.

>>> request = decode(bytes.fromhex("C001C100030100200700FF0200"))
>>> type(request).__name__, request.invoke, str(request.attribute)
('GetRequest', 193, '3/1-0:32.7.0*255/2')
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

from wattproof.errors import FrameError
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.fields import (
    ATTRIBUTE,
    DATA,
    FLAG,
    METHOD,
    OCTET,
    OUTCOME,
    RAW,
    RESULT,
    U32,
    Encoded,
    Field,
    Outcome,
    optional,
    or_result,
    sequence_of,
)
from wattproof.wire.cosem.results import Result

#: invoke-id-and-priority: four bits of number, confirmed, high priority. A client here always sends ``INVOKE``.
INVOKE_ID, CONFIRMED, HIGH_PRIORITY = 0x0F, 0x40, 0x80
INVOKE = HIGH_PRIORITY | CONFIRMED | 1


@dataclass(frozen=True, slots=True)
class GetRequest:
    invoke: int
    attribute: Attribute


@dataclass(frozen=True, slots=True)
class GetNext:
    """The block that was received; the following one is wanted."""

    invoke: int
    block: int


@dataclass(frozen=True, slots=True)
class GetList:
    invoke: int
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class GetResponse:
    invoke: int
    value: Data | Encoded | Result


@dataclass(frozen=True, slots=True)
class GetBlock:
    """A piece of the encoded value, or why there is no more."""

    invoke: int
    last: bool
    block: int
    raw: bytes | Result


@dataclass(frozen=True, slots=True)
class GetListResponse:
    invoke: int
    values: tuple[Data | Result, ...]


@dataclass(frozen=True, slots=True)
class SetRequest:
    invoke: int
    attribute: Attribute
    value: Data


@dataclass(frozen=True, slots=True)
class SetFirstBlock:
    invoke: int
    attribute: Attribute
    last: bool
    block: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class SetBlock:
    invoke: int
    last: bool
    block: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class SetList:
    invoke: int
    attributes: tuple[Attribute, ...]
    values: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class SetListFirstBlock:
    invoke: int
    attributes: tuple[Attribute, ...]
    last: bool
    block: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class SetResponse:
    invoke: int
    result: Result


@dataclass(frozen=True, slots=True)
class SetBlockResponse:
    """The block was taken; the next one may come."""

    invoke: int
    block: int


@dataclass(frozen=True, slots=True)
class SetLastBlockResponse:
    invoke: int
    result: Result
    block: int


@dataclass(frozen=True, slots=True)
class SetListLastBlockResponse:
    invoke: int
    results: tuple[Result, ...]
    block: int


@dataclass(frozen=True, slots=True)
class SetListResponse:
    invoke: int
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class ActionRequest:
    invoke: int
    method: Method
    parameter: Data | None = None


@dataclass(frozen=True, slots=True)
class ActionNext:
    """The block of return parameters that was received; the following one is wanted."""

    invoke: int
    block: int


@dataclass(frozen=True, slots=True)
class ActionList:
    invoke: int
    methods: tuple[Method, ...]
    parameters: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class ActionFirstBlock:
    invoke: int
    method: Method
    last: bool
    block: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class ActionListFirstBlock:
    invoke: int
    methods: tuple[Method, ...]
    last: bool
    block: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class ActionBlock:
    invoke: int
    last: bool
    block: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class ActionResponse:
    invoke: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ActionResponseBlock:
    invoke: int
    last: bool
    block: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class ActionListResponse:
    invoke: int
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class ActionBlockResponse:
    """The block of parameters was taken; the next one may come."""

    invoke: int
    block: int


@dataclass(frozen=True, slots=True)
class ExceptionResponse:
    """``state`` 1 service not allowed, 2 unknown; ``service`` 1 operation not possible, 2 not supported, 3 other."""

    state: int
    service: int


@dataclass(frozen=True, slots=True)
class ConfirmedServiceError:
    """Refusal of an InitiateRequest in an AARE: ``service`` 1 (initiate), ``kind`` 6 (initiate), its code."""

    service: int
    kind: int
    code: int


Apdu: TypeAlias = (
    GetRequest | GetNext | GetList | GetResponse | GetBlock | GetListResponse
    | SetRequest | SetFirstBlock | SetBlock | SetList | SetListFirstBlock
    | SetResponse | SetBlockResponse | SetLastBlockResponse | SetListLastBlockResponse | SetListResponse
    | ActionRequest | ActionNext | ActionList | ActionFirstBlock | ActionListFirstBlock | ActionBlock
    | ActionResponse | ActionResponseBlock | ActionListResponse | ActionBlockResponse
    | ExceptionResponse | ConfirmedServiceError
)  # fmt: skip

_ATTRIBUTES, _METHODS, _RESULTS = sequence_of(ATTRIBUTE), sequence_of(METHOD), sequence_of(RESULT)
_VALUES, _VALUES_OR_RESULTS, _OUTCOMES = sequence_of(DATA), sequence_of(or_result(DATA)), sequence_of(OUTCOME)
_BLOCK = (FLAG, U32, RAW)

#: Tag, number of the form (``None``: the tag has one only), class, fields.
ROWS: tuple[tuple[int, int | None, type[Any], tuple[Field, ...]], ...] = (
    (0xC0, 1, GetRequest, (OCTET, ATTRIBUTE)),
    (0xC0, 2, GetNext, (OCTET, U32)),
    (0xC0, 3, GetList, (OCTET, _ATTRIBUTES)),
    (0xC4, 1, GetResponse, (OCTET, or_result(DATA))),
    (0xC4, 2, GetBlock, (OCTET, FLAG, U32, or_result(RAW))),
    (0xC4, 3, GetListResponse, (OCTET, _VALUES_OR_RESULTS)),
    (0xC1, 1, SetRequest, (OCTET, ATTRIBUTE, DATA)),
    (0xC1, 2, SetFirstBlock, (OCTET, ATTRIBUTE, *_BLOCK)),
    (0xC1, 3, SetBlock, (OCTET, *_BLOCK)),
    (0xC1, 4, SetList, (OCTET, _ATTRIBUTES, _VALUES)),
    (0xC1, 5, SetListFirstBlock, (OCTET, _ATTRIBUTES, *_BLOCK)),
    (0xC5, 1, SetResponse, (OCTET, RESULT)),
    (0xC5, 2, SetBlockResponse, (OCTET, U32)),
    (0xC5, 3, SetLastBlockResponse, (OCTET, RESULT, U32)),
    (0xC5, 4, SetListLastBlockResponse, (OCTET, _RESULTS, U32)),
    (0xC5, 5, SetListResponse, (OCTET, _RESULTS)),
    (0xC3, 1, ActionRequest, (OCTET, METHOD, optional(DATA))),
    (0xC3, 2, ActionNext, (OCTET, U32)),
    (0xC3, 3, ActionList, (OCTET, _METHODS, _VALUES)),
    (0xC3, 4, ActionFirstBlock, (OCTET, METHOD, *_BLOCK)),
    (0xC3, 5, ActionListFirstBlock, (OCTET, _METHODS, *_BLOCK)),
    (0xC3, 6, ActionBlock, (OCTET, *_BLOCK)),
    (0xC7, 1, ActionResponse, (OCTET, OUTCOME)),
    (0xC7, 2, ActionResponseBlock, (OCTET, *_BLOCK)),
    (0xC7, 3, ActionListResponse, (OCTET, _OUTCOMES)),
    (0xC7, 4, ActionBlockResponse, (OCTET, U32)),
    (0xD8, None, ExceptionResponse, (OCTET, OCTET)),
    (0x0E, None, ConfirmedServiceError, (OCTET, OCTET, OCTET)),
)
_READERS = {bytes((tag,) if form is None else (tag, form)): (kind, fields) for tag, form, kind, fields in ROWS}
_WRITERS = {
    kind: (bytes((tag,) if form is None else (tag, form)), attrgetter(*kind.__slots__), fields)
    for tag, form, kind, fields in ROWS
}
#: The first bytes of requests.
REQUESTS = frozenset({0xC0, 0xC1, 0xC3})
_TAGS = frozenset(tag for tag, *_ in ROWS)


def decode(octets: bytes) -> Apdu:
    """The APDU of exactly these bytes. Raises ``FrameError``: not known, damaged, or with bytes to spare."""
    row = _READERS.get(octets[:2]) or _READERS.get(octets[:1])
    if row is None:
        known = octets and octets[0] in _TAGS
        raise FrameError(f"{octets[:2].hex() or 'nothing'} begins no xDLMS APDU{' of a known form' if known else ''}")
    kind, fields = row
    at = 2 if octets[0] in _WITH_FORM else 1
    values = []
    for field in fields:
        value, at = field.read(octets, at)
        values.append(value)
    if at != len(octets):
        raise FrameError(f"{len(octets) - at} bytes too many after the {kind.__name__}")
    apdu: Apdu = kind(*values)
    return apdu


_WITH_FORM = frozenset(tag for tag, form, *_ in ROWS if form is not None)


def encode(apdu: Apdu) -> bytes:
    """The bytes of an APDU. Raises ``InvalidValue`` where a value does not fit."""
    begin, values, fields = _WRITERS[type(apdu)]
    return begin + b"".join([field.write(value) for field, value in zip(fields, values(apdu), strict=True)])


def is_repeatable(apdu: bytes) -> bool:
    """Whether a request may be sent again where its answer was lost: GET, but not the next block of one.

    >>> [is_repeatable(bytes.fromhex(begin)) for begin in ("C001C1", "C003C1", "C002C1", "C101C1", "C301C1", "60")]
    [True, True, False, False, False, False]
    """
    return apdu[:1] == b"\xc0" and apdu[1:2] in (b"\x01", b"\x03")
