"""Opening and closing an association: AARQ, AARE, RLRQ, RLRE (IEC 62056-53, ACSE APDUs; abb-meters.md 2.4).

Fields that are not understood here, such as titles and qualifiers, are kept and written back.

>>> request = AssociationRequest(user_information=InitiateRequest().encode())
>>> request.encode().hex()
'601da109060760857405080101be10040e01000000065f1f0400001e1d04b0'
>>> decode(request.encode()) == request
True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

from wattproof.errors import FrameError
from wattproof.wire.cosem import ber
from wattproof.wire.cosem.initiate import InitiateRequest, InitiateResponse

__all__ = [
    "LN",
    "LOWEST",
    "LOW_LEVEL",
    "Acse",
    "AssociationRequest",
    "AssociationResponse",
    "AssociationResult",
    "Diagnostic",
    "InitiateRequest",
    "InitiateResponse",
    "ReleaseRequest",
    "ReleaseResponse",
    "decode",
]

_CONTEXTS, _MECHANISMS = bytes.fromhex("608574050801"), bytes.fromhex("608574050802")
#: Application contexts: logical and short names, without and with ciphering.
LN, SN, LN_CIPHERED, SN_CIPHERED = (_CONTEXTS + bytes((number,)) for number in range(1, 5))
#: Authentication mechanisms: none, password.
LOWEST, LOW_LEVEL = _MECHANISMS + b"\0", _MECHANISMS + b"\1"


class AssociationResult(IntEnum):
    ACCEPTED = 0
    REJECTED_PERMANENT = 1
    REJECTED_TRANSIENT = 2


class Diagnostic(IntEnum):
    """Why the service user rejects (acse-service-user)."""

    NULL = 0
    NO_REASON_GIVEN = 1
    APPLICATION_CONTEXT_NAME_NOT_SUPPORTED = 2
    CALLING_AP_TITLE_NOT_RECOGNISED = 3
    CALLING_AP_INVOCATION_IDENTIFIER_NOT_RECOGNISED = 4
    CALLING_AE_QUALIFIER_NOT_RECOGNISED = 5
    CALLING_AE_INVOCATION_IDENTIFIER_NOT_RECOGNISED = 6
    CALLED_AP_TITLE_NOT_RECOGNISED = 7
    CALLED_AP_INVOCATION_IDENTIFIER_NOT_RECOGNISED = 8
    CALLED_AE_QUALIFIER_NOT_RECOGNISED = 9
    CALLED_AE_INVOCATION_IDENTIFIER_NOT_RECOGNISED = 10
    AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED = 11
    AUTHENTICATION_MECHANISM_NAME_REQUIRED = 12
    AUTHENTICATION_FAILURE = 13
    AUTHENTICATION_REQUIRED = 14


class _Field(NamedTuple):
    """One element of an ACSE APDU: the attribute it is, and how its content is read and written."""

    name: str
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


def _wrapped(name: str, *tags: int) -> _Field:
    """Bytes inside one or more further elements."""

    def read(content: bytes) -> bytes:
        for tag in tags:
            content = ber.inner(tag, content, name.replace("_", " "))
        return content

    def write(content: bytes) -> bytes:
        for tag in reversed(tags):
            content = ber.element(tag, content)
        return content

    return _Field(name, read, write)


def _integer(name: str, *tags: int) -> _Field:
    wrapped = _wrapped(name, *tags)
    return _Field(name, lambda content: int.from_bytes(wrapped.read(content), "big"),
                  lambda value: wrapped.write(bytes((value,))))  # fmt: skip


def _read_requirements(content: bytes) -> bool:
    """A bit string whose first bit asks for authentication."""
    return len(content) > 1 and bool(content[1] & 0x80)


#: The bit string with its one bit set: seven bits unused.
_REQUIRED = bytes((0x07, 0x80))
_CONTEXT = _wrapped("context", ber.OBJECT_IDENTIFIER)
_USER_INFORMATION = _wrapped("user_information", ber.OCTET_STRING)


class _Apdu:
    """What all four have in common: a tag, and a table of fields by tag in ascending order of their numbers."""

    __slots__ = ()

    tag: ClassVar[int]
    fields: ClassVar[dict[int, _Field]]
    others: tuple[tuple[int, bytes], ...]

    def encode(self) -> bytes:
        """The bytes of the APDU."""
        parts = [(tag, content) for tag, content in self.others]
        for tag, field in self.fields.items():
            value = getattr(self, field.name)
            if value is not None and value is not False:
                parts.append((tag, field.write(value)))
        parts.sort(key=lambda part: part[0] & 0x1F)
        return ber.element(self.tag, b"".join(ber.element(tag, content) for tag, content in parts))

    @classmethod
    def _of(cls, content: bytes) -> Self:
        values: dict[str, Any] = {}
        others = []
        for tag, inside in ber.elements(content):
            field = cls.fields.get(tag)
            if field is None:
                others.append((tag, inside))
            elif field.name in values:
                raise FrameError(f"field {tag:02X} stands twice in an ACSE APDU")
            else:
                values[field.name] = field.read(inside)
        try:
            return cls(others=tuple(others), **values)  # type: ignore[call-arg]
        except TypeError:
            raise FrameError(f"a field is missing in the ACSE APDU with tag {cls.tag:02X}") from None


@dataclass(frozen=True, slots=True)
class AssociationRequest(_Apdu):
    """AARQ. ``mechanism`` is ``None`` without authentication; ``user_information`` holds an InitiateRequest."""

    tag: ClassVar[int] = 0x60
    fields: ClassVar[dict[int, _Field]] = {
        0xA1: _CONTEXT,
        0x8A: _Field("authentication", _read_requirements, lambda _: _REQUIRED),
        0x8B: _wrapped("mechanism"),
        0xAC: _wrapped("password", 0x80),
        0xBE: _USER_INFORMATION,
    }
    context: bytes = LN
    authentication: bool = False
    mechanism: bytes | None = None
    password: bytes | None = None
    user_information: bytes | None = None
    others: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def of(cls, initiate: InitiateRequest, password: bytes | None = None) -> AssociationRequest:
        """The request of a client, with low level security if there is a password."""
        if password is None:
            return cls(user_information=initiate.encode())
        return cls(LN, True, LOW_LEVEL, password, initiate.encode())


@dataclass(frozen=True, slots=True)
class AssociationResponse(_Apdu):
    """AARE. ``user_information`` holds an InitiateResponse, or a ConfirmedServiceError.

    One of the two diagnostics is given: of the service user (the application) or of the provider (ACSE itself).
    """

    tag: ClassVar[int] = 0x61
    fields: ClassVar[dict[int, _Field]] = {
        0xA1: _CONTEXT,
        0xA2: _integer("result", ber.INTEGER),
        0xA3: _Field("source", lambda content: content, lambda content: content),
        0x88: _Field("authentication", _read_requirements, lambda _: _REQUIRED),
        0x89: _wrapped("mechanism"),
        0xAA: _wrapped("value", 0x80),
        0xBE: _USER_INFORMATION,
    }
    context: bytes
    result: int
    source: bytes
    authentication: bool = False
    mechanism: bytes | None = None
    value: bytes | None = None
    user_information: bytes | None = None
    others: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def of(cls, result: int, diagnostic: int, user_information: bytes | None = None) -> AssociationResponse:
        """The answer of a server, with a diagnostic of the service user."""
        return cls(LN, result, _USER_DIAGNOSTIC.write(diagnostic), user_information=user_information)

    @property
    def diagnostic(self) -> int:
        """The diagnostic's number, whoever gives it. Raises ``FrameError``."""
        field = _USER_DIAGNOSTIC if self.by_user else _PROVIDER_DIAGNOSTIC
        number: int = field.read(self.source)
        return number

    @property
    def by_user(self) -> bool:
        """Whether the diagnostic is one of :class:`Diagnostic`; else it is the provider's."""
        return self.source[:1] == b"\xa1"


