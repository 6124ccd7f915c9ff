"""The 320-byte block of the EDL family: what these meters sign, as fields and as bytes, and the record of its content.

EDL_40_P rebuilds the block from an SML telegram, EDL_40_MENNEKES from XML, EMH from JSON; EDL_40_SIG carries it whole.
Source: specification of the verifier, 2.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from decimal import Decimal

from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.obis_classes import DEVICE, IMPORT, TOTAL, RegisterClass, classify, energy_class, text_of
from wattproof.signed.parameters import CURVES
from wattproof.signed.records import Clock, Finding, Moment, Reading, Record, Severity, Time
from wattproof.signed.stamps import time_text
from wattproof.signed.units import Algorithm, Carrier

SIZE = 320
WATT_HOUR = 30  # DLMS unit code
OBIS = bytes.fromhex("0100011100ff")  # 1-0:1.17.0*255, the signed import register
COMPENSATED = bytes.fromhex("0100011100c8")
HISTORICAL = bytes.fromhex("010001110064")
#: Bits of the status byte.
ERROR, SYNCHRONISED = 0x01, 0x08

#: Algorithms by the length of r and s side by side.
ALGORITHMS = {
    48: Algorithm("ECDSA-secp192r1-SHA256", curve=CURVES["secp192r1"]),
    64: Algorithm("ECDSA-secp256r1-SHA256", curve=CURVES["secp256r1"]),
}

_LAYOUT = struct.Struct("<10sIBII6sBbq2s128sIQQHI2s123s")
_DEVICE_TOTAL = energy_class(IMPORT, DEVICE, TOTAL)


@dataclass(frozen=True, slots=True)
class Block:
    """The signed fields, in their order. Times are local: UTC seconds plus the offset of the meter's place."""

    server_id: bytes
    timestamp: int
    status: int
    second_index: int
    pagination: int
    value: int
    log: bytes
    contract_id: bytes = b""
    contract_time: int = 0
    obis: bytes = OBIS
    unit: int = WATT_HOUR
    scaler: int = -1
    historical: int = 0
    compensated: int = 0
    resistance: int = 0
    stop_watch: int = 0
    price: bytes = bytes(2)
    reserved: bytes = bytes(123)

    def encode(self) -> bytes:
        """The signed bytes. Raises ``ValueError`` for a field that does not fit its place."""
        for name, size in (("server_id", 10), ("log", 2), ("obis", 6), ("price", 2), ("reserved", 123)):
            if len(getattr(self, name)) != size:
                raise ValueError(f"{name} has {len(getattr(self, name))} bytes instead of {size}")
        if len(self.contract_id) > 128:
            raise ValueError(f"contract_id has {len(self.contract_id)} bytes, at most 128 are signed")
        try:
            return _LAYOUT.pack(*(getattr(self, name) for name in _ORDER))
        except struct.error as error:
            raise ValueError(f"a field does not fit the block: {error}") from None


_ORDER = (
    "server_id timestamp status second_index pagination obis unit scaler value log contract_id contract_time "
    "historical compensated resistance stop_watch price reserved"
).split()


def decode(data: bytes) -> Block:
    """The fields of a block. Raises ``ValueError`` unless it has 320 bytes."""
    if len(data) != SIZE:
        raise ValueError(f"a block has {SIZE} bytes, not {len(data)}")
    found = dict(zip(_ORDER, _LAYOUT.unpack(data), strict=True))
    found["contract_id"] = found["contract_id"].rstrip(b"\0")
    return Block(**found)


def signed64(number: int) -> int:
    """A counter of eight bytes, however its sender read its highest bit. Raises ``ValueError`` if it has more."""
    if not -(1 << 63) <= number < 1 << 64:
        raise ValueError("a value has more than eight bytes")
    return number - (1 << 64) if number >> 63 and number > 0 else number


def scaled(
    number: int, scaler: int, findings: list[Finding], where: str, limits: Limits = DEFAULT
) -> tuple[Decimal | None, str]:
    """A counter times a power of ten, exact, and its text; no value beyond the exponents of section 0.4."""
    if abs(scaler) > limits.exponent:
        findings.append(Finding("F-RV-RANGE", Severity.ERROR, f"{number} x 10^{scaler} is out of range", where))
        return None, f"{number}e{scaler}"
    value = Decimal(number).scaleb(scaler)
    return value, format(value, "f")


def unit_text(code: int) -> str:
    """Name of a DLMS unit code, as far as signed values have one."""
    return "Wh" if code == WATT_HOUR else f"unit {code}"


def counts(obis: bytes) -> RegisterClass:
    """What the register of a binary code counts; D = 17 (signed energy) stands for D = 8."""
    energy = obis[3] == 0x11
    return classify((obis[:3] + b"\x08" + obis[4:] if energy else obis).hex())


def record(
    token: str, block: Block, signed: bytes, carrier: Carrier, moment: Moment | None, offset: int | None
) -> Record:
    """What a block says.

    ``moment`` is ``None`` where only a label of the container says it. ``offset`` is the zone of the local times in
    minutes, ``None`` where the source has none.
    """
    findings = list(carrier.findings)
    time = Time(block.timestamp - 60 * (offset or 0), offset)
    server = block.server_id.hex().upper()
    contract = block.contract_id.hex().upper()
    return Record(
        token,
        carrier.container,
        carrier.source,
        text=_text(block),
        signed=signed,
        findings=findings,
        readings=_readings(block, moment, time, findings),
        meter_serial=server,
        identification=contract or None,
        tariff=_tariff(block.contract_id),
        page=block.pagination,
        page_text=str(block.pagination),
        identity_texts=(server,),
        context=carrier.context,
        transaction=carrier.transaction,
        session=carrier.session,
        extra={
            "status": block.status,
            "second_index": block.second_index,
            "scalers": (block.scaler,),
            "contract_time": block.contract_time,
            "after_172": any(signed[173:]),
            **carrier.extra(),
        },
    )


def _readings(block: Block, moment: Moment | None, time: Time, findings: list[Finding]) -> list[Reading]:
    """The signed value; where the meter compensates cable losses, also the compensated one, which is billed."""
    found = []
    registers: list[tuple[bytes, int, RegisterClass]] = [(block.obis, block.value, counts(block.obis))]
    if block.historical:
        registers.append((HISTORICAL, block.historical, classify(None)))
    if block.compensated:
        registers.append((COMPENSATED, block.compensated, _DEVICE_TOTAL))
    for obis, number, kind in registers:
        name = text_of(obis)
        value, literal = scaled(number, block.scaler, findings, name)
        found.append(
            Reading(
                moment,
                None,
                name,
                value,
                literal,
                unit_text(block.unit),
                time,
                time_text(time),
                Clock.SYNCHRONISED if block.status & SYNCHRONISED else Clock.UNKNOWN,
                "error bit" if block.status & ERROR else "G",
                event_counter=int.from_bytes(block.log, "big"),
                value_error=value is None,
                where=name,
                counts=kind,
            )
        )
    return found


def _tariff(contract: bytes) -> str | None:
    """The tariff text that may follow ``#`` in the contract id, in hexadecimal."""
    _, _, digits = contract.partition(b"#")
    try:
        text = bytes.fromhex(digits.decode("ascii")).decode("ascii")
    except ValueError:
        return None
    return text if text and text.isprintable() else None


def _text(block: Block) -> str:
    lines = []
    for field in fields(block):
        value = getattr(block, field.name)
        if isinstance(value, bytes):
            value = value.hex().upper()
        if field.name != "reserved":
            lines.append(f"{field.name}: {value}")
    return "\n".join(lines)
