"""The OCMF text of a BSM snapshot, byte for byte as each firmware renders it (section 15).

Metadata are bytes and stay bytes: the encoding is the charging controller's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.profiles import Profile
from wattproof.meters.bsm.virtual.registers import IN_AREA, TEXT
from wattproof.meters.bsm.virtual.timekeeping import NO_EPOCH, NO_TZO

SESSION_REGISTER = "1-0:1.8.0*198"
TOTAL_REGISTER = "1-0:1.8.0*255"
ALGORITHM = "ECDSA-secp256r1-SHA256"
#: Characters of metadata that are escaped: quote and backslash by a backslash, the separator and controls by number.
_ESCAPES = {
    **{bytes((code,)): f"\\u{code:04x}".encode() for code in range(0x20)},
    b"|": b"\\u007c",
    b'"': b'\\"',
    b"\\": b"\\\\",
}
_ESCAPED = tuple(_ESCAPES.get(bytes((code,)), bytes((code,))) for code in range(256))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signs: the texts of models 1 and 64900, as stored, without NUL fill."""

    manufacturer: bytes
    type: bytes
    measuring: bytes
    communication: bytes


def escape(text: bytes) -> bytes:
    """A text between JSON quotes (15.5, BD-13).

    >>> escape(b'a|b"')
    b'a\\\\u007cb\\\\"'
    """
    return b"".join(_ESCAPED[code] for code in text)


def number(raw: int, scale: int, kilo: bool) -> str:
    """An energy as RV and XV show it: kWh with two decimals, or integer Wh.

    >>> number(15, 1, True), number(890, 0, False)
    ('0.15', '890')
    """
    watt_hours = raw * 10 ** max(scale, 0) // 10 ** max(-scale, 0)
    if not kilo:
        return str(watt_hours)
    hundredths = watt_hours // 10
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def moment(epoch: int, tzo: int, synchronised: bool) -> str:
    """TM: local time, zone and status letter (15.3, BD-29).

    >>> moment(1657267228, 120, True)
    '2022-07-08T10:00:28,000+0200 S'
    """
    if epoch == NO_EPOCH or tzo == NO_TZO:
        return "1970-01-01T00:00:00,000+0000 U"
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=epoch + 60 * tzo)
    hours, minutes = divmod(abs(tzo), 60)
    sign = "-" if tzo < 0 else "+"
    return f"{local:%Y-%m-%dT%H:%M:%S},000{sign}{hours:02d}{minutes:02d} {'S' if synchronised else 'U'}"


def _field(area: bytes, name: str, *, signed: bool = False) -> int:
    return int.from_bytes(area[IN_AREA[name]], "big", signed=signed)


def payload(area: bytes, identity: Identity, profile: Profile, synchronised: bool = True) -> bytes:
    """The signed part, between the bars. ``area``: the 508 bytes of the snapshot's registers."""
    meter_id = area[IN_AREA["MA1"]].rstrip(b"\0")
    metadata = [area[IN_AREA[name]].rstrip(b"\0") for name in ("Meta1", "Meta2", "Meta3")]
    parts: list[tuple[bytes, bytes]] = [
        (b"FV", b"1.0"),
        (b"GI", escape(identity.manufacturer + b" " + identity.type)),
        (b"GS", escape(meter_id)),
        (b"GV", escape(identity.measuring + b", " + identity.communication)),
        (b"PG", b"T%d" % _field(area, "RCnt")),
        (b"MV", escape(identity.manufacturer)),
        (b"MM", escape(identity.type)),
        (b"MS", escape(meter_id)),
    ]
    head = b",".join(b'"%b":"%b"' % part for part in parts)
    tail = [b'"IS":true', b'"IT":"UNDEFINED"', b'"ID":"%b"' % escape(metadata[0])]
    if profile.states_metadata:
        tail += [
            b'"%b":"%b"' % (key, escape(text)) for key, text in ((b"X2", metadata[1]), (b"X3", metadata[2])) if text
        ]
    return b'{%b,%b,"RD":[{%b}]}' % (head, b",".join(tail), _reading(area, profile, synchronised).encode("ascii"))


def _reading(area: bytes, profile: Profile, synchronised: bool) -> str:
    """The one object of RD, without its braces."""
    epoch, tzo = _field(area, "Epoch"), _field(area, "TZO", signed=True)
    scale = _field(area, "Wh_SF", signed=True)
    kind = SnapshotType(_field(area, "Typ"))
    session = number(_field(area, "RCR"), scale, profile.kilo)
    total = number(_field(area, "TotWhImp"), scale, profile.kilo)
    unit = "kWh" if profile.kilo else "Wh"
    timeless = epoch == NO_EPOCH or tzo == NO_TZO
    events = _field(area, "Evt")
    flags, status = ("Et", "E") if events else ("t" if timeless else "", "G")
    typed = f'"XT":{kind:d},' if profile.states_type else ""
    return (
        f'"TM":"{moment(epoch, tzo, synchronised)}","TX":"{kind.transaction}",'
        f'"RV":{session},"RI":"{SESSION_REGISTER}","RU":"{unit}",'
        f'"XV":{total},"XI":"{TOTAL_REGISTER}","XU":"{unit}",'
        f'{typed}"RT":"AC","EF":"{flags}","ST":"{status}"'
    )


def document(signed: bytes, signature: bytes) -> bytes | None:
    """The whole text from payload and DER signature; ``None`` if it does not fit its registers (992 bytes)."""
    tail = f'{{"SA":"{ALGORITHM}","SD":"{signature.hex()}"}}'
    text = b"OCMF|" + signed + b"|" + tail.encode("ascii")
    return text if len(text) <= TEXT else None