_USER_DIAGNOSTIC = _integer("diagnostic", 0xA1, ber.INTEGER)
_PROVIDER_DIAGNOSTIC = _integer("diagnostic", 0xA2, ber.INTEGER)
_REASON = {0x80: _integer("reason"), 0xBE: _USER_INFORMATION}


@dataclass(frozen=True, slots=True)
class ReleaseRequest(_Apdu):
    """RLRQ. ``reason`` 0 normal, 1 urgent, 30 user defined; it may be left out."""

    tag: ClassVar[int] = 0x62
    fields: ClassVar[dict[int, _Field]] = _REASON
    reason: int | None = None
    user_information: bytes | None = None
    others: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseResponse(_Apdu):
    """RLRE. ``reason`` 0 normal, 1 not finished, 30 user defined; it may be left out."""

    tag: ClassVar[int] = 0x63
    fields: ClassVar[dict[int, _Field]] = _REASON
    reason: int | None = None
    user_information: bytes | None = None
    others: tuple[tuple[int, bytes], ...] = ()


Acse: TypeAlias = AssociationRequest | AssociationResponse | ReleaseRequest | ReleaseResponse
_KINDS: dict[int, type[Acse]] = {
    kind.tag: kind for kind in (AssociationRequest, AssociationResponse, ReleaseRequest, ReleaseResponse)
}
#: The first bytes of APDUs that are ACSE's.
TAGS = frozenset(_KINDS)


def decode(octets: bytes) -> Acse:
    """The ACSE APDU of exactly these bytes. Raises ``FrameError``."""
    kind = _KINDS.get(octets[0]) if octets else None
    if kind is None:
        raise FrameError(f"{octets[:1].hex() or 'nothing'} begins no ACSE APDU")
    return kind._of(ber.inner(kind.tag, octets, "an ACSE APDU"))
