"""BSM-WS36A snapshots in the chargeIT (Chargy) JSON container: turn-on and turn-off of a session.

The unsigned copies in the file follow the signed values, tampered ones too. Source: verifier specification, 2.9, 2.10.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from wattproof.errors import InvalidValue
from wattproof.signed.forging.maker import Draft, Sealed, Story
from wattproof.signed.formats import bsm, bsm_export, chargeit
from wattproof.signed.formats.bsm import CURRENT, REGISTERS, SIGNATURE_LENGTH_OFFSET, SIGNATURE_OFFSET, Kind, Value

_MODEL = 64901
_TURN_ON, _TURN_OFF = 1, 2
_TEN = 1  # the energy registers count 10 Wh
_LONGEST_SERIAL = 16


def registers(draft: Draft, signature: bytes) -> bytes:
    """The 254 registers of a signed snapshot, as their 508 bytes, big endian."""
    data = bytearray(REGISTERS * 2)
    struct.pack_into(">HH", data, 0, _MODEL, REGISTERS - 2)
    for field in CURRENT:
        start, size = (field.offset or 0) * 2, field.registers * 2
        value = draft[field.name]
        if isinstance(value, bytes):
            data[start : start + size] = value.ljust(size, b"\0")
            continue
        data[start : start + size] = value.raw.to_bytes(size, "big", signed=field.kind is Kind.SIGNED)
        if field.scale is not None:
            struct.pack_into(">h", data, field.scale * 2, value.scale)
    struct.pack_into(">H", data, SIGNATURE_LENGTH_OFFSET * 2, len(signature))
    data[SIGNATURE_OFFSET * 2 : SIGNATURE_OFFSET * 2 + len(signature)] = signature
    return bytes(data)


@dataclass(frozen=True, slots=True)
class ChargeitMaker:
    token: str = "chargeIT-JSON"  # noqa: S105 (the name of the format)
    curves: tuple[str, ...] = ("secp256r1",)
    fields: tuple[str, ...] = tuple(field.name for field in CURRENT)
    serial: str = "001BZR9900000001"
    lacks: tuple[str, ...] = ()

    def drafts(self, story: Story) -> list[Draft]:
        if not (story.serial.isascii() and story.serial.isprintable() and 0 < len(story.serial) <= _LONGEST_SERIAL):
            raise InvalidValue(f"MA1 of a BSM holds 1 to {_LONGEST_SERIAL} printable ASCII characters")
        begin, end = zip(story.pages, story.times, story.readings, strict=True)
        return [_snapshot(story, _TURN_ON, begin, begin), _snapshot(story, _TURN_OFF, end, begin)]

    def signed(self, draft: Draft, story: Story) -> bytes:
        return bsm.hash_input(draft)

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        snapshots = []
        for sealed in records:
            key = sealed.public_key.spki if sealed.public_key is not None else b""
            meter = bsm_export.Meter(key, "1.9:32CA:AFF4, f1d3d06", "BAUER Electronic", "BSM-WS36A-H01-1311-0000")
            found = bsm_export.write(registers(sealed.draft, sealed.signature), meter)
            if sealed.public_key is None:
                del found["meterInfo"]["publicKey"]
            snapshots.append(found)
        if story.wrong_order:
            snapshots.reverse()
        return chargeit.write(
            snapshots,
            identifier=f"forged-{story.serial}-{story.pages[0]}",
            charge_point=chargeit.charge_point(story.point),
            station=chargeit.station("wattproof", "forge"),
        )


def _snapshot(story: Story, kind: int, now: tuple[int, int, int], begin: tuple[int, int, int]) -> Draft:
    page, seconds, watt_hours = now
    ran = seconds - begin[1]
    return {
        "Typ": Value(kind),
        "RCR": Value((watt_hours - begin[2]) // 10, _TEN),
        "TotWhImp": Value(watt_hours // 10, _TEN),
        "W": Value(0 if kind == _TURN_OFF else 1, 0),
        "MA1": story.serial.encode(),
        "RCnt": Value(page),
        "OS": Value(100_000 + ran),
        "Epoch": Value(seconds),
        "TZO": Value(story.offset),
        "EpochSetCnt": Value(5),
        "EpochSetOS": Value(99_000),
        "DI": Value(0),
        "DO": Value(int(kind == _TURN_ON)),
        "Meta1": f"contract-id: rfid:{story.user.lower()}".encode(),
        "Meta2": f"evse-id: {story.point}".encode(),
        "Meta3": b"",
        "Evt": Value(0),
    }


CHARGEIT_JSON = ChargeitMaker()
