"""A snapshot as the driver fetched it: registers, OCMF text, and what a check of both says.

Source: specification of the BSM, sections 5.7, 5.8, 11 (driver procedure, step 6), 13 and 15.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from typing import Any

from wattproof.errors import InvalidValue, ProtocolError
from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.points import SNAPSHOT, SNAPSHOT_BLOCKS
from wattproof.meters.bsm.publickey import key_of
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.signed.encoding import Refused, decode_der
from wattproof.signed.formats import bsm
from wattproof.wire.modbus.bindings import BoundPoint, decode_reading
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.types import Raw

SEPARATOR = b"|"


@dataclass(frozen=True)
class Snapshot:
    """One signed snapshot.

    ``registers``: the 508 bytes of its model instance, header included. ``ocmf``: the text as the meter stores it,
    without fill, ``None`` where there is none. ``problems``: what the driver found wrong beside the signatures.
    """

    kind: SnapshotType
    meter: DeviceInfo
    registers: bytes
    ocmf: bytes | None
    ocmf_status: SnapshotStatus | None
    taken: datetime
    problems: tuple[str, ...] = field(default=())

    @cached_property
    def fields(self) -> dict[str, Raw | None]:
        """Raw register values by point name; ``None`` for unavailable ones."""
        return {
            point.name: point.type.decode(self.registers[2 * point.offset : 2 * (point.offset + point.registers)])
            for point in SNAPSHOT.points
        }

    def readings(self) -> list[Reading]:
        """Every point of the snapshot, scaled, with the time at which it was fetched."""
        block = SNAPSHOT_BLOCKS[self.kind]
        image = RegisterImage(block.address, self.registers)
        return [decode_reading(BoundPoint(block, point), image, self.taken) for point in block.points]

    def number(self, name: str) -> int | None:
        """A raw number by point name."""
        value = self.fields[name]
        return value if isinstance(value, int) else None

    @property
    def status(self) -> SnapshotStatus:
        raw = self.number("St")
        return SnapshotStatus.INVALID if raw is None else SnapshotStatus(raw)

    @property
    def counter(self) -> int | None:
        """RCnt: the number of this snapshot among all that the meter signed."""
        return self.number("RCnt")

    @property
    def name(self) -> str:
        """ "turn-on T1" """
        return f"{self.kind.word} T{self.counter}"

    @property
    def words(self) -> str:
        """The OCMF text, or the registers where there is none."""
        return self.registers.hex() if self.ocmf is None else self.ocmf.decode("latin-1")

    @property
    def key(self) -> bytes:
        """The meter's public key (DER)."""
        return self.meter.public_key or b""

    def energy(self, name: str = "RCR") -> Decimal | None:
        """RCR or TotWhImp in Wh."""
        raw, scale = self.number(name), self.number("Wh_SF")
        return None if raw is None or scale is None else Decimal(raw).scaleb(scale)

    @property
    def time(self) -> datetime | None:
        """The meter's time with its own offset, ``None`` while it was not set."""
        epoch, offset = self.number("Epoch"), self.number("TZO")
        if epoch is None or offset is None or not -1440 < offset < 1440:
            return None
        return datetime.fromtimestamp(epoch, UTC).astimezone(timezone(timedelta(minutes=offset)))

    @property
    def signature(self) -> bytes:
        """The DER signature of the registers. Raises :class:`~wattproof.errors.ProtocolError` for a bad length."""
        try:
            return bsm.signature(self.registers)
        except InvalidValue as error:
            raise ProtocolError(str(error)) from None

    @property
    def digest(self) -> bytes:
        """SHA-256 over what the signature covers."""
        return bsm.digest(self.registers)

    def pieces(self) -> list[tuple[str, bytes]]:
        """The signed pieces by point name, in the order of signing."""
        return bsm.hash_pieces(self.registers)

    @cached_property
    def valid(self) -> bool:
        """Whether the registers' signature is right under the meter's key; damaged registers have none."""
        if self.number("St") != SnapshotStatus.VALID:
            return False
        try:
            digest, signature = self.digest, self.signature
        except (InvalidValue, ProtocolError):
            return False
        return self._holds(digest, signature)

    @cached_property
    def ocmf_valid(self) -> bool | None:
        """Whether the OCMF text's signature is right; ``None`` without a text."""
        if self.ocmf is None:
            return None
        parts = self.ocmf.split(SEPARATOR)
        signature = _ocmf_signature(parts[2]) if len(parts) == 3 else None
        return signature is not None and self._holds(hashlib.sha256(parts[1]).digest(), signature)

    def _holds(self, digest: bytes, signature: bytes) -> bool:
        key = key_of(self.meter.public_key or b"")
        try:
            r, s = decode_der(key.curve, signature)
        except Refused:
            return False
        return key.verify(digest, r, s)

    @property
    def complaints(self) -> tuple[str, ...]:
        """Everything that is wrong with it, signatures included; empty for a snapshot to rely on."""
        found = []
        if not self.valid:
            found.append("the signature of the snapshot does not verify with the meter's public key")
        if self.ocmf_valid is False:
            found.append("the signature of the OCMF text does not verify with the meter's public key")
        return (*found, *self.problems)

    def with_problems(self, *problems: str) -> Snapshot:
        """A copy with further problems noted."""
        return replace(self, problems=(*self.problems, *problems))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: raw fields, bytes as hexadecimal, the OCMF text as it is (bytes as Latin-1)."""
        return {
            "kind": self.kind.word,
            "status": self.status.value,
            "meter": self.meter.as_dict(),
            "taken": self.taken.isoformat(),
            "time": None if self.time is None else self.time.isoformat(),
            "counter": self.counter,
            "energy": {name: _text(self.energy(name)) for name in ("RCR", "TotWhImp")},
            "signature": "valid" if self.valid else "invalid",
            "ocmf_signature": {None: None, True: "valid", False: "invalid"}[self.ocmf_valid],
            "problems": list(self.complaints),
            "fields": {name: value.hex() if isinstance(value, bytes) else value for name, value in self.fields.items()},
            "registers": self.registers.hex(),
            "digest": self.digest.hex(),
            "ocmf": None if self.ocmf is None else self.ocmf.decode("latin-1"),
            "ocmf_status": None if self.ocmf_status is None else self.ocmf_status.value,
        }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _ocmf_signature(section: bytes) -> bytes | None:
    """SD of a signature section as bytes; ``None`` if there is none."""
    try:
        found = json.loads(section)
        return bytes.fromhex(found["SD"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
