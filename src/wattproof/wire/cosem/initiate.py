"""xDLMS Initiate: version, services and APDU sizes of both sides (IEC 62056-53; abb-meters.md 2.4).

>>> InitiateResponse().encode().hex()
'0800065f1f0400001e1d04b00007'
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem.conformance import OFFERED, Conformance
from wattproof.wire.cosem.fields import FLAG, OCTET, RAW, U16, optional
from wattproof.wire.cosem.lengths import take

DLMS_VERSION = 6
#: Longest APDU that either side here takes (abb-meters.md AD-14); 0 means no limit.
MAX_PDU = 1200
#: VAA name of logical name referencing.
VAA_NAME = 0x0007
REQUEST, RESPONSE = 0x01, 0x08
#: Tag 31 of the application class, four bytes, no bit unused: before the 24 conformance bits.
_CONFORMANCE = bytes.fromhex("5F1F0400")
_KEY, _ALLOWED, _QUALITY = optional(RAW), optional(FLAG), optional(OCTET)


@dataclass(frozen=True, slots=True)
class InitiateRequest:
    """What a client proposes. ``max_pdu``: the longest APDU that it takes, 0 for no limit."""

    conformance: Conformance = OFFERED
    max_pdu: int = MAX_PDU
    version: int = DLMS_VERSION
    dedicated_key: bytes | None = None
    response_allowed: bool = True
    quality_of_service: int | None = None

    def encode(self) -> bytes:
        """The A-XDR bytes. Raises ``InvalidValue`` for a size above 65535."""
        allowed = None if self.response_allowed else False
        head = bytes((REQUEST,)) + _KEY.write(self.dedicated_key) + _ALLOWED.write(allowed)
        return head + _QUALITY.write(self.quality_of_service) + _tail(self.version, self.conformance, self.max_pdu)

    @classmethod
    def decode(cls, octets: bytes) -> InitiateRequest:
        """The proposal of exactly these bytes. Raises ``FrameError``."""
        at = _begin(octets, REQUEST, "InitiateRequest")
        key, at = _KEY.read(octets, at)
        allowed, at = _ALLOWED.read(octets, at)
        quality, at = _QUALITY.read(octets, at)
        version, conformance, max_pdu, at = _read_tail(octets, at)
        _end(octets, at)
        return cls(conformance, max_pdu, version, key, allowed is not False, quality)


@dataclass(frozen=True, slots=True)
class InitiateResponse:
    """What a server grants. ``max_pdu``: the longest APDU that it takes, 0 for no limit."""

    conformance: Conformance = OFFERED
    max_pdu: int = MAX_PDU
    version: int = DLMS_VERSION
    quality_of_service: int | None = None
    vaa_name: int = VAA_NAME

    def encode(self) -> bytes:
        """The A-XDR bytes. Raises ``InvalidValue`` for a size above 65535."""
        head = bytes((RESPONSE,)) + _QUALITY.write(self.quality_of_service)
        return head + _tail(self.version, self.conformance, self.max_pdu) + U16.write(self.vaa_name)

    @classmethod
    def decode(cls, octets: bytes) -> InitiateResponse:
        """The grant of exactly these bytes. Raises ``FrameError``."""
        at = _begin(octets, RESPONSE, "InitiateResponse")
        quality, at = _QUALITY.read(octets, at)
        version, conformance, max_pdu, at = _read_tail(octets, at)
        vaa_name, at = U16.read(octets, at)
        _end(octets, at)
        return cls(conformance, max_pdu, version, quality, vaa_name)


def _tail(version: int, conformance: int, max_pdu: int) -> bytes:
    if not 0 <= conformance < 1 << 24:
        raise InvalidValue(f"conformance {conformance:X} has more than 24 bits")
    return OCTET.write(version) + _CONFORMANCE + conformance.to_bytes(3, "big") + U16.write(max_pdu)


def _read_tail(octets: bytes, at: int) -> tuple[int, Conformance, int, int]:
    version, at = OCTET.read(octets, at)
    tag, at = take(octets, at, len(_CONFORMANCE))
    if tag != _CONFORMANCE:
        raise FrameError(f"{tag.hex()} where the conformance should begin with {_CONFORMANCE.hex()}")
    bits, at = take(octets, at, 3)
    max_pdu, at = U16.read(octets, at)
    return version, Conformance(int.from_bytes(bits, "big")), max_pdu, at


def _begin(octets: bytes, tag: int, what: str) -> int:
    if octets[:1] != bytes((tag,)):
        raise FrameError(f"{octets[:1].hex() or 'nothing'} begins no {what}")
    return 1


def _end(octets: bytes, at: int) -> None:
    if at != len(octets):
        raise FrameError(f"{len(octets) - at} bytes too many after the xDLMS initiate APDU")
